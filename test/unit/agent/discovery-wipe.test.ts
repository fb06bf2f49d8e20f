import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { wipe } from '../../../src/agent/discovery/wipe.ts';
import { Directory } from '../../../src/agent/os/directory.ts';
import { type Disk, filesystemDisk, mountOf } from '../../../src/agent/os/disk-look.ts';
import type { BeforeEffect } from '../../../src/cluster/effect.ts';
import { crashEverywhere, needRoot, rejection, snapshot, World } from './disk-world.ts';

const pace = { mayDelete: async () => true, deleted: () => undefined };
const never = new AbortController().signal;

async function diskAt(path: string): Promise<Disk> {
  await using top = await Directory.openRoot(path);
  return await filesystemDisk(top, (await mountOf(top))!);
}

const wiped = async (path: string, disk: Disk, before?: BeforeEffect, signal = never) =>
  await wipe(path, { disk, pace, signal, before });

/** Names of any bytes and any length, links, and directories in directories. */
function fill(world: World, path: string): void {
  mkdirSync(join(path, 'deep/er/est'), { recursive: true });
  mkdirSync(join(path, 'x'.repeat(255)));
  for (const file of ['file', '.hidden', 'deep/file', 'deep/er/file', 'deep~', `${'x'.repeat(255)}/file`])
    writeFileSync(join(path, file), file);
  mkdirSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe])]));
  symlinkSync(join(world.outside, 'filled'), join(path, 'link'));
  symlinkSync(join(world.outside, 'filled'), join(path, 'deep/link'));
}

describe('the wiping of a filesystem', function () {
  this.slow(2000);
  let world: World;
  let path: string;
  let disk: Disk;
  before(needRoot);
  beforeEach(async () => {
    world = new World();
    path = world.at('disk');
    mkdirSync(path);
    world.mountTmpfs(path, 'size=4m');
    disk = await diskAt(path);
  });
  afterEach(() => world.remove());

  it('removes everything, whatever it is called, and follows no link', async () => {
    fill(world, path);
    const outside = snapshot(world.outside);
    await wiped(path, disk);
    expect(readdirSync(path)).to.deep.equal([]);
    expect(snapshot(world.outside)).to.deep.equal(outside);
    expect(world.openFiles).to.deep.equal([]);
  });

  it('keeps lost+found of ext4, and nothing in it', async () => {
    const file = join(world.folder, 'image');
    execFileSync('truncate', ['-s', '8M', file]);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-F', file]);
    world.mount(path, '-o', 'loop', file);
    fill(world, path);
    mkdirSync(join(path, 'lost+found/#12/deep'), { recursive: true });
    await wiped(path, await diskAt(path));
    expect(readdirSync(path, { recursive: true })).to.deep.equal(['lost+found']);
  });

  const REFUSED: readonly [name: string, make: () => void, words: RegExp][] = [
    ['another disk has come to its place', () => world.mountTmpfs(path), /^another disk is at .*disk$/],
    ['nothing is mounted there', () => world.unmount(path), /^.*disk is no mount point$/],
    [
      'something is mounted below',
      () => {
        mkdirSync(join(path, 'deep'));
        world.mountTmpfs(join(path, 'deep'));
      },
      /^something is mounted at .*disk\/deep; unmount it$/,
    ],
    [
      'a link stands in its place',
      () => {
        world.unmount(path);
        renameSync(path, `${path}-away`);
        symlinkSync(join(world.outside, 'filled'), path);
      },
      /is a symbolic link/,
    ],
  ];
  for (const [name, make, words] of REFUSED) {
    it(`touches nothing where ${name}`, async () => {
      make();
      const target = name.startsWith('a link') ? join(world.outside, 'filled') : path;
      writeFileSync(join(target, 'precious'), '');
      const before = snapshot(target);
      expect(((await rejection(wiped(path, disk))) as Error).message).to.match(words);
      expect(snapshot(target)).to.deep.equal(before);
    });
  }

  it('says what cannot be removed, and removes the rest', async () => {
    fill(world, path);
    writeFileSync(join(path, 'immutable'), '');
    const file = join(path, 'immutable');
    execFileSync('chattr', ['+i', file]);
    try {
      const error = await rejection(wiped(path, disk));
      expect((error as Error).message).to.equal(
        'cannot remove immutable: it is not permitted, even to this process (is it marked immutable?)',
      );
      expect(readdirSync(path)).to.deep.equal(['immutable']);
    } finally {
      execFileSync('chattr', ['-i', file]);
    }
    await wiped(path, disk);
  });

  it('ends where it is told to, and is gone on with', async () => {
    fill(world, path);
    const stop = new AbortController();
    const before = () => stop.abort(new Error('stopped'));
    const error = await rejection(
      wipe(path, {
        disk,
        before,
        signal: stop.signal,
        pace: { ...pace, mayDelete: async () => !stop.signal.aborted },
      }),
    );
    expect((error as Error).message).to.equal('stopped');
    expect(readdirSync(path)).not.to.deep.equal([]);
    await wiped(path, disk);
    expect(readdirSync(path)).to.deep.equal([]);
  });

  it('is finished after a crash before each of its effects', async function () {
    this.timeout(120_000);
    const effects = await crashEverywhere({
      prepare: async (fresh) => {
        mkdirSync(fresh.at('disk'));
        fresh.mountTmpfs(fresh.at('disk'), 'size=4m');
        fill(fresh, fresh.at('disk'));
      },
      run: async (fresh, before) => wiped(fresh.at('disk'), await diskAt(fresh.at('disk')), before),
      check: (fresh) => void expect(readdirSync(fresh.at('disk'))).to.deep.equal([]),
    });
    expect(effects).to.have.length.greaterThan(15);
    expect(effects.at(-1)).to.equal('sync .');
  });
});
