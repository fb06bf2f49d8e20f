import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { DiskFault, NewerFormat, PoolLost } from '../../../src/agent/os/errors.ts';
import { Pool } from '../../../src/agent/pool.ts';
import { crashEverywhere, needRoot, rejection, snapshot, withUmask, World } from './disk-world.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

describe('pool', () => {
  let world: World;

  before(needRoot);
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => {
    const open = world.openFiles;
    world.remove();
    expect(open).to.deep.equal([]);
  });

  const marker = () => world.at('.tlv/pool.json');
  const kindOf = async () => (await Pool.look(world.root)).kind;
  const lost = async (pool: Pool) => {
    const fault = await rejection(pool.withRoot(async () => 'done'));
    expect(fault).to.be.instanceOf(PoolLost);
    return (fault as PoolLost).message;
  };

  it('is made in an empty root, for root alone', async () => {
    await withUmask(0, async () => void (await Pool.init(world.root, 'node-1')));
    const modes = ['.tlv', '.tlv/ledger', '.tlv/trash', '.tlv/format.json', '.tlv/pool.json'].map((name) =>
      (lstatSync(world.at(name)).mode & 0o7777).toString(8),
    );
    expect(modes).to.deep.equal(['700', '700', '700', '600', '600']);
    expect(readdirSync(world.at('.tlv')).sort()).to.deep.equal([
      'format.json',
      'ledger',
      'pool.json',
      'trash',
    ]);
    const look = await Pool.look(world.root);
    expect(look).to.deep.include({ kind: 'healthy', node: 'node-1', isReadOnly: false });
    expect(look.kind === 'healthy' && look.id).to.match(UUID);
  });

  it('stays the pool that it is', async () => {
    const id = await Pool.init(world.root, 'node-1');
    const before = readFileSync(marker(), 'utf8');
    expect(await Pool.init(world.root, 'node-2')).to.equal(id);
    expect(readFileSync(marker(), 'utf8')).to.equal(before);
  });

  it('is whole or none when the agent dies while making it', async () => {
    const effects = await crashEverywhere({
      prepare: async () => undefined,
      run: async (each, before) => await Pool.init(each.root, 'node-1', { before }),
      again: async (each) => {
        const look = await Pool.look(each.root);
        if (look.kind !== 'healthy') expect(look).to.deep.include({ kind: 'missing-marker', isEmpty: true });
        await Pool.init(each.root, 'node-1');
      },
      check: async (each, crashedAt) => {
        expect((await Pool.look(each.root)).kind, crashedAt).to.equal('healthy');
        expect(readdirSync(each.at('.tlv')).sort(), crashedAt).to.deep.equal([
          'format.json',
          'ledger',
          'pool.json',
          'trash',
        ]);
        expect(each.openFiles, crashedAt).to.deep.equal([]);
      },
    });
    expect(effects.at(-2)).to.match(/ to \.tlv\/pool\.json$/);
  });

  describe('looks', () => {
    it('at no root', async () => {
      expect(await Pool.look(world.at('none'))).to.deep.include({ kind: 'missing-root' });
    });

    it('at a root that is a link or a file', async () => {
      symlinkSync(world.outside, world.at('link'));
      writeFileSync(world.at('file'), '');
      for (const name of ['link', 'file'])
        expect((await Pool.look(world.at(name))).kind).to.equal('unreadable');
    });

    it('at an empty one, which may be a new disk', async () => {
      mkdirSync(world.at('lost+found'));
      expect(await Pool.look(world.root)).to.deep.include({ kind: 'missing-marker', isEmpty: true });
    });

    for (const [name, fill] of Object.entries({
      'a directory': (root: string) => mkdirSync(join(root, 'shop')),
      'a file': (root: string) => writeFileSync(join(root, 'file'), ''),
      'something found': (root: string) => mkdirSync(join(root, 'lost+found/data'), { recursive: true }),
      'a ledger': (root: string) => {
        mkdirSync(join(root, '.tlv/ledger'), { recursive: true });
        writeFileSync(join(root, '.tlv/ledger/x.json'), '');
      },
      'a trash': (root: string) => mkdirSync(join(root, '.tlv/trash/item'), { recursive: true }),
      'something strange of ours': (root: string) =>
        mkdirSync(join(root, '.tlv/strange'), { recursive: true }),
      'our folder as a link': (root: string) => symlinkSync('/tmp', join(root, '.tlv')),
    })) {
      it(`at one without a marker, but with ${name}`, async () => {
        fill(world.root);
        const look = await Pool.look(world.root);
        expect(look.kind === 'unreadable' || (look.kind === 'missing-marker' && !look.isEmpty)).to.equal(
          true,
        );
      });
    }

    it('at another pool', async () => {
      const id = await Pool.init(world.root, 'node-1');
      const look = await Pool.look(world.root, { expectedId: '00000000-0000-4000-8000-000000000000' });
      expect(look).to.deep.include({ kind: 'other', id });
    });

    for (const text of [
      '',
      '{',
      'null',
      '{"version":1}',
      '{"version":1,"id":"x","node":"n","createdAt":"t"}',
      'x'.repeat(70_000),
    ]) {
      it(`at a marker of ${JSON.stringify(text.slice(0, 40))}`, async () => {
        const pool = await world.pool();
        writeFileSync(marker(), text);
        expect(await kindOf()).to.equal('unreadable');
        expect(await rejection(pool.withRoot(async () => 'done'))).to.be.instanceOf(DiskFault);
        expect(await rejection(Pool.init(world.root, 'node-1'))).to.be.instanceOf(DiskFault);
        expect(readFileSync(marker(), 'utf8')).to.equal(text);
      });
    }

    for (const file of ['pool.json', 'format.json']) {
      it(`at a newer ${file}`, async () => {
        await Pool.init(world.root, 'node-1');
        writeFileSync(world.at('.tlv', file), '{"version":2}');
        const look = await Pool.look(world.root);
        expect(look).to.deep.equal({
          kind: 'unreadable',
          why: `.tlv/${file} has version 2: it was written by a newer version of the agent; upgrade this agent`,
        });
        expect(await rejection(Pool.init(world.root, 'node-1'))).to.be.instanceOf(NewerFormat);
      });
    }

    it('at a disk that can only be read', async () => {
      world.mountTmpfs(world.root);
      await Pool.init(world.root, 'node-1');
      world.makeReadOnly(world.root);
      expect(await Pool.look(world.root)).to.deep.include({ kind: 'healthy', isReadOnly: true });
    });
  });

  it('demands a mount point where it is told to', async () => {
    const options = { requireMountPoint: true };
    expect(await Pool.look(world.root, options)).to.deep.equal({
      kind: 'missing-root',
      why: `nothing is mounted at ${world.root}, and the agent was told that it must be a mount point`,
    });
    expect(await rejection(Pool.init(world.root, 'node-1', options))).to.be.instanceOf(DiskFault);
    expect(readdirSync(world.root)).to.deep.equal([]);
    world.mountTmpfs(world.root);
    await Pool.init(world.root, 'node-1', options);
    expect((await Pool.look(world.root, options)).kind).to.equal('healthy');
    expect((await Pool.look(world.at('.tlv'), options)).kind).to.equal('missing-root');
  });

  it('is made on a bind mount of a directory of the same disk', async () => {
    mkdirSync(join(world.folder, 'data'));
    world.mount(world.root, '--bind', join(world.folder, 'data'));
    await Pool.init(world.root, 'node-1', { requireMountPoint: true });
    expect(readdirSync(join(world.folder, 'data'))).to.deep.equal(['.tlv']);
  });

  describe('lost', () => {
    it('when its disk is unmounted, and back when it is mounted', async () => {
      const disk = join(world.folder, 'disk');
      mkdirSync(disk);
      world.mountTmpfs(disk);
      world.mount(world.root, '--bind', disk);
      const pool = await world.pool();
      expect(await pool.withRoot(async () => 'done')).to.equal('done');
      // Not held by us: else this would fail.
      world.unmount(world.root);
      expect(await lost(pool)).to.contain('now holds no pool: is its disk mounted?');
      expect(await kindOf()).to.equal('missing-marker');
      world.mount(world.root, '--bind', disk);
      expect(await pool.withRoot(async () => 'done')).to.equal('done');
    });

    it('when the root is gone, or a link to another one', async () => {
      const pool = await world.pool();
      renameSync(world.root, join(world.folder, 'moved'));
      await lost(pool);
      symlinkSync(join(world.folder, 'moved'), world.root);
      await lost(pool);
    });

    it('when another disk is mounted', async () => {
      const pool = await world.pool();
      world.mountTmpfs(world.root);
      const other = await Pool.init(world.root, 'node-1');
      expect(await lost(pool)).to.contain(`now holds the pool ${other}`);
    });
  });

  for (const place of ['.tlv', '.tlv/ledger', '.tlv/trash']) {
    it(`is not made through a link at ${place}`, async () => {
      mkdirSync(join(world.at(place), '..'), { recursive: true });
      symlinkSync(join(world.outside, 'empty'), world.at(place));
      const before = snapshot(world.outside);
      expect(await rejection(Pool.init(world.root, 'node-1'))).to.be.instanceOf(DiskFault);
      expect(snapshot(world.outside)).to.deep.equal(before);
    });
  }

  it('is not made on a full disk', async () => {
    world.mountTmpfs(world.root, 'size=64k,nr_inodes=4');
    execFileSync('touch', [world.at('filler')]);
    expect(await rejection(Pool.init(world.root, 'node-1'))).to.deep.include({ code: 'ENOSPC' });
    expect(await kindOf()).to.equal('missing-marker');
  });
});
