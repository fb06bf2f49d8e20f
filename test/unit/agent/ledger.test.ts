import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { Ledger, ledgerFileOf, LedgerUnreadable } from '../../../src/agent/ledger.ts';
import { DiskFault, NewerFormat, PoolLost } from '../../../src/agent/os/errors.ts';
import type { Pool } from '../../../src/agent/pool.ts';
import {
  crashEverywhere,
  needRoot,
  PATH,
  pathOf,
  rejection,
  SIBLING,
  snapshot,
  World,
} from './disk-world.ts';

const ENTRY: LedgerEntry = {
  version: 1,
  state: 'made',
  path: PATH,
  volume: 'shop-remote-log-dir-test-gameserver-0123456789abcdef',
  volumeUid: 'uid-1',
  storageClass: 't-storage-class',
  claim: { namespace: 'shop', name: 'remote-log-dir-test-gameserver-0', uid: 'uid-2' },
  owner: { uid: 0, gid: 0, mode: 0o755 },
};
const OFFERED: LedgerEntry = {
  version: 1,
  state: 'making',
  path: SIBLING,
  volume: 'shop-other',
  storageClass: 'c',
  owner: { uid: 1, gid: 2, mode: 0o711 },
};

describe('ledger', () => {
  let world: World;
  let pool: Pool;

  before(needRoot);
  beforeEach(async () => {
    world = new World();
    pool = await world.pool();
  });
  afterEach(() => {
    const open = world.openFiles;
    world.remove();
    expect(open).to.deep.equal([]);
  });

  const fileAt = (path: string) => world.at('.tlv/ledger', ledgerFileOf(path));
  const files = () => readdirSync(world.at('.tlv/ledger')).sort();

  it('is left as it is by whoever only visits: the agent may be in the middle of writing', async () => {
    await (await Ledger.open(pool)).write(ENTRY);
    const unfinished = join(pool.root, '.tlv/ledger', `${ledgerFileOf(SIBLING)}.0123abcd.new`);
    writeFileSync(unfinished, 'half');
    const visited = await Ledger.visit(pool);
    expect(visited.all()).to.deep.equal([ENTRY]);
    expect(readFileSync(unfinished, 'utf8')).to.equal('half');
    await Ledger.open(pool);
    expect(lstatSync(unfinished, { throwIfNoEntry: false })).to.equal(undefined);
  });

  it('names a file after its path, for ever', () => {
    expect(ledgerFileOf(PATH)).to.equal('7d302ab92e5d56fde106311ce34e38f5.json');
  });

  it('remembers what was written, also when it is opened again', async () => {
    const ledger = await Ledger.open(pool);
    expect(ledger.get(PATH)).to.equal(undefined);
    await ledger.write(OFFERED);
    await ledger.write({ ...ENTRY, state: 'making' });
    await ledger.write(ENTRY);
    for (const each of [ledger, await Ledger.open(pool)]) {
      expect(each.get(PATH)).to.deep.equal(ENTRY);
      expect(each.get(SIBLING)).to.deep.equal(OFFERED);
      expect(each.all()).to.have.deep.members([ENTRY, OFFERED]);
      expect(each.unreadable()).to.deep.equal([]);
    }
    await ledger.remove(PATH);
    await ledger.remove(PATH);
    for (const each of [ledger, await Ledger.open(pool)]) expect(each.all()).to.deep.equal([OFFERED]);
    expect(files()).to.deep.equal([ledgerFileOf(SIBLING)]);
  });

  it('keeps the order of what is written at the same time', async () => {
    const ledger = await Ledger.open(pool);
    const states = ['making', 'made', 'kept', 'retiring'] as const;
    await Promise.all([
      ...states.map((state) => ledger.write({ ...ENTRY, state })),
      ...Array.from({ length: 20 }, (_, index) =>
        ledger.write({ ...ENTRY, path: pathOf(`shop/Test.GameServer/data-${index}`) }),
      ),
    ]);
    expect(ledger.get(PATH)?.state).to.equal('retiring');
    const again = await Ledger.open(pool);
    expect(again.get(PATH)?.state).to.equal('retiring');
    expect(again.all()).to.have.length(21);
  });

  it('refuses an entry that it could not read again', async () => {
    const ledger = await Ledger.open(pool);
    await rejection(ledger.write({ ...ENTRY, volume: '' }));
    expect(files()).to.deep.equal([]);
    expect(ledger.get(PATH)).to.equal(undefined);
    await ledger.write(ENTRY);
    expect(ledger.get(PATH)).to.deep.equal(ENTRY);
  });

  describe('when the agent dies', () => {
    for (const first of [undefined, { ...ENTRY, state: 'making' } as const]) {
      it(`has the old or the new, ${first ? 'changing' : 'making'} an entry`, async () => {
        await crashEverywhere({
          prepare: async (each) => {
            const ledger = await Ledger.open(await each.pool());
            if (first) await ledger.write(first);
          },
          run: async (each, hook) => (await Ledger.open(await each.pool(hook))).write(ENTRY),
          again: async (each) => {
            const ledger = await Ledger.open(await each.pool());
            expect([first, ENTRY]).to.deep.include(ledger.get(PATH));
            expect(ledger.unreadable()).to.deep.equal([]);
            expect(
              readdirSync(each.at('.tlv/ledger')).filter((name) => name !== ledgerFileOf(PATH)),
            ).to.deep.equal([]);
            await ledger.write(ENTRY);
          },
          check: async (each) => {
            expect((await Ledger.open(await each.pool())).all()).to.deep.equal([ENTRY]);
            expect(each.openFiles).to.deep.equal([]);
          },
        });
      });
    }

    it('has the entry or has it not, removing it', async () => {
      await crashEverywhere({
        prepare: async (each) => (await Ledger.open(await each.pool())).write(ENTRY),
        run: async (each, hook) => (await Ledger.open(await each.pool(hook))).remove(PATH),
        check: async (each) => void expect((await Ledger.open(await each.pool())).all()).to.deep.equal([]),
      });
    });
  });

  describe('that cannot be read', () => {
    const SPOILT: Readonly<Record<string, string>> = {
      'an empty file': '',
      'half a file': JSON.stringify(ENTRY).slice(0, 100),
      'another version': JSON.stringify({ ...ENTRY, version: 2 }),
      'a path that is none': JSON.stringify({ ...ENTRY, path: '../../etc' }),
      'the entry of another path': JSON.stringify(OFFERED),
      'a huge file': ' '.repeat(100_000),
      'no object': '[]',
    };
    for (const [what, text] of Object.entries(SPOILT)) {
      it(`serves its path to nobody and stays as it is: ${what}`, async () => {
        writeFileSync(fileAt(PATH), text);
        const ledger = await Ledger.open(pool);
        expect(ledger.unreadable().map(({ file }) => file)).to.deep.equal([ledgerFileOf(PATH)]);
        expect(() => ledger.get(PATH)).to.throw(LedgerUnreadable, ledgerFileOf(PATH));
        expect(await rejection(ledger.write(ENTRY))).to.be.instanceOf(LedgerUnreadable);
        expect(await rejection(ledger.remove(PATH))).to.be.instanceOf(LedgerUnreadable);
        expect(readFileSync(fileAt(PATH), 'utf8')).to.equal(text);
        await ledger.write(OFFERED);
        expect(ledger.all()).to.deep.equal([OFFERED]);
      });
    }

    it('is a link, a directory or a file that is none of ours', async () => {
      const before = snapshot(world.outside);
      symlinkSync(join(world.outside, 'filled/file'), fileAt(PATH));
      mkdirSync(fileAt(SIBLING));
      writeFileSync(world.at('.tlv/ledger/notes.txt'), 'of a human');
      const ledger = await Ledger.open(pool);
      expect(ledger.unreadable().map(({ file }) => file)).to.have.members([
        ledgerFileOf(PATH),
        ledgerFileOf(SIBLING),
        'notes.txt',
      ]);
      for (const path of [PATH, SIBLING]) expect(() => ledger.get(path)).to.throw(LedgerUnreadable);
      expect(snapshot(world.outside)).to.deep.equal(before);
      expect(files()).to.have.length(3);
    });
  });

  it('is not read by an older version', async () => {
    writeFileSync(world.at('.tlv/format.json'), '{"version":2}');
    expect(await rejection(Ledger.open(pool))).to.be.instanceOf(NewerFormat);
  });

  it('writes nothing through a link', async () => {
    const ledger = await Ledger.open(pool);
    renameSync(world.at('.tlv/ledger'), world.at('.tlv/moved'));
    symlinkSync(join(world.outside, 'empty'), world.at('.tlv/ledger'));
    const before = snapshot(world.outside);
    expect(await rejection(ledger.write(ENTRY))).to.be.instanceOf(DiskFault);
    expect(await rejection(Ledger.open(pool))).to.be.instanceOf(DiskFault);
    expect(ledger.get(PATH)).to.equal(undefined);
    expect(snapshot(world.outside)).to.deep.equal(before);
  });

  describe('on a disk of its own', () => {
    beforeEach(async () => {
      world.mountTmpfs(world.root, 'size=64k,nr_inodes=12');
      pool = await world.pool();
    });

    it('keeps the old entry when the disk is full', async () => {
      const ledger = await Ledger.open(pool);
      await ledger.write({ ...ENTRY, state: 'making' });
      writeFileSync(world.at('filler'), Buffer.alloc(48 * 1024));
      for (;;) {
        try {
          writeFileSync(world.at('filler'), Buffer.alloc(1024), { flag: 'a' });
        } catch {
          break;
        }
      }
      expect(await rejection(ledger.write(ENTRY)))
        .to.be.instanceOf(DiskFault)
        .and.deep.include({ code: 'ENOSPC' });
      expect(ledger.get(PATH)?.state).to.equal('making');
      expect((await Ledger.open(pool)).get(PATH)?.state).to.equal('making');
      expect(files()).to.deep.equal([ledgerFileOf(PATH)]);
    });

    it('can still write on a full disk what is to go, once and again', async () => {
      world.unmount(world.root);
      world.mountTmpfs(world.root, 'size=1m,nr_inodes=40');
      pool = await world.pool();
      const ledger = await Ledger.open(pool);
      await ledger.write(ENTRY);
      for (const filler of ['1', '2']) {
        fillUp(filler);
        expect(await rejection(ledger.write(OFFERED))).to.deep.include({ code: 'ENOSPC' });
        await ledger.write({ ...ENTRY, state: 'retiring' });
        expect((await Ledger.open(pool)).get(PATH)?.state).to.equal('retiring');
        rmSync(world.at(`filler-${filler}`), { recursive: true });
        await ledger.remove(PATH);
        expect(lstatSync(world.at('.tlv/reserve')).size).to.equal(65_536);
        await ledger.write(ENTRY);
      }
    });

    /** Takes every block and every inode. */
    const fillUp = (name: string) => {
      mkdirSync(world.at(`filler-${name}`));
      for (const size of [16_384, 1, 0]) {
        for (let index = 0; ; index++) {
          try {
            writeFileSync(world.at(`filler-${name}/${size}-${index}`), Buffer.alloc(size));
          } catch {
            break;
          }
        }
      }
      for (;;) {
        try {
          writeFileSync(world.at(`filler-${name}/16384-0`), Buffer.alloc(1024), { flag: 'a' });
        } catch {
          break;
        }
      }
    };

    it('can be read when nothing can be written', async () => {
      await (await Ledger.open(pool)).write(ENTRY);
      writeFileSync(world.at('.tlv/ledger', `${ledgerFileOf(SIBLING)}.0123abcd.new`), 'half');
      world.makeReadOnly(world.root);
      const ledger = await Ledger.open(pool);
      expect(ledger.all()).to.deep.equal([ENTRY]);
      expect(await rejection(ledger.write(OFFERED)))
        .to.be.instanceOf(DiskFault)
        .and.deep.include({ code: 'EROFS' });
    });

    it('writes nothing once its pool is lost', async () => {
      const ledger = await Ledger.open(pool);
      world.unmount(world.root);
      expect(await rejection(ledger.write(ENTRY))).to.be.instanceOf(PoolLost);
      expect(files()).to.deep.equal([]);
    });
  });
});
