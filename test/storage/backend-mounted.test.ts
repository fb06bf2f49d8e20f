import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Backend } from '../../src/agent/backends/backend.ts';
import { LOOP } from '../../src/agent/backends/loop.ts';
import { TMPFS } from '../../src/agent/backends/tmpfs.ts';
import { type FileFault, PathBlocked, PoolLost } from '../../src/agent/os/errors.ts';
import { needRoot, PATH, rejection, SIBLING, snapshot, World } from '../unit/agent/disk-world.ts';
import { inNamespace, kitOf, loopDevices } from './mounted-world.ts';

const OWNER = { uid: 1001, gid: 1002, mode: 0o750 };
const WANTED = { owner: OWNER, size: 2 ** 20 };

for (const provider of [LOOP, TMPFS]) {
  describe(`mounted backend ${provider.name}, hindered`, () => {
    let world: World;
    let backend: Backend;

    before(needRoot);
    beforeEach(async () => {
      world = new World();
      backend = provider.open(await kitOf(world));
    });
    afterEach(() => {
      const open = world.openFiles;
      world.remove();
      expect(open).to.deep.equal([]);
      expect(loopDevices(world)).to.deep.equal([]);
    });

    const changes = () => ({
      make: () => backend.make(PATH, WANTED),
      attach: () => backend.attach(PATH, WANTED),
      own: () => backend.own(PATH, OWNER),
      grow: () => backend.grow(PATH, 2 ** 21),
      retire: () => backend.retire(PATH, 'item'),
      discard: () => backend.discard(PATH),
    });
    const expectEach = async (type: new (...args: never[]) => FileFault, ...except: readonly string[]) => {
      for (const [name, change] of Object.entries(changes())) {
        if (!except.includes(name)) expect(await rejection(change()), name).to.be.instanceOf(type);
      }
    };
    const place = (path: string, put: (at: string) => void) => {
      mkdirSync(dirname(world.at(path)), { recursive: true });
      put(world.at(path));
    };

    it('lets nobody write to the disk below a mount that is missing, not even root', async () => {
      await backend.make(PATH, WANTED);
      for (const unmounted of ['by hand', 'by a reboot, and attached again']) {
        world.unmount(world.at(PATH));
        for (const write of [
          () => writeFileSync(world.at(PATH, 'file'), ''),
          () => mkdirSync(world.at(PATH, 'folder')),
          () => symlinkSync('/', world.at(PATH, 'link')),
        ]) {
          expect(write, unmounted).to.throw(/EPERM: operation not permitted/);
        }
        expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'detached' });
        await backend.attach(PATH, WANTED);
        writeFileSync(world.at(PATH, 'file'), '');
      }
    });

    for (const level of ['shop', 'shop/Test.GameServer', PATH]) {
      for (const target of ['filled', 'empty', 'none', 'filled/file']) {
        it(`touches nothing through a link at ${level} to ${target}`, async () => {
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
    }

    for (const kind of ['memory', 'a bind mount', 'an image with the name of ours']) {
      const mount = (target: string) => {
        if (kind === 'memory') return world.mountTmpfs(target);
        if (kind === 'a bind mount') return world.mount(target, '--bind', join(world.outside, 'filled'));
        const image = join(world.outside, '7d302ab92e5d56fde106311ce34e38f5.img');
        execFileSync('sh', ['-c', `truncate -s 8M ${image} && mkfs.ext4 -q -F ${image}`]);
        return world.mount(target, '-o', 'loop', image);
      };
      const shows = () => execFileSync('ls', ['-laR', world.root], { encoding: 'utf8' });

      it(`leaves ${kind} alone that is mounted where there is no volume`, async () => {
        mkdirSync(world.at(PATH), { recursive: true });
        mount(world.at(PATH));
        const before = [shows(), world.mountPoints];
        expect((await backend.inspect(PATH)).kind).to.equal('mounted');
        expect(await backend.discard(PATH)).to.equal(false);
        await expectEach(PathBlocked, 'discard');
        expect([shows(), world.mountPoints]).to.deep.equal(before);
      });

      it(`leaves ${kind} alone that is mounted over a volume, and the volume`, async () => {
        await backend.make(PATH, WANTED);
        writeFileSync(world.at(PATH, 'data'), 'precious');
        mount(world.at(PATH));
        const before = [shows(), world.mountPoints];
        expect((await backend.inspect(PATH)).kind).to.equal('mounted');
        expect(await backend.discard(PATH)).to.equal(false);
        await expectEach(PathBlocked, 'discard', 'attach', 'grow');
        expect([shows(), world.mountPoints]).to.deep.equal(before);
        world.unmount(world.at(PATH));
        expect(readFileSync(world.at(PATH, 'data'), 'utf8')).to.equal('precious');
      });

      it(`leaves ${kind} alone that is mounted in a volume, and the volume`, async () => {
        await backend.make(PATH, WANTED);
        mkdirSync(world.at(PATH, 'deep/deeper'), { recursive: true });
        mount(world.at(PATH, 'deep/deeper'));
        const before = [shows(), world.mountPoints];
        expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'mounted', owner: OWNER });
        expect(await backend.discard(PATH)).to.equal(false);
        for (const name of ['make', 'retire'] as const)
          expect(await rejection(changes()[name]()), name).to.be.instanceOf(PathBlocked);
        expect([shows(), world.mountPoints]).to.deep.equal(before);
      });

      it(`does nothing with ${kind} mounted above the volume`, async () => {
        mkdirSync(world.at('shop'));
        mount(world.at('shop'));
        const before = shows();
        expect(await backend.inspect(PATH)).to.deep.equal({
          kind: 'blocked',
          why: 'another disk or directory is mounted at shop',
        });
        await expectEach(PathBlocked);
        expect(shows()).to.equal(before);
      });
    }

    describe('with a volume in use', () => {
      beforeEach(async () => {
        await backend.make(PATH, WANTED);
        writeFileSync(world.at(PATH, 'data'), 'precious');
      });

      const expectServed = async () => {
        expect(await rejection(backend.retire(PATH, 'item')))
          .to.be.instanceOf(PathBlocked)
          .and.deep.include({ code: 'EBUSY' });
        expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'filled', owner: OWNER });
        expect(world.mountPoints).to.deep.equal([world.at(PATH)]);
        expect(readFileSync(world.at(PATH, 'data'), 'utf8')).to.equal('precious');
      };
      const retire = async () => {
        await backend.retire(PATH, 'item');
        expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'absent' });
      };

      it('leaves it in its place while a file in it is open', async () => {
        const file = openSync(world.at(PATH, 'data'), 'r');
        await expectServed();
        closeSync(file);
        await retire();
      });

      it('leaves it in its place while it is mounted in a pod', async () => {
        const pod = join(world.folder, 'pod');
        mkdirSync(pod);
        world.mount(pod, '--bind', world.at(PATH));
        await expectServed();
        expect(readFileSync(join(pod, 'data'), 'utf8')).to.equal('precious');
        world.unmount(pod);
        await retire();
      });

      it('leaves it in its place while it is mounted in a namespace of its own', async () => {
        mkdirSync(join(world.folder, 'pod'));
        // Beside its copy at the same path, which nothing tells from a mount that goes with ours.
        const script = `mount --bind ${world.at(PATH)} ${world.folder}/pod; echo ready; read line`;
        await inNamespace(script, expectServed);
        await retire();
      });
    });

    it('brings a volume back whose directory people have removed', async () => {
      await backend.make(PATH, WANTED);
      world.unmount(world.at(PATH));
      execFileSync('chattr', ['-i', world.at(PATH)]);
      rmSync(world.at('shop'), { recursive: true });
      await backend.attach(PATH, WANTED);
      expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'empty', owner: OWNER });
    });

    it('retires a volume whose place has data in it, and leaves that there', async () => {
      await backend.make(PATH, WANTED);
      world.unmount(world.at(PATH));
      execFileSync('chattr', ['-i', world.at(PATH)]);
      writeFileSync(world.at(PATH, 'data'), 'precious');
      expect(await backend.inspect(PATH)).to.deep.equal({
        kind: 'blocked',
        why: `${PATH} is there already, with data in it, and is not a volume of its own; move its data away`,
      });
      for (const name of ['make', 'attach', 'own', 'grow'] as const)
        expect(await rejection(changes()[name]()), name).to.be.instanceOf(PathBlocked);
      await backend.retire(PATH, 'item');
      expect(readFileSync(world.at(PATH, 'data'), 'utf8')).to.equal('precious');
    });

    it('does nothing once the pool is lost', async () => {
      world.mountTmpfs(world.root);
      backend = provider.open(await kitOf(world));
      world.unmount(world.root);
      mkdirSync(world.root, { recursive: true });
      await world.pool();
      await expectEach(PoolLost);
      expect(await rejection(backend.inspect(SIBLING))).to.be.instanceOf(PoolLost);
    });
  });
}
