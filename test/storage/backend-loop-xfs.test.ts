import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { LOOP } from '../../src/agent/backends/loop.ts';
import { DirectoryBackend } from '../../src/agent/backends/directory.ts';
import { PathBlocked } from '../../src/agent/os/errors.ts';
import { itKeepsTheContract } from '../unit/agent/backend-contract.ts';
import { needRoot, PATH, rejection, SIBLING, World } from '../unit/agent/disk-world.ts';
import { LOOP_VOLUMES } from './loop-volumes.ts';
import { kitOf } from './mounted-world.ts';
import { storagePrograms } from './programs.ts';

itKeepsTheContract({
  ...LOOP_VOLUMES,
  name: 'loop with xfs',
  size: 300 * 2 ** 20,
  options: { fsType: 'xfs' },
  many: 3,
  crashesAt: (effect) => /^(mkfs|mount|umount|xfs_growfs)/.test(effect),
});

describe('a volume whose own filesystem fails', () => {
  const WANTED = {
    owner: { uid: 1, gid: 1, mode: 0o700 },
    size: 300 * 2 ** 20,
    options: { fsType: 'xfs' },
  } as const;
  let world: World;

  before(needRoot);
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.remove());

  it('is blocked, whatever made it, and the pool serves others as before', async () => {
    const kit = await kitOf(world);
    const loop = LOOP.open(kit);
    await loop.make(PATH, WANTED);
    const { path, environment } = await storagePrograms();
    const env = { ...environment, PATH: path };
    // As xfs does by itself where it cannot write: all that comes after is an error of input or output.
    execFileSync('xfs_io', ['-x', '-c', 'shutdown', world.at(PATH)], { env });
    const directories = new DirectoryBackend(kit.pool);
    for (const backend of [loop, directories]) {
      const found = await backend.inspect(PATH);
      expect(found).to.have.property('kind', 'blocked');
      expect(found)
        .to.have.property('why')
        .that.matches(/the disk fails to read or write/);
    }
    for (const change of [loop.own(PATH, WANTED.owner), loop.retire(PATH, 'item')])
      expect(await rejection(change)).to.be.instanceOf(PathBlocked);
    await directories.make(SIBLING, WANTED);
    expect(await directories.inspect(SIBLING)).to.have.property('kind', 'empty');
  });
});
