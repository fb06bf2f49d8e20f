import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { noEffect } from '../../../src/cluster/effect.ts';
import { type Clock, systemClock } from '../../../src/cluster/clock.ts';
import { Directory } from '../../../src/agent/os/directory.ts';
import { PoolLost } from '../../../src/agent/os/errors.ts';
import { ToolFailed } from '../../../src/agent/os/tools.ts';
import type { Pool } from '../../../src/agent/pool.ts';
import type { Remover, RetiredVolume } from '../../../src/agent/remover.ts';
import { type Outcome, TrashItem } from '../../../src/agent/trash-item.ts';
import { Trash, type TrashFigures } from '../../../src/agent/trash.ts';
import { FakeClock } from '../cluster/fake-clock.ts';
import { Crash, crashAfter, inWorld, needRoot, snapshot, World } from './disk-world.ts';

const MINUTE = 60_000;

/** Writes down what it is told. */
class Witness {
  readonly done: string[] = [];
  readonly stuckItems: [string, string][] = [];
  readonly failures: unknown[] = [];
  readonly figures: TrashFigures[] = [];
  deletedCount = 0;

  deleted(count: number): void {
    this.deletedCount += count;
  }
  itemDone(name: string): void {
    this.done.push(name);
  }
  stuck(name: string, why: string): void {
    this.stuckItems.push([name, why]);
  }
  progress(figures: TrashFigures): void {
    this.figures.push(figures);
  }
  failed(error: unknown): void {
    this.failures.push(error);
  }
}

async function until(what: string, isSo: () => boolean, everyMs = 2): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Far beyond the longest path that a system call takes, so handle by handle. */
async function dig(top: string, levels: number): Promise<void> {
  let here = await Directory.openRoot(top);
  for (let level = 0; level < levels; level++) {
    await here.makeDirectory('level-with-quite-a-long-name', 0o700);
    await here.writeNewFile('file', '');
    const below = await here.openDirectory('level-with-quite-a-long-name');
    await here[Symbol.asyncDispose]();
    here = below;
  }
  await here[Symbol.asyncDispose]();
}

