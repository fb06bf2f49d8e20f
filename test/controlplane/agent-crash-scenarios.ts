import { MEANWHILE } from './agent-crash-meanwhile.ts';
import {
  LARGER,
  NOTHING,
  OWNED,
  pending,
  serve,
  serveWithData,
  served,
  settled,
  type Scenario,
} from './agent-crash-scenario.ts';
import type { Expected, World } from './agent-crash-world.ts';

const onDemand: Scenario = {
  name: 'on demand: served, owner changed, reclaimed, served anew',
  play: async (world) => {
    world.arm();
    const uid = await serveWithData(world);
    await world.settle(served(uid, { data: true }));
    await world.patchClaim({ annotations: OWNED });
    await world.settle(served(uid, { data: true, directory: '1000:1001 775' }));
    await world.deleteClaim();
    await world.settle(NOTHING);
    const again = await serve(world);
    return settled(world, served(again));
  },
};

/** Its data, without a volume. */
const kept = (uid: string): Expected => ({
  directory: '0:0 755',
  data: true,
  ledger: { state: 'kept', claim: uid },
});

const retained: Scenario = {
  name: 'policy Retain: released, its volume deleted, its data kept',
  world: { reclaimPolicy: 'Retain' },
  play: async (world) => {
    const uid = await serveWithData(world);
    await world.settle(served(uid, { data: true }));
    world.arm();
    await world.deleteClaim();
    await world.settle({
      ...kept(uid),
      volume: { phase: 'Released', claim: uid },
      ledger: { state: 'made', claim: uid },
    });
    await world.deleteVolume();
    return settled(world, kept(uid));
  },
};

const heir: Scenario = {
  name: 'kept data is refused to a new claim, and adopted by its annotation',
  world: { reclaimPolicy: 'Retain' },
  play: async (world) => {
    const uid = await serveWithData(world);
    await world.deleteClaim();
    await world.untilReleased();
    await world.deleteVolume();
    await world.settle(kept(uid));
    world.arm();
    const next = await world.claim();
    await world.untilEvent('DirectoryNotEmpty', next);
    await world.settle({ ...kept(uid), ...pending(next) });
    await world.patchClaim({ annotations: { 'local.tars.io/adopt': 'true' } });
    await world.untilBound(next, { data: true });
    return settled(world, served(next, { data: true }));
  },
};

const offerTaken: Scenario = {
  name: 'per node: offered, taken, reclaimed',
  world: { way: 'per-node' },
  play: async (world) => {
    world.arm();
    const uid = await world.claim();
    await world.bind(uid);
    await world.untilBound(uid, { data: false });
    world.writeData();
    await world.settle(served(uid, { data: true }));
    await world.deleteClaim();
    return settled(world, NOTHING);
  },
};

const offerWithdrawn: Scenario = {
  name: 'per node: offered, nobody waits any more, withdrawn',
  world: { way: 'per-node' },
  play: async (world) => {
    world.arm();
    const uid = await world.claim();
    await world.settle({
      ...pending(uid),
      volume: { phase: 'Available', claim: 'nobody' },
      directory: '0:0 755',
      ledger: { state: 'made', claim: 'nobody' },
    });
    await world.deleteClaim();
    return settled(world, NOTHING);
  },
};

const forcedAway: Scenario = {
  name: 'a volume is forced away under its claim, and made again',
  play: async (world) => {
    const uid = await serveWithData(world);
    await world.settle(served(uid, { data: true }));
    world.arm();
    await world.forceVolumeAway();
    return settled(world, served(uid, { data: true }));
  },
};

const handedBack: Scenario = {
  name: 'no room: the claim is handed back',
  world: { reserve: '1000Ti' },
  countsFromStart: true,
  play: async (world) => {
    const uid = await world.claim();
    await world.until('the claim to be handed back', () => isHandedBack(world));
    return settled(world, pending(uid));
  },
};

const roomGone: Scenario = {
  name: 'no room any more after the crash: served, or handed back',
  world: { laterReserve: '1000Ti' },
  play: async (world) => {
    world.arm();
    const uid = await world.claim();
    await world.until('a decision', () => isHandedBack(world) || world.claimNow()?.status?.phase === 'Bound');
    return settled(world, isHandedBack(world) ? pending(uid) : served(uid));
  },
};

const adopted: Scenario = {
  name: "another provisioner's bound volume is adopted, and reclaimed",
  play: async (world) => {
    const volumeName = await world.makeForeignVolume();
    const uid = await world.claim({ volumeName });
    await world.untilBound(uid, { data: true });
    world.arm();
    await world.patchClaim({ annotations: { 'local.tars.io/adopt': 'true' } });
    await world.settle(served(uid, { data: true }));
    await world.deleteClaim();
    return settled(world, NOTHING);
  },
};

const firstStart: Scenario = {
  name: 'first start on an empty root, a claim without the label waits',
  world: { isNew: true },
  countsFromStart: true,
  before: async (world) => void (await world.claim({ isRouted: false })),
  play: async (world) => {
    const uid = await world.until('the claim', () => world.claimNow()?.metadata?.uid);
    await world.untilBound(uid, { data: false });
    return settled(world, served(uid));
  },
};

const inImage: Scenario = {
  name: 'an image: mounted, served, owner changed, reclaimed, served anew',
  world: { backend: 'loop' },
  play: async (world) => {
    world.arm();
    const uid = await serveWithData(world);
    await world.patchClaim({ annotations: OWNED });
    await world.settle(served(uid, { data: true, directory: '1000:1001 775' }));
    await world.deleteClaim();
    await world.settle(NOTHING);
    return settled(world, served(await serve(world)));
  },
};

const inMemory: Scenario = {
  name: 'in memory: mounted, served, expanded, reclaimed',
  world: { backend: 'tmpfs' },
  play: async (world) => {
    world.arm();
    const uid = await serveWithData(world);
    await world.settle(served(uid, { data: true }));
    await world.expand(LARGER);
    await world.settle(served(uid, { data: true }));
    await world.deleteClaim();
    return settled(world, NOTHING);
  },
};

const imageKept: Scenario = {
  name: 'an image of policy Retain: kept in its place, and adopted by another claim',
  world: { backend: 'loop', reclaimPolicy: 'Retain' },
  play: async (world) => {
    const uid = await serveWithData(world);
    await world.deleteClaim();
    await world.untilReleased();
    world.arm();
    await world.deleteVolume();
    await world.settle(kept(uid));
    const next = await world.claim({ annotations: { 'local.tars.io/adopt': 'true' } });
    await world.untilBound(next, { data: true });
    return settled(world, served(next, { data: true }));
  },
};

function isHandedBack(world: World): boolean {
  const claim = world.claimNow();
  return (
    claim !== undefined && claim.metadata?.annotations?.['volume.kubernetes.io/selected-node'] === undefined
  );
}

/** Each is played once without a kill, and once for every point. */
export const SCENARIOS: readonly Scenario[] = [
  firstStart,
  onDemand,
  retained,
  heir,
  offerTaken,
  offerWithdrawn,
  forcedAway,
  handedBack,
  roomGone,
  adopted,
  inImage,
  inMemory,
  imageKept,
  ...MEANWHILE,
];
