import { itKeepsTheContract } from '../unit/agent/backend-contract.ts';
import { LOOP_VOLUMES } from './loop-volumes.ts';
import { lacksCapability } from './mounted-world.ts';

/** Linux lets a mounted ext4 grow only for who has it; see capabilities(7). */
const CAP_SYS_RESOURCE = 24;

itKeepsTheContract({
  ...LOOP_VOLUMES,
  name: 'loop with ext4',
  size: 8 * 2 ** 20,
  cannotGrow: lacksCapability(CAP_SYS_RESOURCE),
});
