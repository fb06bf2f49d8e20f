import { randomBytes } from 'node:crypto';
import type { VolumePath } from '../../tars/host-path.ts';
import type { Directory } from '../os/directory.ts';
import { hasCode, PathBlocked, STATE_FOLDER } from '../os/errors.ts';
import { type Tools, withDiskFaults } from '../os/tools.ts';
import { TRASH_FOLDER } from '../pool-root.ts';
import type { Pool } from '../pool.ts';
import type { Remover } from '../remover.ts';
import { volumeHash } from '../volume-hash.ts';
import type { Backend, Found, Kit, Made, Owner, Provider, Source } from './backend.ts';
import { SubvolumeRemover } from './btrfs-remover.ts';
import { DirectoryBackend } from './directory.ts';
import { missingPrograms } from './missing-programs.ts';
import { PoolSource } from './pool-source.ts';
import { isOnBtrfs, isSubvolume, Qgroups } from './qgroups.ts';
import {
  asParentsVanish,
  assertNoMount,
  makeUnlessThere,
  placeOf,
  withParents,
  withVolume,
} from './volume-directory.ts';

/** Where subvolumes are until they are whole. */
const WORKSHOP = 'subvolumes';

/**
 * A volume is a subvolume of btrfs, with a limit in its qgroup.
 *
 * - It is made in our own folder, where nobody else comes, and moved to its place when it has its limit and its owner.
 * - A limit is read back after it was set.
 * - All else is as with a plain directory: a subvolume can be moved like one, and is what it is wherever it is.
 */
class BtrfsBackend implements Backend {
  readonly name = 'btrfs';
  readonly traits = { enforcesSize: true, survivesReboot: true };
  readonly remover: Remover;
  readonly #pool: Pool;
  readonly #tools: Tools;
  readonly #qgroups: Qgroups;
  readonly #directories: DirectoryBackend;

  constructor({ pool, tools }: Pick<Kit, 'pool' | 'tools'>) {
    this.#pool = pool;
    this.#tools = tools;
    this.#qgroups = new Qgroups(tools);
    this.#directories = new DirectoryBackend(pool);
    this.remover = new SubvolumeRemover({ pool, tools }, this.#qgroups);
  }

  source(): Source {
    return new PoolSource(this.#pool, (paths) => this.#taken(paths));
  }

  async inspect(path: VolumePath): Promise<Found> {
    return await this.#directories.inspect(path);
  }

  async make(path: VolumePath, wanted: Made): Promise<void> {
    await withDiskFaults(path, () =>
      asParentsVanish(() => this.#pool.withRoot((root) => this.#makeIn(root, path, wanted))),
    );
  }

  /** A subvolume is always in its place. */
  async attach(): Promise<void> {}

  async own(path: VolumePath, owner: Owner): Promise<void> {
    await this.#directories.own(path, owner);
  }

  async grow(path: VolumePath, size: number): Promise<void> {
    await withDiskFaults(path, () => this.#pool.withRoot((root) => this.#growIn(root, path, size)));
  }

  async retire(path: VolumePath, trashName: string): Promise<void> {
    await this.#directories.retire(path, trashName);
  }

  async discard(path: VolumePath): Promise<boolean> {
    const isThere = await this.#pool.withRoot(async (root) => {
      await discardUnfinished(root, path);
      return await withVolume(root, path, async ({ volume }) => ({
        isEmpty: await volume.isEmpty(),
        isOurs: await isSubvolume(volume),
      }));
    });
    if (!isThere?.isOurs) return await this.#directories.discard(path);
    if (isThere.isEmpty) await this.retire(path, discardedName(path));
    return isThere.isEmpty;
  }

  async #makeIn(root: Directory, path: VolumePath, { owner, size }: Made): Promise<void> {
    await assertNoMount(root, path);
    const isThere = await withVolume(root, path, async ({ volume }) => {
      if (!(await isSubvolume(volume))) return false;
      if (!(await volume.isEmpty())) throw inTheWay(path);
      await this.#finish(volume, owner, size);
      return true;
    });
    if (isThere) return;
    await using state = await root.openDirectory(STATE_FOLDER);
    await using workshop = await ensureWorkshop(state);
    const unfinished = volumeHash(path);
    if (!(await workshop.status(unfinished)))
      await this.#tools.change('btrfs', ['subvolume', 'create', workshop.toolPath(unfinished)]);
    await using subvolume = await workshop.openDirectory(unfinished);
    await this.#finish(subvolume, owner, size);
    await withParents(root, path, (parent) => moveIntoPlace(workshop, unfinished, parent, path));
  }

  async #finish(subvolume: Directory, owner: Owner, size: number): Promise<void> {
    await this.#qgroups.setLimit(subvolume, size);
    await subvolume.own(owner);
    await subvolume.sync();
  }

