import type { VolumePath } from '../../tars/host-path.ts';
import type { Directory } from '../os/directory.ts';
import { inVain, ToolFailed, type Tools } from '../os/tools.ts';

/** What statfs(2) calls btrfs. */
const BTRFS_MAGIC = 0x91_23_68_3e;
/** What btrfs numbers the top directory of every subvolume with, and no other directory. */
const SUBVOLUME_INODE = 256;
/** What `btrfs` says of a qgroup, or of all, where there is none. */
const NO_QUOTAS = ['quota not enabled', 'quotas not enabled'];
/** What destruction fails with where somebody was faster: newer kernels do it themselves. */
const NOTHING_TO_DESTROY = [...NO_QUOTAS, 'No such file or directory', 'Transport endpoint is not connected'];
/** And where the subvolume is there, or not cleared away yet. */
const TOO_EARLY = ['Device or resource busy'];

/** What is counted in a subvolume, in bytes. */
export interface Counted {
  /** All that can be read in it, shared with snapshots elsewhere or not. */
  readonly referenced: number;
  /** Undefined where there is no limit. */
  readonly limit: number | undefined;
}

export async function isOnBtrfs(directory: Directory): Promise<boolean> {
  const { type } = await directory.space();
  return type === BTRFS_MAGIC;
}

/** True for a directory that is a subvolume; on other filesystems, the number is any directory's. */
export async function isSubvolume(directory: Directory): Promise<boolean> {
  const { ino } = await directory.ownStatus();
  return ino === SUBVOLUME_INODE && (await isOnBtrfs(directory));
}

/** Subvolumes and the quota groups in which btrfs counts what is in each of them. */
export class Qgroups {
  readonly #tools: Tools;
  readonly #ids = new Map<VolumePath, { readonly of: string; readonly id: number }>();

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** The id of a subvolume, which no other one ever gets. */
  async idOf(subvolume: Directory): Promise<number> {
    const argv = ['inspect-internal', 'rootid', subvolume.toolPath()];
    const printed = await this.#tools.ask('btrfs', argv);
    const id = Number(printed.trim());
    if (Number.isSafeInteger(id) && id >= SUBVOLUME_INODE) return id;
    throw inVain(['btrfs', ...argv], `${JSON.stringify(printed)} is no id of a subvolume`);
  }

  /** The same, asked for only once where the volume is still that subvolume. */
  async knownIdOf(path: VolumePath, subvolume: Directory): Promise<number> {
    // The number of a device goes to another subvolume later on, which is younger.
    const { dev, birthtimeMs } = await subvolume.ownStatus();
    const of = `${dev} ${birthtimeMs}`;
    const known = this.#ids.get(path);
    if (known?.of === of) return known.id;
    const id = await this.idOf(subvolume);
    this.#ids.set(path, { of, id });
    return id;
  }

  /**
   * Stops writers at that many bytes, and looks whether it is so. What counts is what is referenced: a snapshot that
   * people take of the volume neither takes from its room nor gives it more.
   */
  async setLimit(subvolume: Directory, bytes: number): Promise<void> {
    const argv = ['qgroup', 'limit', String(bytes), subvolume.toolPath()];
    try {
      await this.#tools.change('btrfs', argv);
    } catch (error) {
      if (!isAbout(error, NO_QUOTAS)) throw error;
      // Never simple quotas (--simple): they would keep older kernels from mounting the whole filesystem.
      await this.#tools.change('btrfs', ['quota', 'enable', subvolume.toolPath()]);
      await this.#tools.change('btrfs', argv);
    }
    const { limit } = await this.counted(subvolume);
    if (limit === bytes) return;
    throw inVain(['btrfs', ...argv], `the limit of ${subvolume.path} is ${limit ?? 'none'} after that`);
  }

  /** Of one subvolume. */
  async counted(subvolume: Directory): Promise<Counted> {
    // Names in it are its users' to choose, and could be made to look like lines: this prints its own line only.
    const printed = await this.#show(subvolume, '-f');
    const counted = parseQgroups(printed).get(await this.idOf(subvolume));
    if (counted) return counted;
    throw inVain(
      ['btrfs', 'qgroup', 'show'],
      `nothing of ${subvolume.path} is in ${JSON.stringify(printed)}`,
    );
  }

  /** Of all subvolumes of the filesystem, by their ids; of none before the first limit. */
  async all(root: Directory): Promise<ReadonlyMap<number, Counted>> {
    try {
      return parseQgroups(await this.#show(root));
    } catch (error) {
      if (isAbout(error, NO_QUOTAS)) return new Map();
      throw error;
    }
  }

  /** Destroys the qgroup of a subvolume that was deleted; false where it is too early for that. */
  async destroy(root: Directory, id: number): Promise<boolean> {
    try {
      await this.#tools.change('btrfs', ['qgroup', 'destroy', `0/${id}`, root.toolPath()]);
    } catch (error) {
      if (isAbout(error, TOO_EARLY)) return false;
      if (!isAbout(error, NOTHING_TO_DESTROY)) throw error;
    }
    return true;
  }

  async #show(directory: Directory, ...options: readonly string[]): Promise<string> {
    const argv = ['qgroup', 'show', '--raw', '-r', ...options, directory.toolPath()];
    return await this.#tools.ask('btrfs', argv);
  }
}

/** Reads what `btrfs qgroup show --raw -r` prints, of subvolumes. */
export function parseQgroups(printed: string): Map<number, Counted> {
  const found = new Map<number, Counted>();
  // 0/256    16384    16384    10485760   path, which may have line feeds in it
  for (const [, id, bytes, limit] of printed.matchAll(/^0\/(\d+) +(\d+) +\d+ +(\d+|none)(?= |$)/gm)) {
    // Of two that claim to be one subvolume, the smaller does no harm.
    const referenced = Math.min(Number(bytes), found.get(Number(id))?.referenced ?? Infinity);
    found.set(Number(id), { referenced, limit: limit === 'none' ? undefined : Number(limit) });
  }
  return found;
}

function isAbout(error: unknown, words: readonly string[]): boolean {
  return error instanceof ToolFailed && words.some((each) => error.stderr.includes(each));
}
