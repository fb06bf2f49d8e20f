import { TMPFS } from '../../src/agent/backends/tmpfs.ts';
import { itKeepsTheContract } from '../unit/agent/backend-contract.ts';
import { kitOf, unmountAll } from './mounted-world.ts';

itKeepsTheContract({
  name: 'tmpfs',
  prepare: async (world) => void (await world.pool()),
  open: async (world, before) => TMPFS.open(await kitOf(world, before)),
  isMounted: true,
  leavesNothing: true,
  reboot: unmountAll,
});
