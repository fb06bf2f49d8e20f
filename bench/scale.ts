import type { BenchOptions, Measured, Say } from './frame/bench.ts';
import { measureGrowth, ROOM_LEFT_OUT } from './scale/ever-more-nodes.ts';

/**
 * What a claim costs must not grow with the nodes that it has nothing to do with.
 *
 * - The scheduler is not told to look for room here: with so many claims it would be at it for hours, whoever makes the
 *   volumes (bench room, docs/limitations.md).
 * - Pods come as fast as the StatefulSet controller makes them where nobody tells it otherwise, ten a second. As fast as it
 *   can, it takes an API server of two processors away from all others (docs/performance.md).
 */
export const measure = (options: BenchOptions, say: Say, detail: Say): Promise<Measured> =>
  measureGrowth(
    { ways: [ROOM_LEFT_OUT], throttled: true, looksAtRest: true, claims: 10_000, nodes: [100, 300, 1000] },
    options,
    { say, detail },
  );