  async #growIn(root: Directory, path: VolumePath, size: number): Promise<void> {
    const isThere = await withVolume(root, path, async ({ volume }) => {
      if (!(await isSubvolume(volume)))
        throw new PathBlocked(
          'NO_LIMIT',
          path,
          `${path} is no subvolume, and has no size; move its data away, and into the volume that is made there then`,
        );
      const { limit } = await this.#qgroups.counted(volume);
      if (limit === undefined || limit < size) await this.#qgroups.setLimit(volume, size);
      return true;
    });
    if (!isThere) throw new PathBlocked('ENOENT', path, `there is no directory ${path}`);
  }

  async #taken(paths: readonly VolumePath[]): Promise<ReadonlyMap<VolumePath, number>> {
    if (paths.length === 0) return new Map();
    return await this.#pool.withRoot(async (root) => {
      const counted = await this.#qgroups.all(root);
      const taken = new Map<VolumePath, number>();
      for (const path of paths) {
        const id = await withVolume(root, path, async ({ volume }) =>
          (await isSubvolume(volume)) ? await this.#qgroups.knownIdOf(path, volume) : undefined,
        );
        const found = id === undefined ? undefined : counted.get(id);
        if (found) taken.set(path, found.referenced);
      }
      return taken;
    });
  }
}

export const BTRFS: Provider = {
  name: 'btrfs',
  async missing({ pool, tools }) {
    const lacking = await missingPrograms(tools, 'btrfs', { btrfs: 'btrfs-progs' });
    if (lacking !== undefined) return lacking;
    if (await pool.withRoot(isOnBtrfs)) return undefined;
    return `backend btrfs needs a pool on btrfs, and ${pool.root} is on another filesystem; take a directory on btrfs as root, or another backend in the class`;
  },
  open: (kit) => new BtrfsBackend(kit),
};

async function ensureWorkshop(state: Directory): Promise<Directory> {
  await makeUnlessThere(state, WORKSHOP);
  return await state.openDirectory(WORKSHOP);
}

/** Takes the place of an empty directory as well. */
async function moveIntoPlace(
  workshop: Directory,
  unfinished: string,
  parent: Directory,
  path: VolumePath,
): Promise<void> {
  try {
    await workshop.rename(unfinished, parent, placeOf(path).name);
  } catch (error) {
    throw hasCode(error, 'ENOTEMPTY', 'ENOTDIR', 'EEXIST') ? inTheWay(path) : error;
  }
  await parent.sync();
  await workshop.sync();
}

/** Nobody ever saw what a crash has left in the workshop. */
async function discardUnfinished(root: Directory, path: VolumePath): Promise<void> {
  await using state = await root.openDirectory(STATE_FOLDER);
  await using workshop = await state.findDirectory(WORKSHOP);
  if (!(await workshop?.status(volumeHash(path)))) return;
  await using trash = await state.openDirectory(TRASH_FOLDER);
  await workshop?.rename(volumeHash(path), trash, discardedName(path));
}

/** Another one each time: the trash may still hold what was discarded before. */
function discardedName(path: VolumePath): string {
  return `discarded-${volumeHash(path)}-${randomBytes(4).toString('hex')}`;
}

function inTheWay(path: VolumePath): PathBlocked {
  return new PathBlocked('ENOTEMPTY', path, `${path} is there already, with data in it`);
}
