import { LOOP } from '../../src/agent/backends/loop.ts';
import type { Implementation } from '../unit/agent/backend-ground.ts';
import { itKeepsTheContract } from '../unit/agent/backend-contract.ts';
import { kitOf, lacksCapability, loopDevices, unmountAll } from './mounted-world.ts';

const CAP_SYS_RESOURCE = 24;

const loop = {
  prepare: async (world) => void (await world.pool()),
  open: async (world, before) => LOOP.open(await kitOf(world, before)),
  isMounted: true,
  takes: 'what is written',
  reboot: unmountAll,
  inventory: loopDevices,
} as const satisfies Partial<Implementation>;

itKeepsTheContract({ ...loop, name: 'loop with ext4', cannotGrow: lacksCapability(CAP_SYS_RESOURCE) });
itKeepsTheContract({
  ...loop,
  name: 'loop with xfs',
  size: 300 * 2 ** 20,
  options: { fsType: 'xfs' },
  many: 3,
  isSlow: true,
});
