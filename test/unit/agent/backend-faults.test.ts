import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { DirectoryBackend } from '../../../src/agent/backends/directory.ts';
import { DiskFault, type FileFault, PathBlocked, PoolLost } from '../../../src/agent/os/errors.ts';
import { namesBelow, needRoot, PATH, pathOf, rejection, SIBLING, snapshot, World } from './disk-world.ts';

const OWNER = { uid: 1001, gid: 1002, mode: 0o750 };
const WANTED = { owner: OWNER, size: 1 };

describe('directory backend, hindered', () => {
  let world: World;
  let backend: DirectoryBackend;

  before(needRoot);
  beforeEach(async () => {
    world = new World();
    backend = new DirectoryBackend(await world.pool());
  });
  afterEach(() => {
    const open = world.openFiles;
    world.remove();
    expect(open).to.deep.equal([]);
  });

  /** Everything that changes something. */
  const changes = () => ({
    make: () => backend.make(PATH, WANTED),
    own: () => backend.own(PATH, OWNER),
    retire: () => backend.retire(PATH, 'item'),
    discard: () => backend.discard(PATH),
  });
  const place = (path: string, put: (at: string) => void) => {
    mkdirSync(dirname(world.at(path)), { recursive: true });
    put(world.at(path));
  };
  const expectEach = async (type: new (...args: never[]) => FileFault, ...except: readonly string[]) => {
    for (const [name, change] of Object.entries(changes())) {
      if (!except.includes(name)) expect(await rejection(change()), name).to.be.instanceOf(type);
    }
  };

  for (const level of ['shop', 'shop/Test.GameServer', PATH]) {
    for (const target of ['filled', 'empty', 'none', 'filled/file']) {
      it(`touches nothing through a link at ${level} to ${target}`, async () => {
        for (const name of ['Test.GameServer/remote-log-dir', 'remote-log-dir', 'data']) {
          mkdirSync(join(world.outside, 'filled', name), { recursive: true });
        }
        place(level, (at) => symlinkSync(join(world.outside, target), at));
        const before = [snapshot(world.outside), snapshot(world.root)];
        expect(await backend.inspect(PATH)).to.deep.equal({
          kind: 'blocked',
          why: `cannot open ${level}: a file or a link stands where a directory has to be`,
        });
        await expectEach(PathBlocked);
        expect([snapshot(world.outside), snapshot(world.root)]).to.deep.equal(before);
      });
    }

    it(`leaves a file at ${level} alone`, async () => {
      place(level, (at) => writeFileSync(at, 'precious'));
      expect((await backend.inspect(PATH)).kind).to.equal('blocked');
      await expectEach(PathBlocked);
      expect(readFileSync(world.at(level), 'utf8')).to.equal('precious');
    });

    it(`leaves a pipe at ${level} alone`, async () => {
      place(level, (at) => execFileSync('mkfifo', [at]));
      expect((await backend.inspect(PATH)).kind).to.equal('blocked');
      await expectEach(PathBlocked);
    });
  }

  for (const folder of ['.tlv', '.tlv/trash']) {
    it(`moves nothing through a link at ${folder}`, async () => {
      await backend.make(PATH, WANTED);
      renameSync(world.at(folder), join(world.folder, 'moved'));
      symlinkSync(join(world.folder, 'moved'), world.at(folder));
      const before = snapshot(join(world.folder, 'moved'));
      expect(await rejection(backend.retire(PATH, 'item'))).to.be.instanceOf(DiskFault);
      expect(existsSync(world.at(PATH))).to.equal(true);
      expect(snapshot(join(world.folder, 'moved'))).to.deep.equal(before);
    });
  }

  it('has no way for another name into the trash', async () => {
    for (const name of ['', '..', 'a/b', 'a~', 'x'.repeat(201), 'a\0b']) {
      expect(await rejection(backend.retire(PATH, name)), name).to.be.instanceOf(TypeError);
    }
  });

  it('makes the longest path there is', async () => {
    const label = (letter: string) => letter.repeat(63);
    const longest = pathOf(`${label('n')}/${label('a')}.${label('s')}/${label('v')}.1234567890`);
    await backend.make(longest, WANTED);
    expect(await backend.inspect(longest)).to.deep.equal({ kind: 'empty', owner: OWNER });
    await backend.retire(longest, 'x'.repeat(200));
    expect(namesBelow(world.root)).to.deep.equal([]);
  });

  it('does not change what is in a volume by a hard link', async () => {
    await backend.make(PATH, WANTED);
    execFileSync('ln', [join(world.outside, 'filled/file'), world.at(PATH, 'file')]);
    const before = snapshot(world.outside);
    await backend.own(PATH, { uid: 1, gid: 1, mode: 0o777 });
    await backend.retire(PATH, 'item');
    expect(snapshot(world.outside)).to.deep.equal(before);
  });

  describe('with something mounted', () => {
    for (const kind of ['a disk', 'a bind mount']) {
      const mount = (target: string) =>
        kind === 'a disk'
          ? world.mountTmpfs(target)
          : world.mount(target, '--bind', join(world.outside, 'filled'));

      it(`takes nothing away, ${kind} at the volume`, async () => {
        await backend.make(PATH, WANTED);
        mount(world.at(PATH));
        const before = snapshot(world.outside);
        expect((await backend.inspect(PATH)).kind).to.equal('mounted');
        expect(await backend.discard(PATH)).to.equal(false);
        await expectEach(PathBlocked, 'discard');
        expect(snapshot(world.outside)).to.deep.equal(before);
      });

      it(`takes nothing away, ${kind} below the volume`, async () => {
        await backend.make(PATH, WANTED);
        mkdirSync(world.at(PATH, 'deep/deeper'), { recursive: true });
        mount(world.at(PATH, 'deep/deeper'));
        expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'mounted', owner: OWNER });
        expect(await backend.discard(PATH)).to.equal(false);
        await expectEach(PathBlocked, 'discard', 'own');
        expect(existsSync(world.at(PATH))).to.equal(true);
        await backend.own(PATH, { ...OWNER, mode: 0o700 });
      });

      for (const level of ['shop', 'shop/Test.GameServer']) {
        it(`does nothing, ${kind} above the volume at ${level}`, async () => {
          mkdirSync(world.at(level), { recursive: true });
          mount(world.at(level));
          const before = snapshot(world.outside);
          const found = await backend.inspect(PATH);
          expect(found).to.deep.equal({
            kind: 'blocked',
            why: `another disk or directory is mounted at ${level}`,
          });
          await expectEach(PathBlocked);
          expect(snapshot(world.outside)).to.deep.equal(before);
        });
      }

      it(`is not disturbed by ${kind} beside the volume`, async () => {
        await backend.make(PATH, WANTED);
        mkdirSync(world.at(`${PATH}-2`));
        mount(world.at(`${PATH}-2`));
        expect((await backend.inspect(PATH)).kind).to.equal('empty');
        await backend.retire(PATH, 'item');
        expect(existsSync(world.at(PATH))).to.equal(false);
      });
    }
  });

  describe('on a small disk', () => {
    beforeEach(async () => {
      world.mountTmpfs(world.root, 'size=64k,nr_inodes=12');
      backend = new DirectoryBackend(await world.pool());
    });

    it('tells that it is full, and can still take away', async () => {
      await backend.make(PATH, WANTED);
      for (let index = 0; ; index++) {
        try {
          writeFileSync(world.at(PATH, `file-${index}`), '');
        } catch {
          break;
        }
      }
      expect((await backend.source().space()).freeInodes).to.equal(0);
      expect(await rejection(backend.make(SIBLING, WANTED)))
        .to.be.instanceOf(DiskFault)
        .and.deep.include({ code: 'ENOSPC' });
      expect(await backend.inspect(SIBLING)).to.deep.equal({ kind: 'absent' });
      expect((await backend.inspect(PATH)).kind).to.equal('filled');
      await backend.retire(PATH, 'item');
      rmSync(world.at('.tlv/trash/item'), { recursive: true });
      await backend.make(SIBLING, WANTED);
    });

    it('tells that it can only be read', async () => {
      await backend.make(PATH, WANTED);
      world.makeReadOnly(world.root);
      for (const [name, change] of Object.entries(changes())) {
        const fault = await rejection(change());
        expect(fault, name).to.be.instanceOf(DiskFault).and.deep.include({ code: 'EROFS' });
      }
      expect((await backend.inspect(PATH)).kind).to.equal('empty');
    });

    it('does nothing once it is lost', async () => {
      await backend.make(PATH, WANTED);
      world.unmount(world.root);
      // What lies below it is the first pool of this test.
      await expectEach(PoolLost);
      expect(await rejection(backend.inspect(PATH))).to.be.instanceOf(PoolLost);
      expect(await rejection(backend.source().space())).to.be.instanceOf(PoolLost);
      expect(namesBelow(world.root)).to.deep.equal([]);
    });
  });

  it('tells a path that is marked immutable from a root that is', async function () {
    mkdirSync(world.at('shop'));
    const mark = (sign: string, path: string) =>
      execFileSync('chattr', [`${sign}i`, path], { stdio: 'pipe' });
    try {
      mark('+', world.at('shop'));
    } catch {
      this.skip();
    }
    try {
      expect(await rejection(backend.make(PATH, WANTED)))
        .to.be.instanceOf(PathBlocked)
        .and.deep.include({ code: 'EPERM' });
    } finally {
      mark('-', world.at('shop'));
    }
    rmSync(world.at('shop'), { recursive: true });
    mark('+', world.root);
    try {
      expect(await rejection(backend.make(PATH, WANTED)))
        .to.be.instanceOf(DiskFault)
        .and.deep.include({ code: 'EPERM' });
    } finally {
      mark('-', world.root);
    }
  });
});
