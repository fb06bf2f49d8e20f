import fc from 'fast-check';
import { messageOf } from '../../src/tars/message-of.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { DEEDS } from './agent-discovery-model-deeds.ts';
import { DiscoveryWorld } from './agent-discovery-model-world.ts';
import { commandsOf } from './model-commands.ts';

/**
 * Random sequences of what people and faults do to disks that an agent discovers, with real mounts, against a simple model
 * of what must be there. A sequence that fails is made as short as it can be while there is time, and printed with the
 * seed and what was done. TLV_SOAK, TLV_MODEL_SEED, TLV_MODEL_RUNS and TLV_MODEL_VERBOSE are as with the agents' model.
 */

const SOAK = Number(process.env['TLV_SOAK'] ?? 0);
const SEED = Number(process.env['TLV_MODEL_SEED'] ?? (SOAK > 0 ? Date.now() % 2 ** 31 : 20_240_229));
const MOST_COMMANDS = 14;
const SEQUENCES = SOAK > 0 ? 400 * SOAK : Number(process.env['TLV_MODEL_RUNS'] ?? 8);
const SHRINKING_MS = SOAK > 0 ? 600_000 : 120_000;

describe('the discovery of disks, against a model', function () {
  this.timeout(SOAK > 0 ? 0 : 600_000);
  this.slow(120_000);
  let world: DiscoveryWorld;

  before(needRoot);
  before(async () => {
    world = await DiscoveryWorld.start();
  });
  after(async () => {
    await world?.end();
  });

  it(`shows nobody what is another's, and loses nothing (seed ${SEED})`, async () => {
    let endOfShrinking = Infinity;
    let last: string[] = [];
    const sequences = fc.asyncProperty(
      commandsOf(DEEDS, { picks: 2, maxCommands: MOST_COMMANDS }),
      async (sequence) => {
        // What is not tried counts as good, which ends the shrinking.
        if (performance.now() > endOfShrinking) return;
        const model = await world.reset();
        world.say('a new sequence');
        try {
          await fc.asyncModelRun(() => ({ model, real: world }), sequence);
          await world.settle(model);
        } catch (error) {
          if (endOfShrinking === Infinity) endOfShrinking = performance.now() + SHRINKING_MS;
          world.hurry();
          last = [...world.log, `it failed: ${messageOf(error)}`, ...model.portrait()];
          throw error;
        }
      },
    );
    try {
      await fc.assert(sequences, { numRuns: SEQUENCES, seed: SEED, verbose: SOAK > 0 ? 1 : 0 });
    } catch (error) {
      console.error(`What was there when the shortest sequence failed:\n${last.join('\n')}`);
      throw error;
    }
  });
});
