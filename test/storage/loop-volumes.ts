import { LOOP } from '../../src/agent/backends/loop.ts';
import type { Implementation } from '../unit/agent/backend-ground.ts';
import { kitOf, loopDevices, unmountAll } from './mounted-world.ts';

/** Loop volumes, whatever their filesystem. */
export const LOOP_VOLUMES = {
  prepare: async (world) => void (await world.pool()),
  open: async (world, before) => LOOP.open(await kitOf(world, before)),
  isMounted: true,
  takes: 'what is written',
  reboot: unmountAll,
  inventory: loopDevices,
} as const satisfies Partial<Implementation>;
