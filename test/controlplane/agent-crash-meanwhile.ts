import { NOTHING, serveWithData, served, settled, settledAs, type Scenario } from './agent-crash-scenario.ts';
import type { Expected } from './agent-crash-world.ts';

/** Scenarios in which something happens while the agent is down. */

const offerTakenMeanwhile: Scenario = {
  name: 'per node: the withdrawal of an offer is broken off, and another claim takes it',
  world: { way: 'per-node' },
  isHeld: true,
  play: async (world) => {
    await world.claim();
    await world.until('an offer', () => world.volume()?.status?.phase === 'Available');
    world.arm();
    await world.deleteClaim();
    await world.until('the withdrawal', () => world.isStopped || world.volume() === undefined);
    await world.refresh();
    const uid = await world.claim();
    await world.tryToBind(uid);
    world.release();
    await world.bind(uid);
    await world.untilBound(uid, { data: false });
    return settled(world, served(uid));
  },
};

const forcedAwayMeanwhile: Scenario = {
  name: 'a volume is forced away while the agent is down, and made again',
  isHeld: true,
  play: async (world) => {
    world.arm();
    const uid = await world.claim();
    await world.untilBoundOrStopped(uid);
    // Stopped just after it had made the volume, it is bound all the same.
    await world.refresh();
    const isMade = world.volume() !== undefined;
    if (isMade) {
      await world.untilBound(uid, { data: false });
      world.writeData();
      await world.forceVolumeAway();
    }
    world.release();
    await world.untilBound(uid, { data: isMade });
    return settled(world, served(uid, { data: isMade }));
  },
};

const adoptionAbandoned: Scenario = {
  name: 'the claim is deleted while its adoption is broken off',
  isHeld: true,
  play: async (world) => {
    const volumeName = await world.makeForeignVolume();
    const uid = await world.claim({ volumeName });
    await world.untilBound(uid, { data: true });
    world.arm();
    await world.patchClaim({ annotations: { 'local.tars.io/adopt': 'true' } });
    await world.until('the adoption', () => world.isStopped || world.hasOurFinalizer());
    await world.refresh();
    const isOurs = world.hasOurFinalizer();
    await world.deleteClaim();
    world.release();
    if (isOurs) return settled(world, NOTHING);
    const theirs: Expected = {
      volume: { phase: 'Released', claim: uid, isForeign: true },
      directory: '0:0 755',
      data: true,
    };
    return settledAs(world, [theirs, { ...theirs, ledger: { state: 'made', claim: uid } }]);
  },
};

const abandoned: Scenario = {
  name: 'the claim is deleted while the agent is down',
  isHeld: true,
  play: async (world) => {
    world.arm();
    await world.untilBoundOrStopped(await world.claim());
    await world.deleteClaim();
    world.release();
    return settled(world, NOTHING);
  },
};

const replaced: Scenario = {
  name: 'the claim is deleted and made anew while the agent is down',
  isHeld: true,
  play: async (world) => {
    world.arm();
    await world.untilBoundOrStopped(await world.claim());
    await world.deleteClaim();
    await world.untilReleased();
    const uid = await world.claim();
    world.release();
    await world.untilBound(uid, { data: false });
    return settled(world, served(uid));
  },
};

const replacedWhileReclaimed: Scenario = {
  name: 'the claim is made anew while the reclaiming of its data is broken off',
  isHeld: true,
  play: async (world) => {
    await serveWithData(world);
    world.arm();
    await world.deleteClaim();
    await world.untilReleased();
    const uid = await world.claim();
    world.release();
    await world.untilBound(uid, { data: false });
    return settled(world, served(uid));
  },
};

export const MEANWHILE: readonly Scenario[] = [
  offerTakenMeanwhile,
  forcedAwayMeanwhile,
  adoptionAbandoned,
  abandoned,
  replaced,
  replacedWhileReclaimed,
];
