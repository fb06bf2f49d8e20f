import { expect } from 'chai';
import { readDiscoveryConfig } from '../../../src/agent/discovery/config.ts';
import { discoveredVolume, roundedDown } from '../../../src/agent/discovery/discovered-volume.ts';
import { placeAt, placeOf, volumeNameOf } from '../../../src/agent/discovery/place.ts';
import { readVolumeView } from '../../../src/agent/volume-view.ts';
import { CONFIG, PLACE } from './discovery-states.ts';

const NODE = {
  name: 'n1',
  uid: 'node-1',
  hostname: 'h1',
  labels: { rack: 'r1', 'kubernetes.io/hostname': 'h1' },
  pool: 'pool-1',
};
const configOf = (keys: Record<string, string>) =>
  readDiscoveryConfig(
    new Map(Object.entries({ storageClassMap: 'disks: {hostDir: /mnt/disks, mountDir: /disks}', ...keys })),
  );
const made = (keys: Record<string, string> = {}, bytes = 6 * 2 ** 30) => {
  const config = configOf(keys);
  const place = placeOf(config.classes[0]!, 'one', 'n1');
  return discoveredVolume({ name: 'local-pv-1', place, node: NODE, config, bytes, reclaimPolicy: 'Delete' });
};

describe('the volume of a disk', () => {
  it('has the name that its place has, for ever', () => {
    expect(volumeNameOf(PLACE)).to.equal('local-pv-5b35301cf6cb16e44915');
  });

  it('has another name on another node, for another class, and at another path', () => {
    const [discovered] = CONFIG.classes;
    const places = [
      placeOf(discovered!, 'one', 'n1'),
      placeOf(discovered!, 'one', 'n2'),
      placeOf({ ...discovered!, storageClass: 'fast' }, 'one', 'n1'),
      placeOf({ ...discovered!, hostDir: '/mnt/other' }, 'one', 'n1'),
      placeOf(discovered!, 'two', 'n1'),
    ];
    expect(new Set(places.map(volumeNameOf)).size).to.equal(places.length);
  });

  it('is found again by its class and path, at the first level of its directory only', () => {
    const at = (storageClass: string, path: string) => placeAt(CONFIG.classes, { storageClass, path }, 'n1');
    expect(at('disks', '/mnt/disks/one')).to.deep.equal(PLACE);
    for (const path of [
      '/mnt/disks',
      '/mnt/disks/',
      '/mnt/disks/..',
      '/mnt/disks/a/b',
      '/mnt/disksx',
      '/mnt/other/one',
    ])
      expect(at('disks', path), path).to.equal(undefined);
    expect(at('fast', '/mnt/disks/one')).to.equal(undefined);
  });

  it('is what the agent reads back as its own', () => {
    const { metadata, ...rest } = made();
    const stored = { ...rest, metadata: { ...metadata, uid: 'u', resourceVersion: '1' } };
    expect(readVolumeView(stored)).to.deep.include({
      isDiscovered: true,
      pool: 'pool-1',
      hasFinalizer: true,
      path: '/mnt/disks/one',
    });
  });

  it('has the labels of the node that are asked for, and always the hostname', () => {
    const { labels } = made({
      nodeLabelsForPV: '[rack, zone]',
      labelsForPV: 'kubernetes.io/hostname: other',
    }).metadata;
    expect(labels).to.deep.equal({ rack: 'r1', 'kubernetes.io/hostname': 'h1' });
  });

  it('names its provisioner with the uid of the node, or by its name only', () => {
    const by = (keys: Record<string, string>) =>
      made(keys).metadata.annotations['pv.kubernetes.io/provisioned-by'];
    expect(by({})).to.equal('local-volume-provisioner-n1-node-1');
    expect(by({ useNodeNameOnly: 'true' })).to.equal('local-volume-provisioner-n1');
  });

  const SIZES: readonly [bytes: number, rounded: number, quantity: string][] = [
    [9 * 2 ** 20 + 7, 9 * 2 ** 20 + 7, '9437191'],
    [9 * 2 ** 20, 9 * 2 ** 20, '9Mi'],
    [10 * 2 ** 20 + 7, 10 * 2 ** 20, '10Mi'],
    // The seed's loopmount of 6G.
    [6_274_609_152, 5983 * 2 ** 20, '5983Mi'],
    [10 * 2 ** 30 - 1, 10_239 * 2 ** 20, '10239Mi'],
    [10 * 2 ** 30 + 7, 10 * 2 ** 30, '10Gi'],
  ];
  for (const [bytes, rounded, quantity] of SIZES) {
    it(`of ${bytes} bytes says ${quantity}`, () => {
      expect(roundedDown(bytes)).to.equal(rounded);
      expect(made({}, bytes).spec.capacity.storage).to.equal(quantity);
    });
  }
});
