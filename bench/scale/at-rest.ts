import { setTimeout as sleep } from 'node:timers/promises';
import { processorTimeAtRest, type Workers } from '../cluster/processor-time.ts';

/** Milliseconds of processor time in each second, for each of the nodes. */
export interface AtRest {
  readonly all: number;
  readonly agents: number;
}

export const AGENTS = 'agents';

/** Until what comes of a start is over: the first lists, Leases and looks. */
const SETTLING_SECONDS = 20;
/** Leases of agents come each 30 s, and bookmarks each minute. What comes every ten, lists and look-ups, is hardly in it. */
const REST_SECONDS = 60;

/** What a cluster does while nobody asks anything of it. */
export async function measureRest(workers: Workers, nodes: number, quick: boolean): Promise<AtRest> {
  const [settling, rest] = quick ? [0, 1] : [SETTLING_SECONDS, REST_SECONDS];
  await sleep(settling * 1000);
  const time = await processorTimeAtRest(workers, rest);
  const perNode = (seconds: number): number => (seconds * 1000) / nodes;
  return {
    all: perNode([...time.values()].reduce((sum, seconds) => sum + seconds, 0)),
    agents: perNode(time.get(AGENTS) ?? 0),
  };
}