describe('trash', () => {
  let world: World;
  let pool: Pool;
  let witness: Witness;
  let trash: Trash;
  let outside: string[];

  before(needRoot);
  beforeEach(async () => {
    world = new World();
    world.mountTmpfs(world.root, 'size=64m,mode=755');
    pool = await world.pool();
    outside = snapshot(world.outside);
    fresh(systemClock);
  });
  afterEach(async () => {
    await trash.stop();
    expect(world.openFiles).to.deep.equal([]);
    const now = snapshot(world.outside);
    world.remove();
    expect(now).to.deep.equal(outside);
  });

  const fresh = (clock: Clock, maxDeleteRate = 1e6) => {
    witness = new Witness();
    trash = new Trash(pool, { clock, observer: witness, maxDeleteRate });
  };
  const inTrash = (...parts: string[]) => world.at('.tlv/trash', ...parts);
  const put = (item: string, ...files: string[]) => {
    mkdirSync(inTrash(item), { recursive: true });
    for (const file of files) {
      mkdirSync(join(inTrash(item, file), '..'), { recursive: true });
      writeFileSync(inTrash(item, file), file);
    }
  };
  const left = () => readdirSync(inTrash()).sort();

  it('deletes what is in it, and nothing beside it', async () => {
    mkdirSync(world.at('shop/Test.GameServer/data'), { recursive: true });
    const before = [snapshot(world.at('shop')), snapshot(world.at('.tlv/ledger'))];
    put('one', 'a', 'deep/b', 'deep/deeper/c');
    put('two');
    writeFileSync(inTrash('three'), 'a file');
    trash.start();
    await until('an empty trash', () => witness.done.length === 3);
    expect(witness.done.sort()).to.deep.equal(['one', 'three', 'two']);
    expect(left()).to.deep.equal([]);
    expect([snapshot(world.at('shop')), snapshot(world.at('.tlv/ledger'))]).to.deep.equal(before);
    expect(trash.figures).to.deep.equal({ items: 0, stuck: 0, entriesDeleted: 9 });
    await trash.stop();
    expect([witness.deletedCount, witness.stuckItems, witness.failures]).to.deep.equal([9, [], []]);
  });

  it('wakes when something comes', async () => {
    trash.start();
    put('one', 'a');
    trash.wake();
    await until('the first', () => left().length === 0);
    put('two', 'a');
    trash.wake();
    await until('the second', () => left().length === 0);
  });

  it('follows no link, opens no pipe, and takes names of any bytes', async () => {
    put('item', 'a');
    for (const target of ['', 'filled', 'filled/file', 'none']) {
      symlinkSync(join(world.outside, target), inTrash('item', `link-${target.replace('/', '-')}`));
    }
    symlinkSync(world.outside, inTrash('link-at-the-top'));
    symlinkSync('..', inTrash('item', 'up'));
    execFileSync('mkfifo', [inTrash('item/pipe')]);
    const here = Buffer.from(`${inTrash('item')}/`);
    for (const name of [Buffer.from([0xff, 0xfe]), Buffer.from('数据\n'), Buffer.from('x'.repeat(255))]) {
      mkdirSync(Buffer.concat([here, name]));
      writeFileSync(Buffer.concat([here, name, Buffer.from('/'), name]), '');
    }
    trash.start();
    await until('an empty trash', () => left().length === 0);
    expect(existsSync(world.at('.tlv/ledger'))).to.equal(true);
  });

  it('deletes 20,000 files and 2,000 levels with a handful of handles', async function () {
    this.timeout(120_000);
    put('wide');
    execFileSync('sh', ['-c', 'seq 20000 | xargs touch'], { cwd: inTrash('wide') });
    put('deep');
    await dig(inTrash('deep'), 2_000);
    trash.start();
    let most = 0;
    let longestTurn = 0;
    let last = performance.now();
    await until(
      'an empty trash',
      () => {
        longestTurn = Math.max(longestTurn, performance.now() - last);
        last = performance.now();
        most = Math.max(most, world.openFiles.length);
        return left().length === 0;
      },
      50,
    );
    expect(most).to.be.within(2, 10);
    expect(longestTurn).to.be.lessThan(2_000);
    // Each level counts twice, as a directory and for its file; and the folder that they were moved up to.
    expect(trash.figures.entriesDeleted).to.be.within(24_002, 24_003);
  });

  it('stops soon in the middle of something big, and goes on from there', async () => {
    fresh(systemClock, 10_000);
    put('item');
    execFileSync('sh', ['-c', 'seq 5000 | xargs touch'], { cwd: inTrash('item') });
    trash.start();
    await until('some work', () => trash.figures.entriesDeleted > 100);
    await trash.stop();
    const rest = readdirSync(inTrash('item')).length;
    expect(rest).to.be.within(1, 4_900);
    fresh(systemClock);
    trash.start();
    await until('an empty trash', () => left().length === 0);
    await until('its end', () => witness.done.length === 1);
    expect(trash.figures.entriesDeleted).to.equal(rest + 1);
  });

  it('deletes so many a second and no more', async () => {
    const clock = new FakeClock();
    fresh(clock, 100);
    put('item');
    execFileSync('sh', ['-c', 'seq 200 | xargs touch'], { cwd: inTrash('item') });
    trash.start();
    await until('the first pause', () => clock.pending.includes(10));
    expect(trash.figures.entriesDeleted).to.equal(5);
    for (let count = 6; count <= 50; count++) {
      clock.advance(10);
      await until(
        `${count} deleted`,
        () => trash.figures.entriesDeleted === count && clock.pending.length > 0,
      );
    }
    expect(clock.now()).to.equal(1_000_450);
  });

  it('tells of its progress every ten seconds', async () => {
    const clock = new FakeClock();
    fresh(clock, 10);
    put('item');
    execFileSync('sh', ['-c', 'seq 300 | xargs touch'], { cwd: inTrash('item') });
    trash.start();
    while (clock.now() < 1_000_000 + 25_000) {
      await until('a pause', () => clock.pending.length > 0);
      clock.advance(100);
    }
    await until('a pause', () => clock.pending.length > 0);
    expect(witness.figures).to.have.length(2);
    expect(witness.figures[0]).to.deep.include({ items: 1, stuck: 0 });
    expect(witness.figures[0]?.entriesDeleted).to.be.within(95, 105);
  });

  describe('with volumes that are more than files', () => {
    /** Logical volumes, say, by name; the ones that are destroyed are taken out. */
    class Shelf implements Remover {
      readonly names = new Set<string>();
      /** Called before one is destroyed. */
      hinder: (name: string) => void = () => undefined;

      /** For so long it looks. */
      looksMs = 0;

      async retired(): Promise<readonly string[]> {
        clock.advance(this.looksMs);
        return [...this.names];
      }
      async destroy({ name, deleteFiles }: RetiredVolume): Promise<Outcome | undefined> {
        if (!this.names.has(name)) return undefined;
        const outcome = await deleteFiles();
        if (outcome.kind !== 'gone') return outcome;
        this.hinder(name);
        this.names.delete(name);
        return outcome;
      }
    }
    const failed = new ToolFailed('lvremove disks/one', {
      exitCode: 5,
      code: undefined,
      stderr: 'Logical volume disks/one in use.',
      cause: new Error('exit 5'),
    });
    let clock: FakeClock;
    let shelf: Shelf;
    beforeEach(() => {
      clock = new FakeClock();
      witness = new Witness();
      shelf = new Shelf();
      const removers = () => [new Shelf(), shelf];
      trash = new Trash(pool, { clock, observer: witness, maxDeleteRate: 1e6, removers });
    });

    it('destroys them, with files and without, and deletes what is only files', async () => {
      put('with-files', 'a', 'deep/b');
      put('only-files', 'a');
      for (const name of ['with-files', 'without']) shelf.names.add(name);
      trash.start();
      await until('a rest', () => clock.pending.length > 0);
      expect(witness.done.sort()).to.deep.equal(['only-files', 'with-files', 'without']);
      expect([left(), [...shelf.names], witness.stuckItems]).to.deep.equal([[], [], []]);
    });

    it('deletes something in every round, however long it takes to see what there is', async () => {
      put('only-files', 'a', 'b');
      shelf.looksMs = MINUTE;
      trash.start();
      await until('a rest', () => clock.pending.length > 0);
      expect([witness.done, left()]).to.deep.equal([['only-files'], []]);
    });

    it('says why one cannot be destroyed, tries it again, and goes on with the others', async () => {
      for (const name of ['one', 'two']) shelf.names.add(name);
      put('three', 'a');
      shelf.hinder = (name) => {
        if (name === 'one') throw failed;
      };
      trash.start();
      await until('a rest', () => clock.pending.length > 0);
      expect(witness.done.sort()).to.deep.equal(['three', 'two']);
      const why = '`lvremove disks/one` failed: Logical volume disks/one in use.';
      expect([witness.stuckItems, witness.failures]).to.deep.equal([[['one', why]], []]);
      shelf.hinder = () => undefined;
      clock.advance(MINUTE);
      await until('a rest', () => clock.pending.length > 0);
      expect([[...shelf.names], trash.figures.stuck]).to.deep.equal([[], 0]);
    });

    it('rests while the disk has a fault, and takes none for gone', async () => {
      shelf.names.add('one');
      shelf.hinder = () => {
        throw failed;
      };
      let removers: Remover[] | undefined = [shelf];
      trash = new Trash(pool, { clock, observer: witness, maxDeleteRate: 1e6, removers: () => removers });
      trash.start();
      await until('a rest', () => clock.pending.length > 0);
      removers = undefined;
      put('two', 'a');
      clock.advance(MINUTE);
      await until('a rest', () => clock.pending.length > 0);
      expect([witness.done, left(), trash.figures.items]).to.deep.equal([[], ['two'], 1]);
      removers = [shelf];
      shelf.hinder = () => undefined;
      clock.advance(5000);
      await until('a rest', () => clock.pending.length > 0);
      expect([witness.done.sort(), left()]).to.deep.equal([['one', 'two'], []]);
    });

    it('takes none for gone while they cannot be listed, and deletes the others', async () => {
      shelf.names.add('one');
      shelf.hinder = () => {
        throw failed;
      };
      trash.start();
      await until('a rest', () => clock.pending.length > 0);
      shelf.retired = async () => {
        throw failed;
      };
      put('two', 'a');
      clock.advance(MINUTE);
      await until('a rest', () => clock.pending.length > 0);
      expect([witness.done, witness.failures, [...shelf.names]]).to.deep.equal([['two'], [failed], ['one']]);
      expect(trash.figures).to.deep.include({ items: 1, stuck: 1 });
    });
  });

  describe('with something that cannot be deleted', () => {
    let clock: FakeClock;
    beforeEach(() => {
      clock = new FakeClock();
      fresh(clock);
    });

    for (const kind of ['a disk', 'a bind mount of the same disk', 'a bind mount of another disk']) {
      it(`leaves an item with a mount in it, tells of it, and comes back: ${kind}`, async () => {
        const mountPoint = inTrash('item/deep/deeper/mount');
        put('item', 'a', 'deep/b', 'deep/deeper/c', 'deep/deeper/mount/below');
        put('other', 'a');
        mkdirSync(world.at('precious'));
        writeFileSync(world.at('precious/file'), '');
        if (kind === 'a disk') world.mountTmpfs(mountPoint);
        else
          world.mount(
            mountPoint,
            '--bind',
            kind.endsWith('same disk') ? world.at('precious') : world.outside,
          );
        if (kind === 'a disk') writeFileSync(join(mountPoint, 'file'), '');
        const before = snapshot(inTrash('item'));
        trash.start();
        await until('a rest', () => clock.pending.length > 0);
        expect(witness.stuckItems).to.deep.equal([['item', `something is mounted at ${mountPoint}`]]);
        expect(witness.done).to.deep.equal(['other']);
        expect(trash.figures).to.deep.include({ items: 1, stuck: 1 });
        expect(snapshot(inTrash('item'))).to.deep.equal(before);
        for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
          expect(Math.max(...clock.pending)).to.equal(Math.min(minutes, 10) * MINUTE);
          const seen = witness.stuckItems.length;
          for (let passed = 0; passed < minutes; passed += 10) {
            clock.advance(Math.min(10, minutes - passed) * MINUTE);
            await until('a rest', () => clock.pending.length > 0);
          }
          expect(witness.stuckItems.length, `after ${minutes} minutes`).to.equal(seen + 1);
        }
        world.unmount(mountPoint);
        for (let passed = 0; passed < 60; passed += 10) {
          clock.advance(10 * MINUTE);
          await until('a rest', () => clock.pending.length > 0);
        }
        expect([left(), trash.figures.stuck]).to.deep.equal([[], 0]);
        expect(existsSync(world.at('precious/file'))).to.equal(true);
      });
    }

    it('looks for mounts in what was moved up, too', async () => {
      const mountPoint = inTrash('item~/deep/mount');
      mkdirSync(mountPoint, { recursive: true });
      world.mount(mountPoint, '--bind', world.outside);
      trash.start();
      await until('a rest', () => clock.pending.length > 0);
      expect(witness.stuckItems).to.deep.equal([['item', `something is mounted at ${mountPoint}`]]);
    });

    for (const mounted of ['item', 'item/mount', 'item/a/b/mount', 'item~', 'item~/mount']) {
      it(`crosses no mount that came after the look at the table: at ${mounted}`, async () => {
        put('item', 'a/file');
        put(mounted);
        world.mount(inTrash(mounted), '--bind', world.outside);
        await pool.withRoot(async (root) => {
          await using state = await root.openDirectory('.tlv');
          await using opened = await state.openDirectory('trash');
          const pace = { mayDelete: async () => true, deleted: () => undefined };
          expect(await new TrashItem(opened, 'item', pace).delete()).to.have.property('kind', 'stuck');
        });
      });
    }

    it('deletes all but what is immutable, without a hot loop', async function () {
      // A tmpfs knows no such mark.
      world.unmount(world.root);
      pool = await world.pool();
      fresh(clock);
      put('item', 'a', 'deep/b', 'deep/deeper/fixed', 'deep/deeper/c', 'fixed/d');
      put('other', 'a');
      const fixed = [inTrash('item/deep/deeper/fixed'), inTrash('item/fixed')];
      try {
        execFileSync('chattr', ['+i', ...fixed], { stdio: 'pipe' });
      } catch {
        this.skip();
      }
      try {
        trash.start();
        await until('a rest', () => clock.pending.length > 0);
        expect(witness.done).to.deep.equal(['other']);
        expect(witness.stuckItems.map(([name]) => name)).to.deep.equal(['item']);
        expect(witness.stuckItems[0]?.[1]).to.match(/^cannot .*: it is not permitted/);
        const paths = readdirSync(inTrash(), { recursive: true, encoding: 'utf8' });
        const files = paths.filter((path) => lstatSync(inTrash(path)).isFile());
        expect(files.map((path) => basename(path)).sort()).to.deep.equal(['d', 'fixed']);
      } finally {
        execFileSync('chattr', ['-R', '-i', inTrash()], { stdio: 'pipe' });
      }
      clock.advance(MINUTE);
      await until('a rest', () => clock.pending.length > 0);
      expect([left(), witness.done]).to.deep.equal([[], ['other', 'item']]);
    });

    it('notices what somebody else has taken out', async () => {
      put('item', 'mount/x');
      world.mountTmpfs(inTrash('item/mount'));
      trash.start();
      await until('a rest', () => clock.pending.length > 0);
      world.unmount(inTrash('item/mount'));
      rmSync(inTrash('item'), { recursive: true });
      trash.wake();
      await until('the news', () => witness.done.length === 1);
      expect(trash.figures).to.deep.include({ items: 0, stuck: 0 });
    });

    it('waits for a pool that is lost, longer each time, and touches nothing meanwhile', async () => {
      put('item', 'a');
      world.unmount(world.root);
      mkdirSync(inTrash('item'), { recursive: true });
      trash.start();
      for (const seconds of [5, 10, 20, 40]) {
        await until('a rest', () => clock.pending.includes(seconds * 1000));
        clock.advance(seconds * 1000);
      }
      await until('a rest', () => clock.pending.length > 0);
      expect(witness.failures.every((failure) => failure instanceof PoolLost)).to.equal(true);
      expect(left()).to.deep.equal(['item']);
    });

    it('does not delete through a link that the trash has become', async () => {
      rmSync(inTrash(), { recursive: true });
      symlinkSync(world.outside, inTrash());
      trash.start();
      await until('a rest', () => clock.pending.length > 0);
      expect(witness.failures).to.have.length(1);
    });
  });

  it('ends with an empty trash when the agent dies before any of its effects', async () => {
    const fill = (each: World) => {
      for (const folder of ['a/b/c', 'a/d', 'e'])
        mkdirSync(each.at('.tlv/trash/item', folder), { recursive: true });
      writeFileSync(each.at('.tlv/trash/item/a/b/file'), '');
      symlinkSync(each.outside, each.at('.tlv/trash/item/a/b/c/link'));
    };
    const clear = async (each: World, before = noEffect) => {
      const seen = new Witness();
      const one = new Trash(await each.pool(before), {
        clock: systemClock,
        observer: seen,
        maxDeleteRate: 1e6,
      });
      one.start();
      await until('its end', () => seen.done.length + seen.failures.length > 0);
      await one.stop();
      return seen;
    };
    let effects = 0;
    await inWorld(async (each) => {
      await each.pool();
      fill(each);
      await clear(each, () => void effects++);
    });
    expect(effects).to.be.greaterThan(10);
    for (let count = 0; count < effects; count++) {
      await inWorld(async (each) => {
        await each.pool();
        fill(each);
        const before = snapshot(each.outside);
        expect((await clear(each, crashAfter(count))).failures[0]).to.be.instanceOf(Crash);
        expect((await clear(each)).done).to.deep.equal(['item']);
        expect(readdirSync(each.at('.tlv/trash'))).to.deep.equal([]);
        expect(each.openFiles).to.deep.equal([]);
        expect(snapshot(each.outside)).to.deep.equal(before);
      });
    }
  });
});
