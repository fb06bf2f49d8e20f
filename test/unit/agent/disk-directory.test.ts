import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Directory } from '../../../src/agent/os/directory.ts';
import { DiskFault, PathBlocked } from '../../../src/agent/os/errors.ts';
import { isLeftOver, replaceFile } from '../../../src/agent/os/replace-file.ts';
import { needRoot, rejection, snapshot, World } from './disk-world.ts';

describe('open directory', () => {
  let world: World;
  const effects: string[] = [];

  before(needRoot);
  beforeEach(() => {
    world = new World();
    effects.length = 0;
  });
  afterEach(() => {
    const open = world.openFiles;
    world.remove();
    expect(open).to.deep.equal([]);
  });

  const inRoot = async (work: (root: Directory) => Promise<void>) => {
    await using root = await Directory.openRoot(world.root, (what) => void effects.push(what));
    await work(root);
  };

  for (const name of ['', '.', '..', 'a/b', '/', '../x', 'a\0b', Buffer.from('a/b'), Buffer.from('..')]) {
    it(`takes no ${JSON.stringify(name.toString())} for a name`, async () => {
      await inRoot(async (root) => {
        for (const work of [
          () => root.openDirectory(name),
          () => root.makeDirectory(name, 0o700),
          () => root.status(name),
          () => root.removeDirectory(name),
          () => root.removeFile(name),
          () => root.rename('a', root, name),
          () => root.rename(name, root, 'a'),
          () => root.writeNewFile(name, ''),
          () => root.readSmallFile(name, 1),
        ]) {
          expect(await rejection(work())).to.be.instanceOf(TypeError);
        }
      });
      expect(effects).to.deep.equal([]);
    });
  }

  it('is not a link, and says what to do about a root that is one', async () => {
    const link = join(world.folder, 'link');
    symlinkSync(world.outside, link);
    const fault = await rejection(Directory.openRoot(link));
    expect(fault).to.be.instanceOf(DiskFault);
    expect((fault as DiskFault).message).to.equal(
      `the root ${link} is a symbolic link to ${world.outside}: name the real directory with --root`,
    );
  });

  it('follows no link and waits for no pipe', async () => {
    const before = snapshot(world.outside);
    symlinkSync(join(world.outside, 'filled'), world.at('link'));
    symlinkSync(join(world.outside, 'filled/file'), world.at('file-link'));
    execFileSync('mkfifo', [world.at('pipe')]);
    await inRoot(async (root) => {
      for (const name of ['link', 'file-link', 'pipe']) {
        expect(await rejection(root.openDirectory(name)), name).to.be.instanceOf(PathBlocked);
        expect(await rejection(root.readSmallFile(name, 100)), name).to.be.instanceOf(PathBlocked);
        expect(await rejection(root.removeDirectory(name)), name).to.be.instanceOf(PathBlocked);
        expect(await rejection(root.writeNewFile(name, 'x')), name).to.be.instanceOf(PathBlocked);
        expect((await root.status(name))?.isDirectory(), name).to.equal(false);
        await root.removeFile(name);
      }
    });
    expect(readdirSync(world.root)).to.deep.equal([]);
    expect(snapshot(world.outside)).to.deep.equal(before);
  });

  it('stays the directory that was opened when its name is taken by a link', async () => {
    mkdirSync(world.at('volume'));
    const before = snapshot(world.outside);
    await inRoot(async (root) => {
      await using volume = await root.openDirectory('volume');
      await root.rename('volume', root, 'moved');
      symlinkSync(join(world.outside, 'filled'), world.at('volume'));
      await volume.makeDirectory('made', 0o700);
      await volume.own({ uid: 1, gid: 2, mode: 0o705 });
      expect(volume.realPath()).to.equal(world.at('moved'));
    });
    expect(readdirSync(world.at('moved'))).to.deep.equal(['made']);
    expect(snapshot(world.outside)).to.deep.equal(before);
  });

  it('knows names of every kind of letter and of 255 bytes, and such as are no text at all', async () => {
    const hex = (name: Buffer) => name.toString('hex');
    const names = ['数据', '😀'.repeat(63), 'a'.repeat(255), 'line\nfeed', ' ', '-rf', '~'].map((name) =>
      Buffer.from(name),
    );
    names.push(Buffer.from([0xff, 0xfe, 0x41]));
    await inRoot(async (root) => {
      for (const name of names) await root.makeDirectory(name, 0o700);
      const seen: Buffer[] = [];
      for await (const { name, isDirectory } of root.entries()) {
        expect(isDirectory).to.equal(true);
        seen.push(name);
      }
      expect(seen.map(hex).sort()).to.deep.equal(names.map(hex).sort());
      for (const name of seen) await root.removeDirectory(name);
      expect(await root.isEmpty()).to.equal(true);
      expect(await rejection(root.makeDirectory('x'.repeat(256), 0o700))).to.be.instanceOf(PathBlocked);
    });
  });

  it('closes a listing that nobody reads to its end', async () => {
    for (let index = 0; index < 100; index++) writeFileSync(world.at(`file-${index}`), '');
    await inRoot(async (root) => {
      for await (const _ of root.entries()) break;
      expect(await root.isEmpty()).to.equal(false);
      expect(world.openFiles).to.deep.equal([world.root]);
    });
  });

  it('announces whatever changes the disk, and nothing else', async () => {
    await inRoot(async (root) => {
      await root.makeDirectory('shop', 0o700);
      await using shop = await root.openDirectory('shop');
      await shop.own({ uid: 1, gid: 2, mode: 0o640 });
      await replaceFile(shop, 'note', 'text');
      await shop.rename('note', root, 'moved');
      await root.removeFile('moved');
      await shop.sync();
      await root.removeDirectory('shop');
      await root.status('shop');
      await root.isEmpty();
      await root.space();
      await root.findDirectory('shop');
      await root.readSmallFile('shop', 1);
    });
    expect(effects.map((effect) => effect.replace(/\.[0-9a-f]{8}\./g, '.*.'))).to.deep.equal([
      'make the directory shop',
      'chown to 1:2 shop',
      'chmod to 640 shop',
      'make the file shop/note.*.new',
      'write shop/note.*.new',
      'sync shop/note.*.new',
      'rename shop/note.*.new to shop/note',
      'sync shop',
      'rename shop/note to moved',
      'remove moved',
      'sync shop',
      'remove the directory shop',
    ]);
  });

  it('replaces the name of a hard link, never what it links to', async () => {
    const before = snapshot(world.outside)[0];
    linkSync(join(world.outside, 'filled/file'), world.at('note'));
    await inRoot(async (root) => {
      await replaceFile(root, 'note', 'mine');
    });
    expect(readFileSync(world.at('note'), 'utf8')).to.equal('mine');
    expect(readFileSync(join(world.outside, 'filled/file'), 'utf8')).to.equal('precious\n');
    expect(lstatSync(world.at('note')).mode & 0o777).to.equal(0o600);
    expect(snapshot(world.outside)[0]).to.equal(before);
  });

  it('leaves no half-written file on a full disk', async () => {
    world.mountTmpfs(world.root, 'size=64k,nr_inodes=20');
    await inRoot(async (root) => {
      await replaceFile(root, 'note', 'old');
      const fault = await rejection(replaceFile(root, 'note', 'x'.repeat(100_000)));
      expect([fault instanceof DiskFault, (fault as DiskFault).code]).to.deep.equal([true, 'ENOSPC']);
      expect(await root.readSmallFile('note', 100)).to.equal('old');
    });
    expect(readdirSync(world.root)).to.deep.equal(['note']);
  });

  it('knows its own left-overs', () => {
    expect(['a.json.0123abcd.new', 'a.json', 'a.new', 'a.json.0123abcd.new~'].map(isLeftOver)).to.deep.equal([
      true,
      false,
      false,
      false,
    ]);
  });
});
