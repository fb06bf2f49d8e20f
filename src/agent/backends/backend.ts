import type { VolumePath } from '../../tars/host-path.ts';

/** Who owns the top directory of a volume, and with which mode. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits only. */
  readonly mode: number;
}

/**
 * What is at the path of a volume, no link followed:
 * - `blocked`: a link or a file stands where a directory has to be, at the path or above it;
 * - `mounted`: something is mounted at the path or below it, as this process sees it.
 */
export type Found =
  | { readonly kind: 'absent' }
  | { readonly kind: 'empty' | 'filled' | 'mounted'; readonly owner: Owner }
  | { readonly kind: 'blocked'; readonly why: string };

/** What the pool that volumes share has left, for whoever is not privileged. */
export interface Space {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Undefined where the filesystem does not count them (btrfs). */
  readonly freeInodes: number | undefined;
}

export interface Made {
  readonly owner: Owner;
  /** Bytes that the claim asks for. */
  readonly size: number;
}

/**
 * One way to keep volumes below the root of a pool. Every method may be called again after a crash in the middle of
 * it, and then finishes what was begun.
 */
export interface Backend {
  /** True where a writer is stopped at the volume's size. */
  readonly enforcesSize: boolean;
  inspect(path: VolumePath): Promise<Found>;
  /** Makes the volume, which is not there or empty, with its owner and mode; directories above it are root's, 0755. */
  make(path: VolumePath, wanted: Made): Promise<void>;
  /** Sets owner and mode of the top directory, and of nothing below it. */
  own(path: VolumePath, owner: Owner): Promise<void>;
  /** Moves the volume, with all data, out of sight into the trash under this name, at once or not at all. */
  retire(path: VolumePath, trashName: string): Promise<void>;
  /** Takes the volume away where it holds nothing; false where it does hold something. */
  discard(path: VolumePath): Promise<boolean>;
  space(): Promise<Space>;
}
