import type { Backend, Found, Made, Owner, Source } from '../../../src/agent/backends/backend.ts';
import { DiskFault, PathBlocked } from '../../../src/agent/os/errors.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';
import { sourceOf } from './simulation-sources.ts';
import type { SimDirectory, SimDisk, SimTree } from './simulation-disk.ts';

/** What a backend of the simulated world does its work with. */
export interface SimKit {
  readonly disk: SimDisk;
  /** Told of every effect before it is done; what it throws is a crash or a fault. */
  readonly before: (what: string) => void;
  /** Told of what can be had no more. */
  readonly retired: (path: VolumePath, tree: SimTree, trashName: string) => void;
}

/** As DirectoryBackend does it, and QuotaBackend; their own tests are of the real disk. */
export class SimDirectories implements Backend {
  readonly name: 'directory' | 'quota';
  readonly traits;
  readonly #kit: SimKit;

  constructor(name: 'directory' | 'quota', kit: SimKit) {
    this.name = name;
    this.traits = { enforcesSize: name === 'quota', survivesReboot: true };
    this.#kit = kit;
  }

  async inspect(path: VolumePath): Promise<Found> {
    const directory = this.#kit.disk.directories.get(path);
    if (!directory) return { kind: 'absent' };
    const { owner, files, isBlocked } = directory;
    if (isBlocked) return { kind: 'blocked', why: `${path} is a link` };
    if (this.#isMounted(path, directory)) return { kind: 'mounted', owner };
    return { kind: files.length > 0 ? 'filled' : 'empty', owner };
  }

  async make(path: VolumePath, { owner, size }: Made): Promise<void> {
    const { before, disk } = this.#kit;
    before(`make ${path}`);
    if (disk.isFull && !disk.directories.has(path)) {
      throw new DiskFault('ENOSPC', path, 'no space is left on the disk');
    }
    const there = this.#usable(path);
    if (there && there.files.length > 0) throw new PathBlocked('ENOTEMPTY', path, `${path} has data`);
    const directory = disk.at(path);
    if (this.traits.enforcesSize) {
      before(`limit ${path}`);
      directory.limit = size;
    }
    before(`own ${path}`);
    directory.owner = owner;
  }

  async own(path: VolumePath, owner: Owner): Promise<void> {
    this.#kit.before(`own ${path}`);
    const directory = this.#usable(path);
    if (!directory) throw new PathBlocked('ENOENT', path, `there is no directory ${path}`);
    directory.owner = owner;
  }

  async retire(path: VolumePath, trashName: string): Promise<void> {
    const { before, disk, retired } = this.#kit;
    before(`retire ${path} as ${trashName}`);
    const directory = this.#usable(path);
    if (!directory) return;
    if (disk.trash.has(trashName)) throw new PathBlocked('EEXIST', path, `the trash holds ${trashName}`);
    disk.directories.delete(path);
    disk.trash.set(trashName, directory);
    retired(path, directory, trashName);
  }

  async discard(path: VolumePath): Promise<boolean> {
    const { before, disk } = this.#kit;
    before(`discard ${path}`);
    const directory = disk.directories.get(path);
    if (!directory) return true;
    if (directory.isBlocked) throw new PathBlocked('ENOTDIR', path, `${path} is a link`);
    if (directory.files.length > 0 || this.#isMounted(path, directory)) return false;
    disk.directories.delete(path);
    return true;
  }

  source(): Source {
    const limited = (path: VolumePath): SimTree | undefined => {
      const directory = this.#kit.disk.directories.get(path);
      return directory?.limit === undefined ? undefined : directory;
    };
    return sourceOf('pool', this.#kit.disk, limited);
  }

  async attach(): Promise<void> {}

  async grow(path: VolumePath, size: number): Promise<void> {
    if (!this.traits.enforcesSize) return;
    const directory = this.#usable(path);
    if (directory?.limit === undefined) throw new PathBlocked('NO_LIMIT', path, `${path} has no limit`);
    if (directory.limit >= size) return;
    this.#kit.before(`grow ${path}`);
    directory.limit = size;
  }

  #usable(path: VolumePath): SimDirectory | undefined {
    const directory = this.#kit.disk.directories.get(path);
    if (directory?.isBlocked) throw new PathBlocked('ENOTDIR', path, `${path} is a link`);
    if (!directory) return undefined;
    if (this.#isMounted(path, directory)) {
      throw new PathBlocked('EBUSY', path, `something is mounted at ${path}`);
    }
    if (directory.isBare) throw new PathBlocked('EPERM', path, `nobody may change ${path}`);
    return directory;
  }

  #isMounted(path: VolumePath, { isMounted }: SimDirectory): boolean {
    return isMounted || (this.#kit.disk.filesystems.get(path)?.isMounted ?? false);
  }
}
