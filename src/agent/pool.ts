import { type BeforeEffect, noEffect } from '../cluster/effect.ts';
import { messageOf } from '../tars/message-of.ts';
import { Directory } from './os/directory.ts';
import { DiskFault, hasCode, PoolLost, STATE_FOLDER } from './os/errors.ts';
import { initPool } from './pool-init.ts';
import { checkFormat, type Marker, MARKER_FILE, readMarker } from './pool-marker.ts';
import { isReadOnly, isUnused, missingMount } from './pool-root.ts';

export interface PoolOptions {
  /** The root must be a mount point: nothing at all is done on the disk below it. */
  readonly requireMountPoint?: boolean;
  readonly before?: BeforeEffect;
}

/** What a look at a root has shown. */
export type PoolLook =
  | { readonly kind: 'healthy'; readonly id: string; readonly node: string; readonly isReadOnly: boolean }
  | { readonly kind: 'missing-root'; readonly why: string }
  /** A marker may be made only where nothing but a half-made pool of ours is in the root (`isEmpty`). */
  | {
      readonly kind: 'missing-marker';
      readonly why: string;
      readonly isEmpty: boolean;
      readonly isReadOnly: boolean;
    }
  | { readonly kind: 'unreadable'; readonly why: string }
  | { readonly kind: 'other'; readonly id: string; readonly why: string };

/**
 * One storage of a node, known by the id in its marker.
 *
 * - No handle is kept: a disk that is unmounted and mounted again would leave the old one pinned. Each operation opens
 *   the root anew, and so sees what is mounted there now.
 * - The marker is read through that very handle before anything else is done through it, so that an operation never
 *   touches another disk, or the directory that an unmounted disk leaves bare.
 */
export class Pool {
  readonly root: string;
  readonly id: string;
  readonly #options: PoolOptions;

  constructor(root: string, id: string, options: PoolOptions = {}) {
    this.root = root;
    this.id = id;
    this.#options = options;
  }

  /** What is at the root just now. Never throws for what is on the disk, and changes nothing. */
  static async look(
    root: string,
    options: PoolOptions & { readonly expectedId?: string } = {},
  ): Promise<PoolLook> {
    try {
      await using directory = await Directory.openRoot(root);
      const why = options.requireMountPoint ? await missingMount(directory) : undefined;
      return why === undefined
        ? await lookInto(directory, root, options.expectedId)
        : { kind: 'missing-root', why };
    } catch (error) {
      const kind = hasCode(error, 'ENOENT') ? 'missing-root' : 'unreadable';
      return { kind, why: messageOf(error) };
    }
  }

  /** Number of the filesystem that the root is on just now. */
  static async device(root: string): Promise<number> {
    await using directory = await Directory.openRoot(root);
    return (await directory.ownStatus()).dev;
  }

  /** Makes the root a pool, the marker last, and returns its id; one that is a pool already stays as it is. */
  static async init(root: string, node: string, options: PoolOptions = {}): Promise<string> {
    await using directory = await Directory.openRoot(root, options.before ?? noEffect);
    const why = options.requireMountPoint ? await missingMount(directory) : undefined;
    if (why !== undefined) throw new DiskFault('NOT_MOUNTED', root, why);
    return await initPool(directory, node);
  }

  /** Does the work in the open root, which is this pool's beyond doubt; it is closed afterwards. */
  async withRoot<T>(work: (root: Directory) => Promise<T>): Promise<T> {
    await using directory = await this.#open();
    const id = await this.#idIn(directory);
    if (id !== this.id) {
      const found = id === undefined ? 'no pool' : `the pool ${id}`;
      throw new PoolLost(
        this.root,
        `${this.root} held the pool ${this.id}, and now holds ${found}: is its disk mounted?`,
      );
    }
    return await work(directory);
  }

  async #open(): Promise<Directory> {
    try {
      return await Directory.openRoot(this.root, this.#options.before ?? noEffect);
    } catch (error) {
      throw hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')
        ? new PoolLost(this.root, error.message, error)
        : error;
    }
  }

  async #idIn(directory: Directory): Promise<string | undefined> {
    await using state = await directory.findDirectory(STATE_FOLDER);
    return state && (await readMarker(state))?.id;
  }
}

async function lookInto(
  directory: Directory,
  root: string,
  expectedId: string | undefined,
): Promise<PoolLook> {
  const marker = await markerIn(directory);
  const readOnly = await isReadOnly(directory);
  if (marker === undefined) {
    const why = `there is no ${STATE_FOLDER}/${MARKER_FILE} in ${root}: is its disk mounted?`;
    return { kind: 'missing-marker', why, isEmpty: await isUnused(directory), isReadOnly: readOnly };
  }
  const { id, node } = marker;
  if (expectedId !== undefined && id !== expectedId) {
    return {
      kind: 'other',
      id,
      why: `${root} holds the pool ${id}, not ${expectedId}: is the right disk mounted?`,
    };
  }
  return { kind: 'healthy', id, node, isReadOnly: readOnly };
}

async function markerIn(directory: Directory): Promise<Marker | undefined> {
  await using state = await directory.findDirectory(STATE_FOLDER);
  if (state === undefined) return undefined;
  await checkFormat(state);
  return await readMarker(state);
}
