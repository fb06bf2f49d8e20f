import { ALL } from './agent-model-deeds.ts';
import { takeAll } from './agent-model-empty.ts';
import { portrait } from './agent-model-portrait.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { World } from './agent-model-world.ts';
import { commandsOf } from './model-commands.ts';
import { search, SEED, sequencesOf, SOAK } from './model-search.ts';

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

const MOST_COMMANDS = 25;
/** About 7 commands each: those for which there is nothing to be done to are left out. */
const SEQUENCES = sequencesOf(10, 1400);
const SHRINKING_MS = SOAK > 0 ? 900_000 : 240_000;

describe('the agents, against a model', function () {
  this.timeout(SOAK > 0 ? 0 : 1_500_000);
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
    await search({
      world,
      commands: commandsOf(ALL, { picks: 3, maxCommands: MOST_COMMANDS }),
      sequences: SEQUENCES,
      shrinkingMs: SHRINKING_MS,
      finish: (model) => takeAll(world, model),
      portrait: (model) => portrait(world.log, model),
    });
  });
});
