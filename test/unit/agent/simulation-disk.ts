import type { Owner } from '../../../src/agent/backends/backend.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { sourceNameOf } from '../../../src/agent/storage.ts';
import type { BackendName } from '../../../src/tars/class-parameters.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';

/** The disk of the simulated world, its memory and its volume group: what lasts when the agent dies. */

/** What whoever opens a directory finds. */
export interface SimTree {
  owner: Owner;
  /** Each thing in it, by whose it is: uid of a claim, `volume:` and the uid of a volume, or `foreign`. */
  files: string[];
}

export interface SimDirectory extends SimTree {
  /** Something is mounted here that is nobody's volume. */
  isMounted: boolean;
  /** A link stands where the directory should. */
  isBlocked: boolean;
  /** Nobody can put anything into it: it is for something to be mounted on. */
  isBare: boolean;
  /** Bytes that it may hold, where that is limited. */
  limit?: number;
}

/** A volume that is a filesystem of its own. */
export interface SimFilesystem extends SimTree {
  readonly backend: BackendName;
  size: number;
  /** It is in its place. */
  isMounted: boolean;
  /** It is open in a mount namespace that the agent does not see. */
  isHeld: boolean;
}

/** Told of every effect before it is done; what it throws is a crash or a fault. */
export type BeforeEffect = (what: string) => void;

export const FILE_BYTES = 300 * 10 ** 6;
export const GROUP = 'fast';
export const IN_GROUP = sourceNameOf({ backend: 'lvm', size: 0, options: { volumeGroup: GROUP } });

export class SimDisk {
  readonly directories = new Map<VolumePath, SimDirectory>();
  readonly filesystems = new Map<VolumePath, SimFilesystem>();
  readonly ledger = new Map<VolumePath, LedgerEntry>();
  readonly trash = new Map<string, SimDirectory | SimFilesystem>();
  /** What each source has, before anything is taken of it. */
  readonly totalBytes: number;
  isFull = false;

  constructor(totalBytes = 100 * 2 ** 30) {
    this.totalBytes = totalBytes;
  }

  at(path: VolumePath): SimDirectory {
    const directory = this.directories.get(path) ?? {
      owner: { uid: 0, gid: 0, mode: 0o755 },
      files: [],
      isMounted: false,
      isBlocked: false,
      isBare: false,
    };
    this.directories.set(path, directory);
    return directory;
  }

  /** What is there for whoever comes by the path, unless something strange is mounted over it. */
  seenAt(path: VolumePath): SimTree | undefined {
    const filesystem = this.filesystems.get(path);
    return filesystem?.isMounted ? filesystem : this.directories.get(path);
  }

  /** What the volume of the path is, in its place or not. */
  volumeAt(path: VolumePath): SimTree | undefined {
    return this.filesystems.get(path) ?? this.directories.get(path);
  }

  /** The node goes down, and comes up again. @returns the paths whose data is lost by that */
  reboot(): VolumePath[] {
    for (const directory of this.directories.values()) directory.isMounted = false;
    for (const filesystem of this.filesystems.values()) filesystem.isHeld = false;
    const paths = [...this.filesystems.keys()];
    return paths.filter((path) => this.unmount(path));
  }

  /** @returns whether data is lost by that */
  unmount(path: VolumePath): boolean {
    const filesystem = this.filesystems.get(path);
    if (!filesystem) return false;
    filesystem.isMounted = false;
    return filesystem.backend === 'tmpfs' && this.filesystems.delete(path);
  }

  /** Nobody can put anything there, not even root. */
  isRefusing(tree: SimTree): boolean {
    return 'isBare' in tree && tree.isBare === true;
  }

  freeBytes(source: string): number {
    if (this.isFull && source === 'pool') return 0;
    const taken = [...this.trees()].map((tree) => takenOf(source, tree));
    return taken.reduce((free, bytes) => free - bytes, this.totalBytes);
  }

  *trees(): Iterable<SimTree> {
    yield* this.directories.values();
    yield* this.filesystems.values();
    yield* this.trash.values();
  }
}

/** How much of a source is not free because of it; memory has other users, and counts by what was promised of it. */
export function takenOf(source: string, tree: SimTree): number {
  const isWhole = 'backend' in tree && tree.backend === 'lvm';
  if (source === IN_GROUP) return isWhole ? (tree as SimFilesystem).size : 0;
  const isInMemory = 'backend' in tree && tree.backend === 'tmpfs';
  return source === 'pool' && !isWhole && !isInMemory ? tree.files.length * FILE_BYTES : 0;
}

/** What the reconciler uses of a Ledger. */
export class SimLedger {
  readonly #disk: SimDisk;
  readonly #before: BeforeEffect;
  readonly #written: (entry: LedgerEntry, before: LedgerEntry | undefined) => void;

  constructor(
    disk: SimDisk,
    before: BeforeEffect,
    written: (entry: LedgerEntry, before: LedgerEntry | undefined) => void,
  ) {
    this.#disk = disk;
    this.#before = before;
    this.#written = written;
  }

  get(path: VolumePath): LedgerEntry | undefined {
    return this.#disk.ledger.get(path);
  }

  all(): LedgerEntry[] {
    return [...this.#disk.ledger.values()];
  }

  async write(entry: LedgerEntry): Promise<void> {
    this.#before(`record ${entry.state} ${entry.path}`);
    const before = this.get(entry.path);
    this.#disk.ledger.set(entry.path, entry);
    this.#written(entry, before);
  }

  async remove(path: VolumePath): Promise<void> {
    this.#before(`forget ${path}`);
    this.#disk.ledger.delete(path);
  }
}
