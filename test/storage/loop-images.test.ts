import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Backend, Kit } from '../../src/agent/backends/backend.ts';
import { LOOP } from '../../src/agent/backends/loop.ts';
import { TMPFS } from '../../src/agent/backends/tmpfs.ts';
import { DiskFault, PathBlocked } from '../../src/agent/os/errors.ts';
import { Tools } from '../../src/agent/os/tools.ts';
import { namesBelow, needRoot, PATH, rejection, SIBLING, World } from '../unit/agent/disk-world.ts';
import { inNamespace, kitOf, loopDevices, mountImage } from './mounted-world.ts';

const OWNER = { uid: 1001, gid: 1002, mode: 0o750 };
const MIB = 2 ** 20;
const WANTED = { owner: OWNER, size: 8 * MIB };

describe('images of loop volumes', () => {
  let world: World;
  let kit: Kit;
  let backend: Backend;

  const opened = async () => {
    kit = await kitOf(world);
    backend = LOOP.open(kit);
  };

  before(needRoot);
  beforeEach(async () => {
    world = new World();
    await opened();
  });
  afterEach(() => {
    const open = world.openFiles;
    world.remove();
    expect([open, loopDevices(world)]).to.deep.equal([[], []]);
  });

  const image = (path: string) => join(world.at('.tlv/images'), path);
  const images = () => readdirSync(world.at('.tlv/images'));

  it('are named after the path, which no update of the agent may change', async () => {
    await backend.make(PATH, WANTED);
    expect(images()).to.deep.equal(['7d302ab92e5d56fde106311ce34e38f5.img']);
    expect(loopDevices(world)).to.deep.equal([image('7d302ab92e5d56fde106311ce34e38f5.img')]);
  });

  it('are not made again when they are gone', async () => {
    await backend.make(PATH, WANTED);
    world.unmount(world.at(PATH));
    rmSync(world.at('.tlv/images'), { recursive: true });
    expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'absent' });
    const fault = await rejection(backend.attach(PATH, WANTED));
    expect(fault).to.be.instanceOf(PathBlocked).and.deep.include({ code: 'NO_BACKING' });
    expect(fault).to.have.property('message', `what backend loop had of ${PATH} is gone`);
    expect(existsSync(world.at('.tlv/images'))).to.equal(false);
  });

  it('take no room before they are written to, or all of it where that is asked for', async () => {
    await backend.make(PATH, WANTED);
    await backend.make(SIBLING, { ...WANTED, options: { preallocate: true } });
    const taken = await backend.source().taken([PATH, SIBLING]);
    expect(taken.get(PATH)).to.be.lessThan(2 * MIB);
    expect(taken.get(SIBLING)).to.be.within(8 * MIB, 8.1 * MIB);
    // Linux may refuse the filesystem in it, which comes after.
    await backend.grow(SIBLING, 16 * MIB).catch(() => undefined);
    await backend.grow(PATH, 16 * MIB).catch(() => undefined);
    const grown = await backend.source().taken([PATH, SIBLING]);
    expect(grown.get(PATH)).to.be.lessThan(3 * MIB);
    expect(grown.get(SIBLING)).to.be.within(16 * MIB, 16.1 * MIB);
  });

  it('leave nothing on a disk that is too small for them', async () => {
    mountImage(world, world.root, 16 * MIB);
    await opened();
    const before = statFree(world);
    const wanted = { ...WANTED, size: 32 * MIB, options: { preallocate: true } };
    const fault = await rejection(backend.make(PATH, wanted));
    expect(fault).to.be.instanceOf(DiskFault).and.deep.include({ code: 'ENOSPC' });
    expect(images()).to.deep.equal([]);
    expect(await backend.discard(PATH)).to.equal(true);
    expect(namesBelow(world.root)).to.deep.equal([]);
    expect(before - statFree(world)).to.be.lessThan(0.1 * MIB);
  });

  it('stay where another namespace has a copy of the mount, at the very same path', async () => {
    await backend.make(PATH, WANTED);
    await inNamespace('echo ready; read line', async () => {
      const fault = await rejection(backend.retire(PATH, 'item'));
      expect(fault).to.be.instanceOf(PathBlocked).and.deep.include({ code: 'EBUSY' });
      expect(fault).to.have.property(
        'message',
        `${PATH} is in use: it is still mounted or open elsewhere, in a pod perhaps`,
      );
      expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'empty', owner: OWNER });
      expect([images().length, readdirSync(world.at('.tlv/trash'))]).to.deep.equal([1, []]);
    });
    await backend.retire(PATH, 'item');
    expect([images(), readdirSync(world.at('.tlv/trash'))]).to.deep.equal([[], ['item']]);
  });

  it('lose their device with a mount(8) that is killed at any time', async () => {
    await backend.make(PATH, WANTED);
    world.unmount(world.at(PATH));
    const [name = ''] = images();
    const point = join(world.folder, 'point');
    mkdirSync(point);
    const mount = ['mount', '-o', 'loop', image(name), point];
    const begun = performance.now();
    execFileSync('timeout', ['60', ...mount]);
    const stepMs = (performance.now() - begun) / 25;
    world.unmount(point);
    const endings = { killed: 0, done: 0 };
    // Ever later, until it is too late to kill it.
    for (let afterMs = stepMs; endings.done < 5; afterMs += stepMs) {
      // In the foreground, timeout(1) does not kill itself as well, and so waits for the end of mount(8).
      const killing = ['--foreground', '-s', 'KILL', String(afterMs / 1000)];
      const { status } = spawnSync('timeout', [...killing, ...mount]);
      endings[status === 0 ? 'done' : 'killed'] += 1;
      // Killed after it had mounted, too.
      spawnSync('umount', [point], { stdio: 'ignore' });
      expect(loopDevices(world), `after ${afterMs} ms`).to.deep.equal([]);
    }
    expect(endings.killed).to.be.greaterThan(0);
  });

  it('tells what this node lacks, and the remedy', async () => {
    expect(await LOOP.missing(kit)).to.equal(undefined);
    expect(await TMPFS.missing(kit)).to.equal(undefined);
    expect(readdirSync(world.at('.tlv')).sort()).to.deep.equal([
      'format.json',
      'ledger',
      'pool.json',
      'trash',
    ]);
    const bin = join(world.folder, 'bin');
    mkdirSync(bin);
    for (const name of ['mount', 'umount', 'chattr', 'losetup', 'fallocate'])
      writeFileSync(join(bin, name), '', { mode: 0o755 });
    expect(await LOOP.missing({ ...kit, tools: new Tools({ path: bin }) })).to.equal(
      'backend loop needs lsattr, mkfs.ext4, resize2fs, which this node lacks; install there: e2fsprogs',
    );
    expect(await TMPFS.missing({ ...kit, tools: new Tools({ path: world.folder }) })).to.equal(
      'backend tmpfs needs mount, umount, chattr, lsattr, which this node lacks; install there: mount, e2fsprogs',
    );
  });

  it('cannot be had where directories cannot be marked immutable', async () => {
    // Squashed or remote filesystems know no such mark, nor does ramfs.
    world.mount(world.root, '-t', 'ramfs', 'ramfs');
    kit = await kitOf(world);
    expect(await LOOP.missing(kit)).to.equal(
      `backend loop marks directories immutable, which the filesystem at ${world.root} cannot do; use ext4, xfs or btrfs there`,
    );
    expect(readdirSync(world.at('.tlv')).sort()).to.deep.equal([
      'format.json',
      'ledger',
      'pool.json',
      'trash',
    ]);
  });

  it('cannot be formatted with what this node lacks', async () => {
    const bin = join(world.folder, 'bin');
    mkdirSync(bin);
    for (const name of ['mount', 'chattr', 'lsattr', 'mkfs.ext4'])
      execFileSync('sh', ['-c', `ln -s "$(command -v ${name})" ${bin}`]);
    const bare = LOOP.open({ ...kit, tools: new Tools({ path: bin }) });
    const wanted = { ...WANTED, size: 300 * MIB, options: { fsType: 'xfs' } } as const;
    const fault = await rejection(bare.make(PATH, wanted));
    expect(fault).to.be.instanceOf(PathBlocked);
    expect(fault).to.have.property(
      'message',
      `${PATH} cannot be formatted with xfs: there is no mkfs.xfs on this node; install xfsprogs there, or take another fsType in the class`,
    );
    expect(existsSync(world.at('.tlv/images'))).to.equal(false);
  });
});

function statFree(world: World): number {
  const { bfree, bsize } = statfsSync(world.root);
  return bfree * bsize;
}
