import type { BackendName } from '../../tars/class-parameters.ts';
import type { VolumePath } from '../../tars/host-path.ts';
import type { Tools } from '../os/tools.ts';
import type { Pool } from '../pool.ts';
import type { Remover } from '../remover.ts';
import type { VolumeOptions } from '../storage.ts';

/** Who owns the top directory of a volume, and with which mode. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits only. */
  readonly mode: number;
}

/**
 * What is at the path of a volume, no link followed:
 * - `detached`: the volume is there with all that it has, and not in its place: after a reboot nothing is mounted;
 * - `blocked`: a link or a file stands where a directory has to be, at the path or above it;
 * - `mounted`: something that is not this volume is mounted at the path or below it, as this process sees it.
 */
export type Found =
  | { readonly kind: 'absent' | 'detached' }
  | { readonly kind: 'empty' | 'filled' | 'mounted'; readonly owner: Owner }
  | { readonly kind: 'blocked'; readonly why: string };

/** What is left of that which volumes are made from, for whoever is not privileged. */
export interface Space {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Undefined where the filesystem does not count them (btrfs). */
  readonly freeInodes: number | undefined;
}

/** What a backend has to know of a volume to make it, or to bring it back into its place. */
export interface Made {
  readonly owner: Owner;
  /** Bytes that it is to hold. */
  readonly size: number;
  /** Absent for a backend that has none. */
  readonly options?: VolumeOptions;
}

/** What volumes take their room from: the filesystem of the pool, the memory of the node, a volume group. */
export interface Source {
  /** Backends whose sources have one name share what is there. */
  readonly name: string;
  /**
   * How much of its room each of these volumes has taken already, so that it is missing from `space` and must not be
   * counted twice; a volume that is left out has taken nothing.
   */
  taken(paths: readonly VolumePath[]): Promise<ReadonlyMap<VolumePath, number>>;
  space(): Promise<Space>;
}

export interface Traits {
  /** True where a writer is stopped at the volume's size. */
  readonly enforcesSize: boolean;
  /** False where all data is gone with a reboot of the node. */
  readonly survivesReboot: boolean;
}

/**
 * One way to keep volumes below the root of a pool. Every method may be called again after a crash in the middle of
 * it, and then finishes what was begun.
 */
export interface Backend {
  readonly name: BackendName;
  readonly traits: Traits;
  /** Where volumes in the trash are more than files. */
  readonly remover?: Remover | undefined;
  /** What this volume's room comes from. */
  source(options?: VolumeOptions): Source;
  inspect(path: VolumePath): Promise<Found>;
  /** Makes the volume, which is not there or empty, with its owner and mode; directories above it are root's, 0755. */
  make(path: VolumePath, wanted: Made): Promise<void>;
  /**
   * Brings a volume that was made, and is `detached`, back into its place. It never makes what is not there any more,
   * but for a backend that does not survive a reboot: it makes the volume anew, and empty.
   */
  attach(path: VolumePath, wanted: Made): Promise<void>;
  /** Sets owner and mode of the top directory, and of nothing below it. */
  own(path: VolumePath, owner: Owner): Promise<void>;
  /** Makes a volume that is in its place hold that many bytes, in use as it may be. It never shrinks. */
  grow(path: VolumePath, size: number): Promise<void>;
  /** Moves the volume, with all data, out of sight into the trash under this name, at once or not at all. */
  retire(path: VolumePath, trashName: string): Promise<void>;
  /** Takes the volume away where it holds nothing; false where it does hold something. */
  discard(path: VolumePath): Promise<boolean>;
}

/** What backends are made from. */
export interface Kit {
  readonly pool: Pool;
  readonly tools: Tools;
  /** What tmpfs volumes may hold together, in bytes. */
  readonly memoryBytes: number;
}

/** A backend that a node may have or lack. */
export interface Provider {
  readonly name: BackendName;
  /**
   * Why this node cannot have it: the tool, module or kind of filesystem that is missing, and the remedy, in words that
   * go into an Event; undefined where it can. Looked at when the pool is found, and never a fault of the node.
   */
  missing(kit: Kit): Promise<string | undefined>;
  open(kit: Kit): Backend;
}
