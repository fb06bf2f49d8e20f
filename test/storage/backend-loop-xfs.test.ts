import { itKeepsTheContract } from '../unit/agent/backend-contract.ts';
import { LOOP_VOLUMES } from './loop-volumes.ts';

itKeepsTheContract({
  ...LOOP_VOLUMES,
  name: 'loop with xfs',
  size: 300 * 2 ** 20,
  options: { fsType: 'xfs' },
  many: 3,
  crashesAt: (effect) => /^(mkfs|mount|umount|xfs_growfs)/.test(effect),
});
