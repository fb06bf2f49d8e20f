import fc from 'fast-check';
import { command, ground, obey } from './simulation-commands.ts';
import { settle } from './simulation-end.ts';
import { checkEnd } from './simulation-final.ts';
import { World } from './simulation.ts';

/** TLV_SOAK=1 searches long and elsewhere each time; else the search is short and always the same. */
const SOAK = Number(process.env.TLV_SOAK ?? 0);
const SEARCH = SOAK > 0 ? { numRuns: 100_000 * SOAK } : { numRuns: 2000, seed: 20_240_229 };

describe('an agent in a world that goes wrong', function () {
  this.timeout(SOAK > 0 ? 0 : 120_000);

  it('loses no data, shows none to others, and comes to an end', async () => {
    await fc.assert(
      fc.asyncProperty(ground, fc.array(command, { maxLength: 60, size: 'max' }), async (given, commands) => {
        const world = new World(given);
        for (const order of commands) {
          await obey(world, order);
          world.check();
        }
        await settle(world);
        checkEnd(world);
      }),
      SEARCH,
    );
  });
});
