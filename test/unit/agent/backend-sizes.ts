import { readdirSync, readFileSync } from 'node:fs';
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
import { namesBelow, PATH, pathOf, SIBLING } from './disk-world.ts';

/** Sizes, reboots, and what is left of it all. */
export function itKeepsSizes(ground: Ground): void {
  const { implementation, size, wanted } = ground;
  const canGrow = !implementation.cannotGrow;

  describe('with a size', () => {
    ground.given('stops a writer at its size, and nobody else', async (world, backend) => {
      if (!backend.traits.enforcesSize) return;
      for (const path of [PATH, SIBLING]) await backend.make(path, wanted);
      const { bytes, code } = flood(world.at(PATH, 'flood'), size * 2);
      expect(code).to.be.oneOf(['ENOSPC', 'EDQUOT']);
      // Some of it is the filesystem's own.
      expect(bytes).to.be.within(size * 0.6, size);
      const some = { bytes: size / 4, code: undefined };
      expect(flood(world.at(SIBLING, 'data'), some.bytes)).to.deep.equal(some);
    });

    ground.given('keeps data as it is made larger, and never makes it smaller', async (world, backend) => {
      await backend.make(PATH, wanted);
      fill(world);
      if (canGrow) await backend.grow(PATH, size * 2);
      await backend.grow(PATH, size);
      await backend.grow(PATH, 1);
      const most = canGrow ? size * 1.5 : size / 2;
      expect(flood(world.at(PATH, 'flood'), most)).to.deep.equal({ bytes: most, code: undefined });
      expect(contentOf(world)).to.equal('precious');
    });

    ground.given('takes sizes of no whole blocks, as powers of ten are', async (world, backend) => {
      await backend.make(PATH, { ...wanted, size: size + 1001 });
      fill(world);
      if (canGrow) await backend.grow(PATH, size * 2 + 1003);
      expect(contentOf(world)).to.equal('precious');
    });

    ground.given('lets a writer go on once it is made larger', async (world, backend) => {
      if (!backend.traits.enforcesSize || !canGrow) return;
      await backend.make(PATH, wanted);
      const { bytes } = flood(world.at(PATH, 'flood'), size * 2);
      await backend.grow(PATH, size * 2);
      const more = flood(world.at(PATH, 'more'), size * 2);
      expect(more.bytes).to.be.within(size * 0.6, size * 1.2);
      expect(readFileSync(world.at(PATH, 'flood'))).to.have.length(bytes);
    });

    ground.given('tells what a volume has taken of its source', async (world, backend) => {
      const source = backend.source(implementation.options);
      const takenOf = async () => (await source.taken([SIBLING, PATH])).get(PATH);
      expect(await takenOf()).to.equal(undefined);
      await backend.make(PATH, wanted);
      const before = (await takenOf()) ?? 0;
      const { bytes } = flood(world.at(PATH, 'flood'), size / 2);
      implementation.settle?.(world);
      const after = (await takenOf()) ?? 0;
      if (implementation.takes === 'what is written')
        expect(after - before).to.be.within(bytes * 0.9, bytes * 1.5);
      else expect([before, after]).to.deep.equal(implementation.takes ? [size, size] : [0, 0]);
    });
  });

  describe('after a reboot', () => {
    ground.given('is brought back into its place, with its data where it lasts', async (world, backend) => {
      const { survivesReboot } = backend.traits;
      for (const path of [PATH, SIBLING]) await backend.make(path, wanted);
      fill(world);
      implementation.reboot?.(world);
      const found = await backend.inspect(PATH);
      expect(found.kind).to.equal(implementation.reboot ? 'detached' : 'filled');
      const again = await implementation.open(world);
      await Promise.all([PATH, SIBLING].map((path) => again.attach(path, wanted)));
      await again.attach(PATH, wanted);
      const kind = survivesReboot ? 'filled' : 'empty';
      expect(await again.inspect(PATH)).to.deep.equal({ kind, owner: OWNER });
      expect(await again.inspect(SIBLING)).to.deep.equal({ kind: 'empty', owner: OWNER });
      if (survivesReboot) expect(contentOf(world)).to.equal('precious');
      ground.expectInPlace(world, [PATH, SIBLING]);
    });

    ground.given('is retired, and discarded where it is empty, out of its place', async (world, backend) => {
      for (const path of [PATH, SIBLING]) await backend.make(path, wanted);
      fill(world);
      implementation.reboot?.(world);
      expect(await backend.discard(SIBLING)).to.equal(true);
      await backend.retire(PATH, TRASHED);
      expect(namesBelow(world.root)).to.deep.equal([]);
      ground.expectInPlace(world, []);
      ground.expectTrashed(world);
    });
  });

  ground.given('leaves nothing behind of what is gone', async (world, backend) => {
    const inventory = () => [...ground.inventory(world), ...readdirSync(world.at('.tlv/trash'))];
    const before = inventory();
    for (const path of [PATH, SIBLING]) await backend.make(path, wanted);
    fill(world);
    if (implementation.inventory) expect(inventory()).to.have.length.greaterThan(before.length);
    await backend.retire(PATH, TRASHED);
    expect(await backend.discard(SIBLING)).to.equal(true);
    await emptyTrash(world, backend);
    expect(inventory()).to.deep.equal(before);
  });

  ground.given('makes and takes away many at once', async (world, backend) => {
    const before = ground.inventory(world);
    const paths = Array.from({ length: implementation.many ?? 20 }, (_, index) =>
      pathOf(`shop/Test.Server-${index % 3}/volume-${index}`),
    );
    await Promise.all(paths.map((path) => backend.make(path, wanted)));
    for (const path of paths) expect(ownerAt(world.at(path))).to.deep.equal(OWNER);
    ground.expectInPlace(world, paths);
    await Promise.all(
      paths.map((path, index) =>
        index % 2 === 0 ? backend.discard(path) : backend.retire(path, `uid-${index}`),
      ),
    );
    expect(namesBelow(world.root)).to.deep.equal([]);
    ground.expectInPlace(world, []);
    await emptyTrash(world, backend);
    expect(ground.inventory(world)).to.deep.equal(before);
  });
}
