import { needRoot } from '../unit/agent/disk-world.ts';
import { DEEDS } from './agent-discovery-model-deeds.ts';
import { DiscoveryWorld } from './agent-discovery-model-world.ts';
import { commandsOf } from './model-commands.ts';
import { search, SEED, sequencesOf, SOAK } from './model-search.ts';

/**
 * Random sequences of what people and faults do to disks that an agent discovers, with real mounts, against a simple model
 * of what must be there. A sequence that fails is made as short as it can be while there is time, and printed with the
 * seed and what was done. TLV_SOAK, TLV_MODEL_SEED, TLV_MODEL_RUNS and TLV_MODEL_VERBOSE are as with the agents' model.
 */

const MOST_COMMANDS = 14;
const SEQUENCES = sequencesOf(8, 400);
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
    await search({
      world,
      commands: commandsOf(DEEDS, { picks: 2, maxCommands: MOST_COMMANDS }),
      sequences: SEQUENCES,
      shrinkingMs: SHRINKING_MS,
      portrait: (model) => [...world.log, ...model.portrait()].join('\n'),
    });
  });
});
