import { existsSync } from 'node:fs';
import { expect } from 'chai';
import {
  contentOf,
  emptyTrash,
  fill,
  flood,
  type Ground,
  OWNER,
  ownerAt,
  TRASHED,
} from './backend-ground.ts';
import { crashEverywhere, namesBelow, PATH, type World } from './disk-world.ts';

/** What holds when the agent dies before any of its effects, and comes again. */
export function itSurvivesCrashes(ground: Ground): void {
  const { implementation, size, wanted } = ground;
  const { prepare, open, reboot, crashesAt: only } = implementation;

  const withData = async (world: World) => {
    await prepare(world);
    await (await open(world)).make(PATH, wanted);
    fill(world);
  };
  const expectNothing = async (world: World, crashedAt: string) => {
    expect(namesBelow(world.root), crashedAt).to.deep.equal([]);
    ground.expectInPlace(world, [], crashedAt);
    await emptyTrash(world, await open(world));
    expect(ground.inventory(world), crashedAt).to.deep.equal([]);
  };

  describe('when the agent dies anywhere', () => {
    it('makes the volume at the second attempt', async () => {
      const effects = await crashEverywhere({
        only,
        prepare,
        run: async (world, hook) => (await open(world, hook)).make(PATH, wanted),
        async check(world, crashedAt) {
          const found = await (await open(world)).inspect(PATH);
          expect(found, crashedAt).to.deep.equal({ kind: 'empty', owner: OWNER });
          for (const above of ['shop', 'shop/Test.GameServer']) {
            expect(ownerAt(world.at(above)), crashedAt).to.deep.equal({ uid: 0, gid: 0, mode: 0o755 });
          }
          ground.expectInPlace(world, [PATH], crashedAt);
        },
      });
      expect(effects).to.have.length.greaterThan(5);
    });

    it('discards what was half made', async () => {
      await crashEverywhere({
        only,
        prepare,
        run: async (world, hook) => (await open(world, hook)).make(PATH, wanted),
        again: async (world) => expect(await (await open(world)).discard(PATH)).to.equal(true),
        async check(world, crashedAt) {
          if (crashedAt !== 'nowhere') await expectNothing(world, crashedAt);
        },
      });
    });

    it('retires the volume at the second attempt, and has it whole at one place all the time', async () => {
      await crashEverywhere({
        only,
        prepare: withData,
        run: async (world, hook) => (await open(world, hook)).retire(PATH, TRASHED),
        async check(world, crashedAt) {
          ground.expectTrashed(world, crashedAt);
          await expectNothing(world, crashedAt);
        },
      });
    });

    it('discards the volume at the second attempt', async () => {
      await crashEverywhere({
        only,
        prepare: async (world) => {
          await prepare(world);
          await (await open(world)).make(PATH, wanted);
        },
        run: async (world, hook) => expect(await (await open(world, hook)).discard(PATH)).to.equal(true),
        check: expectNothing,
      });
    });

    it('brings the volume back into its place at the second attempt', async () => {
      await crashEverywhere({
        only,
        prepare: async (world) => {
          await withData(world);
          reboot?.(world);
        },
        run: async (world, hook) => (await open(world, hook)).attach(PATH, wanted),
        async check(world, crashedAt) {
          const { survivesReboot } = (await open(world)).traits;
          expect(existsSync(world.at(PATH, 'data')), crashedAt).to.equal(survivesReboot);
          expect(ownerAt(world.at(PATH)), crashedAt).to.deep.equal(OWNER);
          ground.expectInPlace(world, [PATH], crashedAt);
        },
      });
    });

    it('discards nothing that holds data, be it in its place or not', async () => {
      await crashEverywhere({
        only,
        prepare: async (world) => {
          await withData(world);
          if ((await open(world)).traits.survivesReboot) reboot?.(world);
        },
        run: async (world, hook) => expect(await (await open(world, hook)).discard(PATH)).to.equal(false),
        async check(world, crashedAt) {
          await (await open(world)).attach(PATH, wanted);
          expect(contentOf(world), crashedAt).to.equal('precious');
        },
      });
    });

    it('makes the volume larger at the second attempt', async () => {
      if (implementation.cannotGrow) return;
      const most = size * 1.5;
      await crashEverywhere({
        only,
        prepare: withData,
        run: async (world, hook) => (await open(world, hook)).grow(PATH, size * 2),
        check(world, crashedAt) {
          expect(flood(world.at(PATH, 'flood'), most).bytes, crashedAt).to.equal(most);
          expect(contentOf(world), crashedAt).to.equal('precious');
        },
      });
    });
  });
}
