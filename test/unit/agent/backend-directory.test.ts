import { DirectoryBackend } from '../../../src/agent/backends/directory.ts';
import { itKeepsTheContract } from './backend-contract.ts';

itKeepsTheContract({
  name: 'directory',
  prepare: async (world) => void (await world.pool()),
  open: async (world, before) => new DirectoryBackend(await world.pool(before)),
});

itKeepsTheContract({
  name: 'directory on a tmpfs',
  prepare: async (world) => {
    world.mountTmpfs(world.root, 'size=64m,mode=755');
    await world.pool();
  },
  open: async (world, before) => new DirectoryBackend(await world.pool(before)),
});
