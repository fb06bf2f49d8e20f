import { expect } from 'chai';
import { Outdated } from '../../../src/agent/agent-api.ts';
import type { ClaimView } from '../../../src/agent/claim-view.ts';
import { PathIndex } from '../../../src/agent/path-index.ts';
import { type NodeCaches, RootCaches } from '../../../src/agent/root-caches.ts';
import { refuseRootless } from '../../../src/agent/rootless.ts';
import type { Roots } from '../../../src/agent/roots.ts';
import type { VolumeView } from '../../../src/agent/volume-view.ts';
import { silentLogger } from '../../../src/cluster/observer.ts';
import { rejection } from './disk-world.ts';
import { claim, PATH, storageClass, volume } from './plan-states.ts';

const ROOTS: Roots = ['/a', '/b'];
const CLASSES = [
  storageClass('plain', 'local.tars.io'),
  storageClass('fast', 'local.tars.io', { root: '/b' }),
  storageClass('away', 'local.tars.io', { root: '/c' }),
  storageClass('away-offers', 'kubernetes.io/no-provisioner', { root: '/c' }),
  storageClass('wrong', 'local.tars.io', { rot: '/b' }),
];

/** Claims at one key, whichever it is, and volumes at one path but for the stray. */
function cachesOf(claims: readonly ClaimView[], volumes: readonly VolumeView[] = []): NodeCaches {
  const index = new PathIndex<VolumeView>(
    ({ name }) => (name === 'stray' ? 'volume stray' : PATH),
    () => {},
  );
  for (const each of volumes) index.upsert(each.name, each);
  return {
    classes: new Map(CLASSES.map((each) => [each.name, each])),
    claimsAt: () => [...claims],
    volumes: index,
  };
}

const named = (name: string, over: Partial<ClaimView> = {}): ClaimView =>
  claim({ name, uid: name, storageClass: name, ...over });

describe('what one of several roots sees', () => {
  const claims = ['plain', 'fast', 'away', 'wrong', 'unknown'].map((name) => named(name));
  const seenFrom = (root: string, caches: NodeCaches, key: string = PATH) =>
    new RootCaches(caches, root, ROOTS).claimsAt(key).map(({ name }) => name);

  it('is claims of its classes; those that make no sense are of the first root', () => {
    const caches = cachesOf(claims);
    expect(seenFrom('/a', caches)).to.deep.equal(['plain', 'wrong', 'unknown']);
    expect(seenFrom('/b', caches)).to.deep.equal(['fast']);
  });

  it('is every claim that has a volume: where that is does not hang on the class', () => {
    const caches = cachesOf(claims.map((each) => ({ ...each, volumeName: 'somewhere' })));
    for (const root of ROOTS) expect(seenFrom(root, caches)).to.have.lengthOf(claims.length);
  });

  it('is every claim that has no path, whatever its class says', () => {
    expect(seenFrom('/a', cachesOf(claims), 'claim shop/x')).to.have.lengthOf(claims.length);
  });

  it('is volumes below it, and those that are below no root', () => {
    const volumes = [
      volume({ name: 'in-a', path: `/a/${PATH}` }),
      volume({ name: 'in-b', path: `/b/${PATH}` }),
      volume({ name: 'beside', path: `/bb/${PATH}` }),
      volume({ name: 'stray', path: '/elsewhere' }),
    ];
    const caches = cachesOf([], volumes);
    const seen = (root: string, key: string) =>
      new RootCaches(caches, root, ROOTS).volumes.at(key).map(({ name }) => name);
    expect(seen('/a', PATH)).to.deep.equal(['in-a']);
    expect(seen('/b', PATH)).to.deep.equal(['in-b']);

    expect(seen('/a', 'volume stray')).to.deep.equal(['stray']);
  });
});

describe('claims of a root that the agent lacks', () => {
  let did: string[];
  let failure: Error | undefined;

  beforeEach(() => {
    did = [];
    failure = undefined;
  });

  const refuse = (claims: readonly ClaimView[], volumes: readonly VolumeView[] = []): Promise<void> =>
    refuseRootless(PATH, {
      caches: cachesOf(claims, volumes),
      roots: ROOTS,
      node: 'n1',
      published: async () => void did.push('published'),
      api: {
        handBack: async ({ name }) => {
          if (failure) throw failure;
          did.push(`handed back ${name}`);
        },
      },
      said: {
        logger: silentLogger,
        events: {
          record: ({ name }, type, reason, message) => did.push(`${name} ${type} ${reason}: ${message}`),
        },
      },
    });

  const WHY =
    'node n1 has no root /c (parameter root of StorageClass away): its agent serves /a, /b; start it with --root /c too';

  it('are handed back once the scheduler knows, and told why', async () => {
    await refuse([named('plain'), named('away'), named('fast')]);
    expect(did).to.deep.equal([
      'published',
      'handed back away',
      `away Warning ClaimHandedBack: ${WHY}; the scheduler looks for another node`,
    ]);
  });

  it('are not told that they were where somebody else was faster', async () => {
    failure = new Outdated('it was changed');
    expect(await rejection(refuse([named('away')]))).to.equal(failure);
    expect(did).to.deep.equal(['published']);
  });

  it('stay where they wait for offers, and are told why this node makes none', async () => {
    const offer = named('away-offers', { way: 'per-node', selectedNode: undefined });
    await refuse([offer]);
    expect(did).to.deep.equal([
      `away-offers Warning ProvisioningFailed: ${WHY.replace('away)', 'away-offers)')}`,
    ]);
    did = [];
    await refuse([
      { ...offer, isDeleting: true },
      { ...offer, volumeName: 'somewhere' },
    ]);
    expect(did).to.deep.equal([]);
  });

  it("are left alone where they are not this node's, have a volume, or are on their way out", async () => {
    const away = named('away');
    await refuse([
      { ...away, selectedNode: 'n2' },
      { ...away, selectedNode: undefined },
      { ...away, volumeName: 'somewhere', phase: 'Bound' },
      { ...away, isDeleting: true },
    ]);
    await refuse([away], [volume({ claim: away })]);
    expect(did).to.deep.equal([]);
  });
});
