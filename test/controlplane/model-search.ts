import fc, { type Arbitrary, type AsyncCommand } from 'fast-check';
import { messageOf } from '../../src/tars/message-of.ts';
import type { WorldOf } from './model-commands.ts';

/** How long to search; 0 in a run of all tests. */
export const SOAK = Number(process.env['TLV_SOAK'] ?? 0);
export const SEED = Number(process.env['TLV_MODEL_SEED'] ?? (SOAK > 0 ? Date.now() % 2 ** 31 : 20_240_229));

/** So many sequences as the environment says, else as many as a run of all tests has time for. */
export const sequencesOf = (few: number, inSoak: number): number =>
  SOAK > 0 ? inSoak * SOAK : Number(process.env['TLV_MODEL_RUNS'] ?? few);

/** The real thing, made as new before each sequence. */
interface SearchedWorld<Model> extends WorldOf<Model> {
  reset(): Promise<Model>;
  /** It is known that something is wrong: shorter sequences are tried in less time each. */
  hurry(): void;
}

interface Search<Model extends object, World extends SearchedWorld<Model>> {
  readonly world: World;
  readonly commands: Arbitrary<Iterable<AsyncCommand<Model, World>>>;
  readonly sequences: number;
  readonly shrinkingMs: number;
  /** After the commands of a sequence. */
  readonly finish?: (model: Model) => Promise<void>;
  /** What was done and is there, for people who look for the cause. */
  readonly portrait: (model: Model) => string;
}

/**
 * Tries sequences; one that fails is made as short as it can be while there is time, and told with its portrait.
 *
 * @throws An error whose message says it all: mocha hands on no cause where files run side by side, and its list of
 * failures is what is left of a long log.
 */
export async function search<Model extends object, World extends SearchedWorld<Model>>({
  world,
  commands,
  sequences,
  shrinkingMs,
  finish,
  portrait,
}: Search<Model, World>): Promise<void> {
  let endOfShrinking = Infinity;
  let first = '';
  let last = '';
  const property = fc.asyncProperty(commands, async (sequence) => {
    // What is not tried counts as good, which ends the shrinking.
    if (performance.now() > endOfShrinking) return;
    const model = await world.reset();
    world.say('a new sequence');
    try {
      await fc.asyncModelRun(() => ({ model, real: world }), sequence);
      await world.settle(model);
      await finish?.(model);
    } catch (error) {
      if (endOfShrinking === Infinity) {
        endOfShrinking = performance.now() + shrinkingMs;
        first = messageOf(error);
      }
      world.hurry();
      world.say(`it failed: ${messageOf(error)}`);
      last = portrait(model);
      throw error;
    }
  });
  const details = await fc.check(property, { numRuns: sequences, seed: SEED, verbose: SOAK > 0 ? 1 : 0 });
  if (!details.failed) return;
  throw new Error(
    [
      fc.defaultReportMessage(details),
      `What was wrong first:\n${first}`,
      `What was there when the shortest sequence failed:\n${last}`,
    ].join('\n\n'),
  );
}
