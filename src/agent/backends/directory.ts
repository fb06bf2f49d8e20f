import type { VolumePath } from '../../tars/host-path.ts';
import type { Directory } from '../os/directory.ts';
import { hasCode, PathBlocked, STATE_FOLDER } from '../os/errors.ts';
import { TRASH_FOLDER } from '../pool-root.ts';
import type { Pool } from '../pool.ts';
import { assertTrashName } from '../trash-item.ts';
import type { Backend, Found, Made, Owner, Provider, Source } from './backend.ts';
import { PoolSource } from './pool-source.ts';
import {
  asItsOwnFault,
  asParentsVanish,
  assertNoMount,
  assertSameMount,
  makeUnlessThere,
  mountsAt,
  ownerOf,
  placeOf,
  pruneParents,
  withParents,
  withVolume,
} from './volume-directory.ts';

/**
 * A volume is a plain directory, of any size.
 *
 * - Nothing is done at a path with a link, a file or a mount in it, and nothing to a volume with a mount in it.
 * - Only an empty directory is ever removed; one with data is moved.
 */
export class DirectoryBackend implements Backend {
  readonly name = 'directory';
  readonly traits = { enforcesSize: false, survivesReboot: true };
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  source(): Source {
    return new PoolSource(this.#pool, nothingTaken);
  }

  async inspect(path: VolumePath): Promise<Found> {
    try {
      return await this.#pool.withRoot((root) => asItsOwnFault(root, path, () => look(root, path)));
    } catch (error) {
      if (error instanceof PathBlocked) return { kind: 'blocked', why: error.message };
      throw error;
    }
  }

  async make(path: VolumePath, { owner }: Made): Promise<void> {
    await asParentsVanish(() => this.#pool.withRoot((root) => makeVolume(root, path, owner)));
  }

  /** A directory is always in its place. */
  async attach(): Promise<void> {}

  async own(path: VolumePath, owner: Owner): Promise<void> {
    await this.#pool.withRoot(async (root) => {
      const done = await withVolume(root, path, async ({ parent, volume }) => {
        assertSameMount(parent, volume);
        await volume.own(owner);
        await volume.sync();
        return true;
      });
      if (!done) throw new PathBlocked('ENOENT', path, `there is no directory ${path}`);
    });
  }

  /** It holds whatever the disk holds. */
  async grow(): Promise<void> {}

  async retire(path: VolumePath, trashName: string): Promise<void> {
    assertTrashName(trashName);
    await this.#pool.withRoot(async (root) => {
      await withVolume(root, path, async ({ parent, name }) => {
        await assertNoMount(root, path);
        await moveToTrash(root, { parent, name, trashName });
        return true;
      });
      // Absent: a crash came after the move, and the trash may be empty again by now.
      await pruneParents(root, path);
    });
  }

  async discard(path: VolumePath): Promise<boolean> {
    return await this.#pool.withRoot(async (root) => {
      const done = await withVolume(root, path, async ({ parent, name }) => await removeEmpty(parent, name));
      if (done === false) return false;
      await pruneParents(root, path);
      return true;
    });
  }
}

/** What every node has. */
export const DIRECTORY: Provider = {
  name: 'directory',
  missing: async () => undefined,
  open: ({ pool }) => new DirectoryBackend(pool),
};

/** Nothing is set aside for a directory, so that nothing of it is missing. */
const nothingTaken = async (): Promise<ReadonlyMap<VolumePath, number>> => new Map();

async function look(root: Directory, path: VolumePath): Promise<Found> {
  const found = await withVolume(root, path, async ({ volume }): Promise<Found> => {
    const owner = ownerOf(await volume.ownStatus());
    if ((await mountsAt(root, path)).length > 0) return { kind: 'mounted', owner };
    return { kind: (await volume.isEmpty()) ? 'empty' : 'filled', owner };
  });
  return found ?? { kind: 'absent' };
}

async function makeVolume(root: Directory, path: VolumePath, owner: Owner): Promise<void> {
  await withParents(root, path, async (parent) => {
    const { name } = placeOf(path);
    await makeUnlessThere(parent, name);
    await assertNoMount(root, path);
    await using volume = await parent.openDirectory(name);
    if (!(await volume.isEmpty()))
      throw new PathBlocked('ENOTEMPTY', path, `${path} is there already, with data in it`);
    await volume.own(owner);
    await volume.sync();
    await parent.sync();
  });
}

interface Move {
  readonly parent: Directory;
  readonly name: string;
  readonly trashName: string;
}

async function moveToTrash(root: Directory, { parent, name, trashName }: Move): Promise<void> {
  await using state = await root.openDirectory(STATE_FOLDER);
  await using trash = await state.openDirectory(TRASH_FOLDER);
  // An empty directory there would be replaced in silence.
  if (await trash.status(trashName)) {
    throw new PathBlocked('EEXIST', `${parent.path}/${name}`, `the trash holds ${trashName} already`);
  }
  await parent.rename(name, trash, trashName);
  await trash.sync();
  await parent.sync();
}

async function removeEmpty(parent: Directory, name: string): Promise<boolean> {
  try {
    await parent.removeDirectory(name);
    await parent.sync();
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EBUSY')) return false;
    if (hasCode(error, 'ENOENT')) return true;
    throw error;
  }
}
