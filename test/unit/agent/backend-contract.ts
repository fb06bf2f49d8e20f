import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PathBlocked } from '../../../src/agent/os/errors.ts';
import { itSurvivesCrashes } from './backend-crashes.ts';
import { contentOf, fill, Ground, type Implementation, OWNER, ownerAt, TRASHED } from './backend-ground.ts';
import { itKeepsSizes } from './backend-sizes.ts';
import { namesBelow, needRoot, PATH, rejection, SIBLING, withUmask } from './disk-world.ts';

/** What holds for every backend, whatever it keeps a volume in. */
export function itKeepsTheContract(implementation: Implementation): void {
  const ground = new Ground(implementation);
  const { wanted } = ground;

  describe(`backend contract: ${implementation.name}`, () => {
    before(needRoot);

    const given = ground.given.bind(ground);

    given('finds nothing at first', async (world, backend) => {
      expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'absent' });
      expect(namesBelow(world.root)).to.deep.equal([]);
    });

    given(
      'makes an empty volume with its owner and mode, below directories of root',
      async (world, backend) => {
        await backend.make(PATH, wanted);
        expect(ownerAt(world.at(PATH))).to.deep.equal(OWNER);
        for (const above of ['shop', 'shop/Test.GameServer']) {
          expect(ownerAt(world.at(above))).to.deep.equal({ uid: 0, gid: 0, mode: 0o755 });
        }
        fill(world);
        expect(contentOf(world)).to.equal('precious');
      },
    );

    given('makes it again as if it were the first time', async (world, backend) => {
      await backend.make(PATH, wanted);
      await backend.make(PATH, { ...wanted, owner: { uid: 7, gid: 8, mode: 0o711 } });
      expect(ownerAt(world.at(PATH))).to.deep.equal({ uid: 7, gid: 8, mode: 0o711 });
    });

    given('makes nothing where there is data', async (world, backend) => {
      mkdirSync(world.at(PATH), { recursive: true, mode: 0o711 });
      fill(world);
      const before = ownerAt(world.at(PATH));
      expect(await rejection(backend.make(PATH, wanted))).to.be.instanceOf(PathBlocked);
      expect(ownerAt(world.at(PATH))).to.deep.equal(before);
      // Where volumes are mounts, nothing else is ever taken for one.
      const found = implementation.isMounted ? 'blocked' : 'filled';
      expect((await backend.inspect(PATH)).kind).to.equal(found);
      expect(await backend.discard(PATH)).to.equal(false);
      expect(contentOf(world)).to.equal('precious');
    });

    given('leaves directories above it as they are', async (world, backend) => {
      mkdirSync(world.at('shop'), { mode: 0o700 });
      await backend.make(PATH, wanted);
      expect(ownerAt(world.at('shop')).mode).to.equal(0o700);
    });

    for (const mask of implementation.crashesAt ? [0o777] : [0, 0o077, 0o777]) {
      given(`sets modes exactly with the umask ${mask.toString(8)}`, async (world, backend) => {
        await withUmask(mask, () => backend.make(PATH, wanted));
        expect(ownerAt(world.at(PATH))).to.deep.equal(OWNER);
        expect(ownerAt(world.at('shop/Test.GameServer')).mode).to.equal(0o755);
      });
    }

    given('sets every mode there is', async (world, backend) => {
      await backend.make(PATH, wanted);
      // A mount is looked up before each: there, every bit is tried in several company.
      const step = implementation.crashesAt ? 251 : implementation.isMounted ? 19 : 1;
      for (let mode = 0; mode <= 0o777; mode += step) {
        await backend.own(PATH, { uid: mode, gid: 999_999 - mode, mode });
        expect(ownerAt(world.at(PATH))).to.deep.equal({ uid: mode, gid: 999_999 - mode, mode });
      }
    });

    given('sets the owner of the top only', async (world, backend) => {
      await backend.make(PATH, wanted);
      fill(world);
      mkdirSync(world.at(PATH, 'folder'));
      await backend.own(PATH, { uid: 5, gid: 6, mode: 0o700 });
      expect(ownerAt(world.at(PATH))).to.deep.equal({ uid: 5, gid: 6, mode: 0o700 });
      for (const name of ['data', 'folder']) expect(ownerAt(world.at(PATH, name)).uid).to.equal(0);
    });

    given('owns nothing that is not there', async (_world, backend) => {
      expect(await rejection(backend.own(PATH, OWNER))).to.be.instanceOf(PathBlocked);
    });

    given('retires a volume with its data, and what is left empty above it', async (world, backend) => {
      await backend.make(PATH, wanted);
      fill(world);
      await backend.retire(PATH, TRASHED);
      expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'absent' });
      expect(namesBelow(world.root)).to.deep.equal([]);
      ground.expectTrashed(world);
      ground.expectInPlace(world, []);
      await backend.retire(PATH, TRASHED);
    });

    given('leaves the siblings of what it takes away', async (world, backend) => {
      await backend.make(PATH, wanted);
      await backend.make(SIBLING, wanted);
      await backend.retire(PATH, TRASHED);
      expect(namesBelow(world.root)).to.deep.equal(['shop', 'shop/Test.GameServer', SIBLING]);
    });

    given('makes a retired volume anew, and empty', async (world, backend) => {
      await backend.make(PATH, wanted);
      fill(world);
      await backend.retire(PATH, TRASHED);
      await backend.make(PATH, wanted);
      expect(existsSync(world.at(PATH, 'data'))).to.equal(false);
    });

    given('never takes the place of another one in the trash', async (_world, backend) => {
      await backend.make(PATH, wanted);
      await backend.retire(PATH, TRASHED);
      await backend.make(PATH, wanted);
      if (implementation.leavesNothing) return await backend.retire(PATH, TRASHED);
      expect(await rejection(backend.retire(PATH, TRASHED))).to.be.instanceOf(PathBlocked);
      expect((await backend.inspect(PATH)).kind).to.equal('empty');
    });

    given('discards what is empty or absent, and nothing with data', async (world, backend) => {
      expect(await backend.discard(PATH)).to.equal(true);
      await backend.make(PATH, wanted);
      fill(world);
      expect(await backend.discard(PATH)).to.equal(false);
      expect(contentOf(world)).to.equal('precious');
      await backend.make(SIBLING, wanted);
      expect(await backend.discard(SIBLING)).to.equal(true);
      expect(namesBelow(world.root)).to.deep.equal([
        'shop',
        'shop/Test.GameServer',
        PATH,
        join(PATH, 'data'),
      ]);
    });

    given('makes a volume while its siblings come and go', async (world, backend) => {
      for (let round = 0; round < (implementation.crashesAt ? 2 : 25); round++) {
        await Promise.all([backend.discard(SIBLING), backend.make(PATH, wanted)]);
        expect(ownerAt(world.at(PATH))).to.deep.equal(OWNER);
        expect(ownerAt(world.at('shop/Test.GameServer')).mode).to.equal(0o755);
        await Promise.all([backend.discard(PATH), backend.make(SIBLING, wanted)]);
      }
    });

    given('tells the space of the disk', async (_world, backend) => {
      const { totalBytes, freeBytes, freeInodes } = await backend.source(implementation.options).space();
      expect(freeBytes).to.be.within(1, totalBytes);
      if (freeInodes !== undefined) expect(freeInodes).to.be.greaterThan(0);
    });

    itKeepsSizes(ground);
    itSurvivesCrashes(ground);
  });
}
