import type { Stats } from 'node:fs';
import type { VolumePath } from '../../tars/host-path.ts';
import type { Directory } from '../os/directory.ts';
import { DiskFault, FileFault, hasCode, PathBlocked, PoolLost } from '../os/errors.ts';
import { type Mount, mounts, within } from '../os/mounts.ts';
import type { Owner } from './backend.ts';

/** The way to a volume's directory, handle by handle from the root of its pool. */

/** A volume's directory, found. */
export interface Place {
  readonly parent: Directory;
  readonly name: string;
  readonly volume: Directory;
}

/** Does the work where the volume's directory is; undefined where it, or one above, is not there. */
export async function withVolume<T>(
  root: Directory,
  path: VolumePath,
  work: (place: Place) => Promise<T>,
): Promise<T | undefined> {
  return await withParent(root, path, async (parent) => {
    const { name } = placeOf(path);
    await using volume = await parent.findDirectory(name);
    return volume && (await work({ parent, name, volume }));
  });
}

/** Does the work in the directory that the volume's is in; undefined where that is not there. */
export async function withParent<T>(
  root: Directory,
  path: VolumePath,
  work: (parent: Directory) => Promise<T>,
): Promise<T | undefined> {
  const { namespace, server } = placeOf(path);
  await using outer = await root.findDirectory(namespace);
  if (!outer) return undefined;
  assertSameMount(root, outer);
  await using parent = await outer.findDirectory(server);
  if (!parent) return undefined;
  assertSameMount(root, parent);
  return await work(parent);
}

/** Does the work in the directory that the volume's is to be in, and makes it first where it is not there. */
export async function withParents<T>(
  root: Directory,
  path: VolumePath,
  work: (parent: Directory) => Promise<T>,
): Promise<T> {
  const { namespace, server } = placeOf(path);
  await using outer = await ensureParent(root, namespace);
  assertSameMount(root, outer);
  await using parent = await ensureParent(outer, server);
  assertSameMount(root, parent);
  return await work(parent);
}

/** Makes a directory that nobody but root can look into; one that is there stays as it is. */
export async function makeUnlessThere(parent: Directory, name: string): Promise<void> {
  try {
    await parent.makeDirectory(name, 0o700);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

/** Removes the directories above the volume's as far as nothing is in them. */
export async function pruneParents(root: Directory, path: VolumePath): Promise<void> {
  const { namespace, server } = placeOf(path);
  await using outer = await root.findDirectory(namespace);
  if (!outer) return;
  await removeIfEmpty(outer, server);
  await removeIfEmpty(root, namespace);
}

/** Fails where something is mounted at the volume's directory or below it. */
export async function assertNoMount(root: Directory, path: VolumePath): Promise<void> {
  const [mounted] = await mountsAt(root, path);
  if (mounted === undefined) return;
  throw new PathBlocked('EBUSY', path, `something is mounted at ${mounted.point}`);
}

export function ownerOf({ uid, gid, mode }: Stats): Owner {
  return { uid, gid, mode: mode & 0o7777 };
}

/** The three components; the brand says that there are three. */
export function placeOf(path: VolumePath): { namespace: string; server: string; name: string } {
  const [namespace = '', server = '', name = ''] = path.split('/');
  return { namespace, server, name };
}

/**
 * A directory of root's, 0755, despite the umask. Between its making and the rest nothing is permitted in it: a
 * directory like that is one that a crash has left half-made, and is finished. One that was there stays as it is.
 */
async function ensureParent(parent: Directory, name: string): Promise<Directory> {
  try {
    await parent.makeDirectory(name, 0);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const directory = await parent.openDirectory(name);
  try {
    const { uid, mode } = ownerOf(await directory.ownStatus());
    if (uid === 0 && (mode & 0o777) === 0) {
      await directory.own({ uid: 0, gid: 0, mode: 0o755 });
      await directory.sync();
      await parent.sync();
    }
    return directory;
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
}

/** Out of another mount nothing could be moved into the trash; and it may be anybody's disk. */
export function assertSameMount(root: Directory, directory: Directory): void {
  if (root.mountId() === directory.mountId()) return;
  throw new PathBlocked('EXDEV', directory.path, `another disk or directory is mounted at ${directory.path}`);
}

/** What is mounted at the volume's directory or below it. */
export async function mountsAt(root: Directory, path: VolumePath): Promise<Mount[]> {
  const [all, id, realPath] = [await mounts(), root.mountId(), root.realPath()];
  // Unmounted lazily since it was opened: then its path says nothing of what is mounted in it.
  if (!all.some((mount) => mount.id === id))
    throw new PoolLost(realPath, `${realPath} has just been unmounted`);
  return within(all, absolutePath(root, path));
}

/** Of these, what is mounted at a volume is not to blame. */
const OF_POOL_OR_PROCESS = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * Does work on one volume. What fails on a filesystem that is mounted there, damaged, shut down or cut off from its server,
 * is a fault of that volume alone, and none of the pool below it.
 */
export async function asItsOwnFault<T>(
  root: Directory,
  path: VolumePath,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isInVolume = error instanceof DiskFault && `${error.path}/`.startsWith(`${path}/`);
    if (!isInVolume || OF_POOL_OR_PROCESS.has(error.code)) throw error;
    if ((await mountsAt(root, path)).length === 0) throw error;
    throw new PathBlocked(error.code, error.path, error.message, error);
  }
}

/** Where the volume's directory is, as the table of mounts has it. */
export function absolutePath(root: Directory, path: VolumePath): string {
  return `${root.realPath()}/${path}`;
}

/** How often a parent may vanish under our hands: whoever takes a sibling away takes empty parents with it. */
const MAX_ATTEMPTS = 5;

/** Does work that begins with `withParents` again where what is above the volume vanished meanwhile. */
export async function asParentsVanish<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !hasCode(error, 'ENOENT')) throw error;
    }
  }
}

/** An empty directory that stays does no harm; one that is used again just now must stay. */
async function removeIfEmpty(parent: Directory, name: string): Promise<void> {
  try {
    await parent.removeDirectory(name);
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
  }
}
