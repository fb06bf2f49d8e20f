import type { Trouble } from './simulation-agent.ts';
import type { World } from './simulation.ts';

/** Longer than the agent waits for anything but an offer, which is there for two of these. */
const ROUND_MS = 301_000;
const QUIET_ROUNDS = 5;
const MOST_ROUNDS = 60;
const MOST_WRITES = 200;

/** Lets everything that is under way come to its end. @throws {Broken} where it never does */
export async function settle(world: World): Promise<void> {
  world.log.push('everything is healthy, and time passes');
  world.isPoolAway = false;
  world.disk.isFull = false;
  world.lacking.clear();
  for (const filesystem of world.disk.filesystems.values()) filesystem.isHeld = false;
  world.agent.addAll();
  let quiet = 0;
  for (let round = 0; quiet < QUIET_ROUNDS; round++) {
    if (round > MOST_ROUNDS) world.broken('it goes on for ever');
    quiet = (await settleOnce(world)) ? 0 : quiet + 1;
    world.now += ROUND_MS;
    world.disk.trash.clear();
    world.agent.wake();
    // The slow round of the agent.
    if (round % 2 === 0) world.agent.addAll();
  }
}

/** Everybody once; the trouble comes once. @returns whether anything was done */
export async function settleOnce(world: World, trouble?: Trouble, schedules = true): Promise<boolean> {
  const before = world.effects;
  let isChanged = false;
  for (const claim of schedules ? world.api.claims.values() : []) {
    if (world.schedule(claim)) isChanged = true;
  }
  for (let writes = 0; world.control(0, 1); writes++) {
    isChanged = true;
    if (writes > MOST_WRITES) world.broken('the controllers go on for ever');
  }
  world.deliverAll();
  let isOver = false;
  const due = [...world.agent.due];
  for (const key of due) isOver = (await world.reconcile(key, isOver ? undefined : trouble)) || isOver;
  world.check();
  return isChanged || world.effects !== before;
}
