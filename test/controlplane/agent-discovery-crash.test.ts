import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readDiscoveryConfig } from '../../src/agent/discovery/config.ts';
import type { BeforeEffect } from '../../src/cluster/effect.ts';
import { Crash, needRoot } from '../unit/agent/disk-world.ts';
import { quickened } from './agents.ts';
import { contentOf, DiscoveryDisks } from './discovery-disks.ts';
import { CLAIMS, Served, type Volume, VOLUMES } from './served.ts';
import { waitFor } from './wait.ts';

/**
 * The agent dies before each of the effects by which it takes a disk back, one after the other, and a new one comes:
 * nobody is ever offered a disk with somebody's data on it, and it is offered again in the end.
 */

const NODE = 'node-1';
/** More than it has effects. */
const MOST = 60;
/** What has nothing to do with disks, and comes whenever it likes. */
const ASIDE = /leases|csistoragecapacities|probe|reserve/;

/** Lets so many effects happen once it is lit, and none after them. */
class Fuse {
  last = 'nothing';
  isIntact = true;
  #left = Infinity;

  light(count: number): void {
    this.#left = count;
  }

  readonly before: BeforeEffect = (what) => {
    if (this.isIntact && ASIDE.test(what)) return;
    if (this.isIntact && this.#left-- > 0) return;
    if (this.isIntact) this.last = what;
    this.isIntact = false;
    throw new Crash(what);
  };
}

describe('an agent that dies while it takes a disk back', function () {
  this.timeout(600_000);
  this.slow(300_000);
  let served: Served;
  let disks: DiscoveryDisks;

  before(needRoot);
  before(async () => {
    disks = new DiscoveryDisks();
    const directory = disks.directory('disks');
    const discovery = readDiscoveryConfig(
      new Map([['storageClassMap', `disks: {hostDir: ${directory}, mountDir: ${directory}}`]]),
    );
    served = await Served.start({
      nodes: [NODE],
      classes: 't-storage-class=on-demand,disks=discovery',
      agents: { clock: quickened(20), discovery },
    });
    await served.create('/apis/storage.k8s.io/v1/storageclasses', {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'disks' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'Immediate',
    });
  });
  after(async () => {
    await served?.stop();
    disks?.remove();
  });

  const only = async (): Promise<Volume | undefined> => {
    const [volume, ...others] = await served.list<Volume>(VOLUMES);
    expect(others, 'one disk, one volume').to.deep.equal([]);
    return volume;
  };
  const offered = (before?: Volume) =>
    waitFor('the disk to be offered', async () => {
      const volume = await only();
      return volume?.status.phase === 'Available' && volume.metadata.uid !== before?.metadata.uid && volume;
    });

  /** A claim of this name has the disk, with data on it, and the agent knows that. */
  async function used(name: string, path: string): Promise<Volume> {
    await served.create(CLAIMS, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: 'default' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'disks',
        resources: { requests: { storage: '1Mi' } },
      },
    });
    const volume = await served.bound(name);
    mkdirSync(join(path, 'deep/er'), { recursive: true });
    for (const file of ['file', 'deep/er/file']) writeFileSync(join(path, file), name);
    return volume;
  }

  function isKnown({ spec }: Volume): boolean {
    const folder = served.agents.path(NODE, '.tlv/discovered');
    return readdirSync(folder).some((file) =>
      readFileSync(join(folder, file), 'utf8').includes(spec.claimRef!.uid),
    );
  }

  /** Whoever is offered the disk at this moment finds nothing on it. */
  async function nothingIsShown(path: string, at: string): Promise<void> {
    const volume = await only();
    if (volume === undefined || volume.spec.claimRef) return;
    expect(contentOf(path), at).to.deep.equal([]);
  }

  it('offers it to nobody with data on it, and offers it again in the end', async () => {
    const path = disks.loopmount('disks', 'disk', '20M');
    const start = async (): Promise<Fuse> => {
      const fuse = new Fuse();
      await served.agents.start(NODE, { beforeEffect: fuse.before });
      return fuse;
    };
    let fuse = await start();
    await offered();
    const seen: string[] = [];
    for (let count = 0; ; count++) {
      expect(count).to.be.below(MOST);
      const bound = await used(`claim-${count}`, path);
      await waitFor('the agent to know it', () => isKnown(bound));
      fuse.light(count);
      await served.remove(`${CLAIMS}/claim-${count}`);
      await waitFor('it to die, or to be done', async () => {
        const volume = await only();
        const isDone = volume?.status.phase === 'Available' && volume.metadata.uid !== bound.metadata.uid;
        return !fuse.isIntact || isDone;
      });
      seen.push(fuse.last);
      await served.agents.stop(NODE);
      await nothingIsShown(path, fuse.last);
      // Every other time, somebody removes the volume by force meanwhile.
      const volume = await only();
      if (volume && count % 2 === 1) await served.tearOut(`${VOLUMES}/${volume.metadata.name}`);
      const wasIntact = fuse.isIntact;
      fuse = await start();
      await offered(bound);
      expect(contentOf(path), seen.at(-1)).to.deep.equal([]);
      if (wasIntact) break;
    }
    // Every boundary was hit but for those that moved between two rounds; of each kind at least one.
    const KINDS = [
      /^make the file .*discovered/,
      /^rename .*discovered/,
      /^remove .*file$/,
      /^(DELETE|PATCH) persistentvolumes /,
    ];
    for (const kind of [...KINDS, /^POST persistentvolumes /])
      expect(
        seen.some((effect) => kind.test(effect)),
        `${kind} among ${seen.join(', ')}`,
      ).to.equal(true);
  });
});
