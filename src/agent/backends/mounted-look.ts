import type { Directory } from '../os/directory.ts';
import { PathBlocked } from '../os/errors.ts';
import type { Mount } from '../os/mounts.ts';
import { isEmptyChild, LOST_AND_FOUND } from '../pool-root.ts';
import type { Found, Owner } from './backend.ts';
import type { Backing, Site } from './medium.ts';
import { absolutePath, mountsAt, ownerOf, withVolume } from './volume-directory.ts';

/**
 * What is at the path of a mounted volume.
 * - `none`, `bare`: no directory, or an empty one with nothing mounted;
 * - `in-place`: the volume is mounted there, and `below` names what is mounted over it or in it;
 * - `strange`: something else is mounted at or below the directory;
 * - `data`: nothing is mounted, and yet there is data, which is somebody's.
 */
export type Seen = { readonly hasBacking: boolean } & (
  | { readonly kind: 'none' | 'bare' | 'data' }
  | {
      readonly kind: 'in-place';
      readonly mount: Mount;
      readonly owner: Owner;
      readonly isEmpty: boolean;
      readonly below: string | undefined;
    }
  | { readonly kind: 'strange'; readonly owner: Owner; readonly point: string }
);

/** @throws {PathBlocked} where a link or a file is in the way */
export async function look(site: Site, backing: Backing | undefined): Promise<Seen> {
  const { root, path } = site;
  const hasBacking = backing !== undefined;
  const seen = await withVolume(root, path, async ({ volume }): Promise<Seen> => {
    const mounted = await mountsAt(root, path);
    const owner = ownerOf(await volume.ownStatus());
    const mount = await mountOf(mounted, backing, absolutePath(root, path));
    if (mount) {
      const below = mounted.find((other) => other !== mount)?.point;
      const isEmpty = below === undefined && (await holdsNothing(volume));
      return { kind: 'in-place', hasBacking, mount, owner, isEmpty, below };
    }
    const [strange] = mounted;
    if (strange) return { kind: 'strange', hasBacking, owner, point: strange.point };
    return { kind: (await volume.isEmpty()) ? 'bare' : 'data', hasBacking };
  });
  return seen ?? { kind: 'none', hasBacking };
}

/** The same, as whoever plans is told. */
export function foundOf({ path }: Site, seen: Seen): Found {
  switch (seen.kind) {
    case 'none':
    case 'bare':
      return { kind: seen.hasBacking ? 'detached' : 'absent' };
    case 'data':
      return { kind: 'blocked', why: dataInTheWay(path) };
    case 'strange':
      return { kind: 'mounted', owner: seen.owner };
    case 'in-place': {
      const { owner, isEmpty, below } = seen;
      if (below !== undefined) return { kind: 'mounted', owner };
      return { kind: isEmpty ? 'empty' : 'filled', owner };
    }
  }
}

/** Fails where something is in the way of a mount. */
export function assertFree(site: Site, seen: Exclude<Seen, { kind: 'in-place' }>): void {
  if (seen.kind === 'strange') throw mountInTheWay(site, seen.point);
  if (seen.kind === 'data') throw new PathBlocked('ENOTEMPTY', site.path, dataInTheWay(site.path));
}

export function mountInTheWay({ path }: Site, point: string): PathBlocked {
  return new PathBlocked('EBUSY', path, `something is mounted at ${point}`);
}

/** Does the work in the volume that is mounted, and not in whatever has been mounted over it since. */
export async function inVolume(
  { root, path }: Site,
  mount: Mount,
  work: (volume: Directory) => Promise<void>,
): Promise<void> {
  const done = await withVolume(root, path, async ({ volume }) => {
    if (volume.mountId() !== mount.id) return false;
    await work(volume);
    return true;
  });
  if (!done) throw new PathBlocked('EBUSY', path, `the mount at ${path} is not the one of a moment ago`);
}

async function mountOf(
  mounted: readonly Mount[],
  backing: Backing | undefined,
  point: string,
): Promise<Mount | undefined> {
  for (const mount of mounted) {
    if (mount.point === point && (await backing?.isMountedAs(mount))) return mount;
  }
  return undefined;
}

/** mkfs of ext4 makes a directory that it may need one day. */
async function holdsNothing(volume: Directory): Promise<boolean> {
  for await (const { name, isDirectory } of volume.entries()) {
    const text = name.toString();
    if (!isDirectory || text !== LOST_AND_FOUND || !(await isEmptyChild(volume, text))) return false;
  }
  return true;
}

const dataInTheWay = (path: string): string =>
  `${path} is there already, with data in it, and is not a volume of its own; move its data away`;
