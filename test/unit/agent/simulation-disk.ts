import type { Backend, Found, Made, Owner, Source } from '../../../src/agent/backends/backend.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { DiskFault, PathBlocked } from '../../../src/agent/os/errors.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';

/** The disk of the simulated world: it lasts when the agent dies. */

export interface SimDirectory {
  owner: Owner;
  /** Each thing in it, by whose it is: uid of a claim, `volume:` and the uid of a volume, or `foreign`. */
  files: string[];
  isMounted: boolean;
  /** A link stands where the directory should. */
  isBlocked: boolean;
}

/** Told of every effect before it is done; what it throws is a crash or a fault. */
export type BeforeEffect = (what: string) => void;

export class SimDisk {
  readonly directories = new Map<VolumePath, SimDirectory>();
  readonly ledger = new Map<VolumePath, LedgerEntry>();
  readonly trash = new Map<string, SimDirectory>();
  isFull = false;

  at(path: VolumePath): SimDirectory {
    const directory = this.directories.get(path) ?? {
      owner: { uid: 0, gid: 0, mode: 0o755 },
      files: [],
      isMounted: false,
      isBlocked: false,
    };
    this.directories.set(path, directory);
    return directory;
  }
}

/** As DirectoryBackend does it; its own tests are of the real disk. */
export class SimBackend implements Backend {
  readonly name = 'directory';
  readonly traits = { enforcesSize: false, survivesReboot: true };
  readonly #disk: SimDisk;
  readonly #before: BeforeEffect;
  readonly #retired: (path: VolumePath, directory: SimDirectory, trashName: string) => void;

  constructor(
    disk: SimDisk,
    before: BeforeEffect,
    retired: (path: VolumePath, directory: SimDirectory, trashName: string) => void,
  ) {
    this.#disk = disk;
    this.#before = before;
    this.#retired = retired;
  }

  async inspect(path: VolumePath): Promise<Found> {
    const directory = this.#disk.directories.get(path);
    if (!directory) return { kind: 'absent' };
    const { owner, files, isBlocked, isMounted } = directory;
    if (isBlocked) return { kind: 'blocked', why: `${path} is a link` };
    if (isMounted) return { kind: 'mounted', owner };
    return { kind: files.length > 0 ? 'filled' : 'empty', owner };
  }

  async make(path: VolumePath, { owner }: Made): Promise<void> {
    this.#before(`make ${path}`);
    if (this.#disk.isFull && !this.#disk.directories.has(path)) {
      throw new DiskFault('ENOSPC', path, 'no space is left on the disk');
    }
    const directory = this.#usable(path);
    if (directory && directory.files.length > 0) throw new PathBlocked('ENOTEMPTY', path, `${path} has data`);
    this.#disk.at(path).owner = owner;
  }

  async own(path: VolumePath, owner: Owner): Promise<void> {
    this.#before(`own ${path}`);
    const directory = this.#usable(path);
    if (!directory) throw new PathBlocked('ENOENT', path, `there is no directory ${path}`);
    directory.owner = owner;
  }

  async retire(path: VolumePath, trashName: string): Promise<void> {
    this.#before(`retire ${path} as ${trashName}`);
    const directory = this.#usable(path);
    if (!directory) return;
    if (this.#disk.trash.has(trashName))
      throw new PathBlocked('EEXIST', path, `the trash holds ${trashName}`);
    this.#disk.directories.delete(path);
    this.#disk.trash.set(trashName, directory);
    this.#retired(path, directory, trashName);
  }

  async discard(path: VolumePath): Promise<boolean> {
    this.#before(`discard ${path}`);
    const directory = this.#disk.directories.get(path);
    if (!directory) return true;
    if (directory.isBlocked) throw new PathBlocked('ENOTDIR', path, `${path} is a link`);
    if (directory.files.length > 0 || directory.isMounted) return false;
    this.#disk.directories.delete(path);
    return true;
  }

  source(): Source {
    return {
      name: 'pool',
      taken: async () => new Map(),
      space: async () => ({
        totalBytes: 100 * 2 ** 30,
        freeBytes: this.#disk.isFull ? 0 : 50 * 2 ** 30,
        freeInodes: 1000,
      }),
    };
  }

  async attach(): Promise<void> {}

  async grow(): Promise<void> {}

  #usable(path: VolumePath): SimDirectory | undefined {
    const directory = this.#disk.directories.get(path);
    if (directory?.isBlocked) throw new PathBlocked('ENOTDIR', path, `${path} is a link`);
    if (directory?.isMounted) throw new PathBlocked('EBUSY', path, `something is mounted at ${path}`);
    return directory;
  }
}

/** What the reconciler uses of a Ledger. */
export class SimLedger {
  readonly #disk: SimDisk;
  readonly #before: BeforeEffect;

  constructor(disk: SimDisk, before: BeforeEffect) {
    this.#disk = disk;
    this.#before = before;
  }

  get(path: VolumePath): LedgerEntry | undefined {
    return this.#disk.ledger.get(path);
  }

  all(): LedgerEntry[] {
    return [...this.#disk.ledger.values()];
  }

  async write(entry: LedgerEntry): Promise<void> {
    this.#before(`record ${entry.state} ${entry.path}`);
    this.#disk.ledger.set(entry.path, entry);
  }

  async remove(path: VolumePath): Promise<void> {
    this.#before(`forget ${path}`);
    this.#disk.ledger.delete(path);
  }
}
