import { expect } from 'chai';
import fc from 'fast-check';
import { readVolumeView } from '../../../src/agent/volume-view.ts';
import { persistentVolume } from '../../../src/tars/persistent-volume.ts';
import { law, PATIENCE } from '../laws/law.ts';

const metadata = { name: 'v', uid: 'volume-1', resourceVersion: '9' };
const read = (parts: Record<string, unknown>) =>
  readVolumeView({ ...parts, metadata: { ...metadata, ...(parts.metadata as object) } });

describe('a volume, as the agent sees it', () => {
  it('is what the agent wrote, as the API server gives it back', () => {
    const written = persistentVolume({
      name: 'v',
      address: { namespace: 'shop', app: 'Shop', server: 'cart', volume: 'data' },
      path: '/pool/shop/Shop.cart/data',
      node: 'n1',
      hostname: 'host-1',
      pool: 'pool-1',
      storageClass: 't-storage-class',
      way: 'on-demand',
      accessMode: 'ReadWriteOnce',
      size: '5Gi',
      sizeEnforced: false,
      reclaimPolicy: 'Delete',
      claim: { namespace: 'shop', name: 'data-cart-0', uid: 'claim-1' },
    });
    expect(read({ ...written, status: { phase: 'Bound' } })).to.deep.equal({
      name: 'v',
      uid: 'volume-1',
      resourceVersion: '9',
      isDeleting: false,
      phase: 'Bound',
      reclaimPolicy: 'Delete',
      storageClass: 't-storage-class',
      path: '/pool/shop/Shop.cart/data',
      claim: { namespace: 'shop', name: 'data-cart-0', uid: 'claim-1' },
      capacityBytes: 5 * 2 ** 30,
      hasFinalizer: true,
      pool: 'pool-1',
    });
  });

  it('is as little as there is', () => {
    expect(read({})).to.deep.equal({
      ...metadata,
      isDeleting: false,
      phase: 'Pending',
      reclaimPolicy: '',
      storageClass: '',
      path: '',
      claim: undefined,
      capacityBytes: 0,
      hasFinalizer: false,
      pool: undefined,
    });
  });

  const SIGNS: [string, Record<string, unknown>, object][] = [
    ['no path where it is no local volume', { spec: { hostPath: { path: '/pool/x' } } }, { path: '' }],
    [
      'a claim without uid, as people write it',
      { spec: { claimRef: { namespace: 'shop', name: 'c' } } },
      { claim: { namespace: 'shop', name: 'c', uid: '' } },
    ],
    ['an empty claim', { spec: { claimRef: {} } }, { claim: { namespace: '', name: '', uid: '' } }],
    ['no claim where it is null', { spec: { claimRef: null } }, { claim: undefined }],
    [
      'that it is being deleted',
      { metadata: { deletionTimestamp: '2024-01-01T00:00:00Z' } },
      { isDeleting: true },
    ],
    [
      'our finalizer among others',
      { metadata: { finalizers: ['a', 'local.tars.io/volume'] } },
      { hasFinalizer: true },
    ],
    [
      'no finalizer of a name like ours',
      { metadata: { finalizers: ['local.tars.io/volumes', 'xlocal.tars.io/volume'] } },
      { hasFinalizer: false },
    ],
    ['no finalizer in a text', { metadata: { finalizers: 'local.tars.io/volume' } }, { hasFinalizer: false }],
    ['its pool', { metadata: { annotations: { 'local.tars.io/pool': 'p' } } }, { pool: 'p' }],
    [
      'no pool where it is empty',
      { metadata: { annotations: { 'local.tars.io/pool': '' } } },
      { pool: undefined },
    ],
    [
      'no pool by another agent’s annotation',
      { metadata: { annotations: { 'pv.kubernetes.io/provisioned-by': 'agent-downloader-provisioner-n1' } } },
      { pool: undefined, hasFinalizer: false },
    ],
  ];
  for (const [name, parts, expected] of SIGNS) {
    it(`says ${name}`, () => {
      expect(read(parts)).to.deep.include(expected);
    });
  }

  it('is read from any JSON', function () {
    this.timeout(PATIENCE);
    law(fc.record({ spec: fc.jsonValue(), status: fc.jsonValue() }), (parts) => {
      const { path, phase, claim } = read(parts);
      expect([typeof path, typeof phase]).to.deep.equal(['string', 'string']);
      if (claim) expect(typeof claim.uid).to.equal('string');
    });
  });
});
