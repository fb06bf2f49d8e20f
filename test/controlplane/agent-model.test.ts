import fc from 'fast-check';
import { messageOf } from '../../src/tars/message-of.ts';
import { ALL } from './agent-model-deeds.ts';
import { takeAll } from './agent-model-empty.ts';
import { portrait } from './agent-model-portrait.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { World } from './agent-model-world.ts';
import { commandsOf } from './model-commands.ts';

/**
 * Random sequences of what people and faults do to a cluster, against a simple model of what must be there; each server
 * has its volumes in another way: directories, images, memory, subvolumes. In the end all of it is taken away, and nothing
 * must be left: no file, mount, loop device or promise. A sequence that fails is made as short as it can be while there is
 * time, and printed with the seed and all that was there.
 *
 * The order in which the controllers of a real cluster come is nobody's to choose, so that the same seed need not fail
 * again: the log says what happened. TLV_SOAK=1 does some ten thousand commands, others each time; TLV_MODEL_SEED and
 * TLV_MODEL_RUNS choose the seed and the number of sequences, TLV_MODEL_VERBOSE=1 shows what is done.
 */

const SOAK = Number(process.env['TLV_SOAK'] ?? 0);
const SEED = Number(process.env['TLV_MODEL_SEED'] ?? (SOAK > 0 ? Date.now() % 2 ** 31 : 20_240_229));
const MOST_COMMANDS = 25;
/** About 7 commands each: those for which there is nothing to be done to are left out. */
const SEQUENCES = SOAK > 0 ? 1400 * SOAK : Number(process.env['TLV_MODEL_RUNS'] ?? 10);
const SHRINKING_MS = SOAK > 0 ? 900_000 : 240_000;

describe('the agents, against a model', function () {
  this.timeout(SOAK > 0 ? 0 : 900_000);
  this.slow(180_000);
  let world: World;

  before(needRoot);
  before(async () => {
    world = await World.start();
  });
  after(async () => {
    await world?.end();
  });

  it(`hold what is promised, whatever is done (seed ${SEED})`, async () => {
    let endOfShrinking = Infinity;
    let last = '';
    await fc
      .assert(
        fc.asyncProperty(commandsOf(ALL, { picks: 3, maxCommands: MOST_COMMANDS }), async (sequence) => {
          // What is not tried counts as good, which ends the shrinking.
          if (performance.now() > endOfShrinking) return;
          const model = await world.reset();
          world.say('a new sequence');
          try {
            await fc.asyncModelRun(() => ({ model, real: world }), sequence);
            await world.settle(model);
            await takeAll(world, model);
          } catch (error) {
            if (endOfShrinking === Infinity) endOfShrinking = performance.now() + SHRINKING_MS;
            world.hurry();
            world.say(`it failed: ${messageOf(error)}`);
            last = portrait(world.log, model);
            throw error;
          }
        }),
        { numRuns: SEQUENCES, seed: SEED, verbose: SOAK > 0 ? 1 : 0 },
      )
      .catch((error: unknown) => {
        console.error(`What was there when the shortest sequence failed:\n${last}`);
        throw error;
      });
  });
});
