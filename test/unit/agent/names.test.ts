import { expect } from 'chai';
import fc from 'fast-check';
import type { VolumeAddress } from '../../../src/tars/host-path.ts';
import {
  directorySize,
  persistentVolume,
  persistentVolumeName,
} from '../../../src/tars/persistent-volume.ts';
import { law, PATIENCE } from '../laws/law.ts';

const ADDRESS: VolumeAddress = { namespace: 'shop', app: 'Shop', server: 'cart', volume: 'data' };
const WHERE = '/usr/local/app/tars/host-mount/shop/Shop.cart/data';
const LONG = 'x'.repeat(63);
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

// Pinned: the name is the lock on a path, and clusters hold volumes with these names.
describe('the name of a volume', () => {
  const GOLDEN: [string, Partial<VolumeAddress>, string, string, string][] = [
    ['plain', {}, 'node-1', WHERE, 'shop-data-shop-cart-a56b426e095be39d248e'],
    ['another node', {}, 'node-2', WHERE, 'shop-data-shop-cart-2caf72b9a75eded75e8e'],
    ['another root', {}, 'node-1', '/data/shop/Shop.cart/data', 'shop-data-shop-cart-81939acfe4a3bf3e35a3'],
    ['an ordinal', { ordinal: 3 }, 'node-1', `${WHERE}.3`, 'shop-data-shop-cart-b2fe46819d04ef210128'],
    [
      'dots and marks',
      { app: 'A_b', server: 'c.D_e', volume: 'f._g' },
      'node8.67',
      '/p/shop/A_b.c.D_e/f._g',
      'shop-f-g-a-b-c-d-e-9d2687d2b1c53a98e41d',
    ],
    [
      'all that it can be',
      { namespace: LONG, app: LONG, server: LONG, volume: LONG },
      'node-1',
      `/p/${LONG}/${LONG}.${LONG}/${LONG}`,
      `${LONG}-${LONG}-${LONG}-${'x'.repeat(40)}-d471717832c258b9078e`,
    ],
    [
      'cut at a mark',
      { namespace: LONG, volume: LONG, app: LONG, server: `${'y'.repeat(39)}.z` },
      'node-1',
      '/p/cut',
      `${LONG}-${LONG}-${LONG}-${'y'.repeat(39)}-5383a48f2e9d324660de`,
    ],
  ];
  for (const [what, over, node, path, name] of GOLDEN) {
    it(`is pinned: ${what}`, () => {
      expect(persistentVolumeName({ ...ADDRESS, ...over }, node, path)).to.equal(name);
    });
  }

  it('differs by node and by path alone', () => {
    const name = (over: Partial<VolumeAddress>, node: string, path: string): string =>
      persistentVolumeName({ ...ADDRESS, ...over }, node, path).slice(-20);
    const hashes = [
      name({}, 'a', '/p'),
      name({}, 'b', '/p'),
      name({}, 'a', '/q'),
      // Where one ends and the other begins is told apart.
      name({}, 'a/', 'p'),
      name({}, '', 'a/p'),
      name({}, 'A', '/p'),
      name({}, 'a', '/P'),
    ];
    expect(new Set(hashes).size).to.equal(hashes.length);
    expect(name({ app: 'other' }, 'a', '/p')).to.equal(hashes[0]);
  });

  it('is a name that the API server takes, always', function () {
    this.timeout(PATIENCE);
    const part = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
    law(
      fc.record({
        namespace: part,
        app: part,
        server: part,
        volume: part,
        node: fc.string(),
        path: fc.string(),
      }),
      ({ node, path, ...address }) => {
        const name = persistentVolumeName(address, node, path);
        expect(name).to.match(NAME).and.to.have.length.at.most(253);
        expect(name.slice(-21)).to.match(/^-[0-9a-f]{20}$/);
      },
      2000,
    );
  });
});

describe('a volume as the API is told of it', () => {
  const WANTED = {
    name: 'n',
    address: ADDRESS,
    path: WHERE,
    node: 'node-1',
    hostname: 'host-1',
    pool: 'pool-1',
    storageClass: 't-storage-class',
    way: 'on-demand',
    accessMode: 'ReadWriteOncePod',
    size: '5Gi',
    sizeEnforced: false,
    reclaimPolicy: 'Delete',
    claim: { namespace: 'shop', name: 'data-cart-0', uid: 'u' },
  } as const;

  it('is whole', () => {
    expect(persistentVolume(WANTED)).to.deep.equal({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: {
        name: 'n',
        labels: {
          'kubernetes.io/hostname': 'host-1',
          'tars.io/LocalVolume': 'data',
          'tars.io/ServerApp': 'Shop',
          'tars.io/ServerName': 'cart',
        },
        annotations: {
          'pv.kubernetes.io/provisioned-by': 'agent-downloader-provisioner-node-1',
          'local.tars.io/pool': 'pool-1',
          'local.tars.io/size-enforced': 'false',
        },
        finalizers: ['local.tars.io/volume'],
      },
      spec: {
        accessModes: ['ReadWriteOncePod'],
        capacity: { storage: '5Gi' },
        claimRef: {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          namespace: 'shop',
          name: 'data-cart-0',
          uid: 'u',
        },
        local: { path: WHERE },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['host-1'] }] },
            ],
          },
        },
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 't-storage-class',
        volumeMode: 'Filesystem',
      },
    });
  });

  it('is for no claim, and for one namespace, where it is an offer', () => {
    const { claim: _claim, ...offer } = WANTED;
    const { metadata, spec } = persistentVolume({ ...offer, way: 'per-node', sizeEnforced: true });
    expect(spec).to.not.have.property('claimRef');
    expect(metadata.labels).to.have.property('local.tars.io/namespace', 'shop');
    expect(metadata.annotations).to.have.property('local.tars.io/size-enforced', 'true');
  });
});

describe('the size of a directory', () => {
  const SIZES: [string, string][] = [
    ['1G', '5Gi'],
    ['5Gi', '5Gi'],
    ['5368709120', '5Gi'],
    ['5368709121', '5368709121'],
    ['6Gi', '6Gi'],
    ['5.5e9', '5.5e9'],
    ['5368709119999m', '5Gi'],
    ['1Ti', '1Ti'],
    ['0', '5Gi'],
    ['', '5Gi'],
    ['much', '5Gi'],
  ];
  for (const [request, size] of SIZES) {
    it(`asked for ${request || 'nothing'} is ${size}`, () => {
      expect(directorySize(request)).to.equal(size);
    });
  }
});
