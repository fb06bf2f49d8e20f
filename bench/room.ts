import type { BenchOptions, Measured, Say } from './frame/bench.ts';
import { BY_HAND, measureGrowth, ROOM_LEFT_OUT, ROOM_LOOKED_AT } from './scale/ever-more-nodes.ts';

/**
 * What it costs that the scheduler looks for room before it chooses a node: for each node that might do it goes through
 * the room of all, as it goes through all volumes where they were made by hand. So there are fewer claims and nodes than
 * in bench scale.
 */
export const measure = (options: BenchOptions, say: Say, detail: Say): Promise<Measured> =>
  measureGrowth(
    {
      ways: [ROOM_LOOKED_AT, ROOM_LEFT_OUT, BY_HAND],
      throttled: false,
      looksAtRest: false,
      claims: 500,
      nodes: [100, 300],
    },
    options,
    { say, detail },
  );
