import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Backend, Owner } from '../../../src/agent/backends/backend.ts';
import { PathBlocked } from '../../../src/agent/os/errors.ts';
import type { BeforeEffect } from '../../../src/cluster/effect.ts';
import {
  crashEverywhere,
  inWorld,
  namesBelow,
  needRoot,
  PATH,
  rejection,
  SIBLING,
  withUmask,
  type World,
} from './disk-world.ts';

export interface Implementation {
  readonly name: string;
  /** Makes the world ready for it once, with a pool in the root. */
  readonly prepare: (world: World) => Promise<void>;
  /** Of that world; called again after a crash. */
  readonly open: (world: World, before?: BeforeEffect) => Promise<Backend>;
}

const OWNER: Owner = { uid: 1001, gid: 1002, mode: 0o750 };
const WANTED = { owner: OWNER, size: 1 << 20 };
const TRASHED = 'pv-uid-1';

/** What holds for every backend, whatever it keeps a volume in. */
export function itKeepsTheContract(implementation: Implementation): void {
  const { prepare, open } = implementation;

  describe(`backend contract: ${implementation.name}`, () => {
    before(needRoot);

    const given = (title: string, body: (world: World, backend: Backend) => Promise<void>) => {
      it(title, async () => {
        await inWorld(async (world) => {
          await prepare(world);
          await body(world, await open(world));
          expect(world.openFiles).to.deep.equal([]);
        });
      });
    };
    const fill = (world: World) => writeFileSync(world.at(PATH, 'data'), 'precious');

    given('finds nothing at first', async (world, backend) => {
      expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'absent' });
      expect(namesBelow(world.root)).to.deep.equal([]);
    });

    given(
      'makes an empty volume with its owner and mode, below directories of root',
      async (world, backend) => {
        await backend.make(PATH, WANTED);
        expect(lstatOf(world.at(PATH))).to.deep.equal(OWNER);
        for (const above of ['shop', 'shop/Test.GameServer']) {
          expect(lstatOf(world.at(above))).to.deep.equal({ uid: 0, gid: 0, mode: 0o755 });
        }
        fill(world);
        expect(readFileSync(world.at(PATH, 'data'), 'utf8')).to.equal('precious');
      },
    );

    given('makes it again as if it were the first time', async (world, backend) => {
      await backend.make(PATH, WANTED);
      await backend.make(PATH, { ...WANTED, owner: { uid: 7, gid: 8, mode: 0o711 } });
      expect(lstatOf(world.at(PATH))).to.deep.equal({ uid: 7, gid: 8, mode: 0o711 });
    });

    given('makes nothing where there is data', async (world, backend) => {
      mkdirSync(world.at(PATH), { recursive: true, mode: 0o711 });
      fill(world);
      const before = lstatOf(world.at(PATH));
      expect(await rejection(backend.make(PATH, WANTED))).to.be.instanceOf(PathBlocked);
      expect(lstatOf(world.at(PATH))).to.deep.equal(before);
      expect((await backend.inspect(PATH)).kind).to.equal('filled');
      expect(readFileSync(world.at(PATH, 'data'), 'utf8')).to.equal('precious');
    });

    given('leaves directories above it as they are', async (world, backend) => {
      mkdirSync(world.at('shop'), { mode: 0o700 });
      await backend.make(PATH, WANTED);
      expect(lstatOf(world.at('shop')).mode).to.equal(0o700);
    });

    for (const mask of [0, 0o077, 0o777]) {
      given(`sets modes exactly with the umask ${mask.toString(8)}`, async (world, backend) => {
        await withUmask(mask, () => backend.make(PATH, WANTED));
        expect(lstatOf(world.at(PATH))).to.deep.equal(OWNER);
        expect(lstatOf(world.at('shop/Test.GameServer')).mode).to.equal(0o755);
      });
    }

    given('sets every mode there is', async (world, backend) => {
      await backend.make(PATH, WANTED);
      for (let mode = 0; mode <= 0o777; mode += 1) {
        await backend.own(PATH, { uid: mode, gid: 999_999 - mode, mode });
        expect(lstatOf(world.at(PATH))).to.deep.equal({ uid: mode, gid: 999_999 - mode, mode });
      }
    });

    given('sets the owner of the top only', async (world, backend) => {
      await backend.make(PATH, WANTED);
      fill(world);
      mkdirSync(world.at(PATH, 'folder'));
      await backend.own(PATH, { uid: 5, gid: 6, mode: 0o700 });
      expect(lstatOf(world.at(PATH))).to.deep.equal({ uid: 5, gid: 6, mode: 0o700 });
      for (const name of ['data', 'folder']) expect(lstatOf(world.at(PATH, name)).uid).to.equal(0);
    });

    given('owns nothing that is not there', async (_world, backend) => {
      expect(await rejection(backend.own(PATH, OWNER))).to.be.instanceOf(PathBlocked);
    });

    given('retires a volume with its data, and what is left empty above it', async (world, backend) => {
      await backend.make(PATH, WANTED);
      fill(world);
      await backend.retire(PATH, TRASHED);
      expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'absent' });
      expect(namesBelow(world.root)).to.deep.equal([]);
      expect(existsSync(world.at('.tlv/trash', TRASHED))).to.equal(true);
      await backend.retire(PATH, TRASHED);
    });

    given('leaves the siblings of what it takes away', async (world, backend) => {
      await backend.make(PATH, WANTED);
      await backend.make(SIBLING, WANTED);
      await backend.retire(PATH, TRASHED);
      expect(namesBelow(world.root)).to.deep.equal(['shop', 'shop/Test.GameServer', SIBLING]);
    });

    given('makes a retired volume anew, and empty', async (world, backend) => {
      await backend.make(PATH, WANTED);
      fill(world);
      await backend.retire(PATH, TRASHED);
      await backend.make(PATH, WANTED);
      expect(existsSync(world.at(PATH, 'data'))).to.equal(false);
    });

    given('never takes the place of another one in the trash', async (world, backend) => {
      await backend.make(PATH, WANTED);
      await backend.retire(PATH, TRASHED);
      await backend.make(PATH, WANTED);
      expect(await rejection(backend.retire(PATH, TRASHED))).to.be.instanceOf(PathBlocked);
      expect(existsSync(world.at(PATH))).to.equal(true);
    });

    given('discards what is empty or absent, and nothing with data', async (world, backend) => {
      expect(await backend.discard(PATH)).to.equal(true);
      await backend.make(PATH, WANTED);
      fill(world);
      expect(await backend.discard(PATH)).to.equal(false);
      expect(readFileSync(world.at(PATH, 'data'), 'utf8')).to.equal('precious');
      await backend.make(SIBLING, WANTED);
      expect(await backend.discard(SIBLING)).to.equal(true);
      expect(namesBelow(world.root)).to.deep.equal([
        'shop',
        'shop/Test.GameServer',
        PATH,
        join(PATH, 'data'),
      ]);
    });

    given('makes a volume while its siblings come and go', async (world, backend) => {
      for (let round = 0; round < 25; round++) {
        await Promise.all([backend.discard(SIBLING), backend.make(PATH, WANTED)]);
        expect(lstatOf(world.at(PATH))).to.deep.equal(OWNER);
        expect(lstatOf(world.at('shop/Test.GameServer')).mode).to.equal(0o755);
        await Promise.all([backend.discard(PATH), backend.make(SIBLING, WANTED)]);
      }
    });

    given('tells the space of the disk', async (_world, backend) => {
      const { totalBytes, freeBytes, freeInodes } = await backend.source().space();
      expect(freeBytes).to.be.within(1, totalBytes);
      if (freeInodes !== undefined) expect(freeInodes).to.be.greaterThan(0);
    });

    describe('when the agent dies anywhere', () => {
      it('makes the volume at the second attempt', async () => {
        const effects = await crashEverywhere({
          prepare,
          run: async (world, hook) => (await open(world, hook)).make(PATH, WANTED),
          check(world, crashedAt) {
            expect(lstatOf(world.at(PATH)), crashedAt).to.deep.equal(OWNER);
            for (const above of ['shop', 'shop/Test.GameServer']) {
              expect(lstatOf(world.at(above)), crashedAt).to.deep.equal({ uid: 0, gid: 0, mode: 0o755 });
            }
          },
        });
        expect(effects).to.have.length.greaterThan(5);
      });

      it('discards what was half made', async () => {
        await crashEverywhere({
          prepare,
          run: async (world, hook) => (await open(world, hook)).make(PATH, WANTED),
          again: async (world) => expect(await (await open(world)).discard(PATH)).to.equal(true),
          check(world, crashedAt) {
            if (crashedAt !== 'nowhere') expect(existsSync(world.at(PATH)), crashedAt).to.equal(false);
          },
        });
      });

      it('retires the volume at the second attempt, and has it whole at one place all the time', async () => {
        await crashEverywhere({
          prepare: async (world) => {
            await prepare(world);
            await (await open(world)).make(PATH, WANTED);
            fill(world);
          },
          run: async (world, hook) => (await open(world, hook)).retire(PATH, TRASHED),
          check(world, crashedAt) {
            expect(namesBelow(world.root), crashedAt).to.deep.equal([]);
            expect(existsSync(world.at('.tlv/trash', TRASHED)), crashedAt).to.equal(true);
          },
        });
      });

      it('discards the volume at the second attempt', async () => {
        await crashEverywhere({
          prepare: async (world) => {
            await prepare(world);
            await (await open(world)).make(PATH, WANTED);
          },
          run: async (world, hook) => expect(await (await open(world, hook)).discard(PATH)).to.equal(true),
          check: (world, crashedAt) => void expect(namesBelow(world.root), crashedAt).to.deep.equal([]),
        });
      });
    });
  });
}

function lstatOf(path: string): Owner {
  const { uid, gid, mode } = lstatSync(path);
  return { uid, gid, mode: mode & 0o7777 };
}
