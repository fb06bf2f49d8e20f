import type { Backend, Found, Made, Owner, Source } from '../../../src/agent/backends/backend.ts';
import { DiskFault, PathBlocked } from '../../../src/agent/os/errors.ts';
import { sourceNameOf, type VolumeOptions } from '../../../src/agent/storage.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';
import type { SimKit } from './simulation-directories.ts';
import { IN_GROUP, type SimDirectory, type SimFilesystem } from './simulation-disk.ts';
import { sourceOf } from './simulation-sources.ts';

type Seen = { readonly hasBacking: boolean } & (
  | { readonly kind: 'none' | 'bare' | 'data' }
  | { readonly kind: 'strange'; readonly owner: Owner }
  | { readonly kind: 'in-place'; readonly filesystem: SimFilesystem; readonly isBelow: boolean }
);

/** As MountedBackend does it, with the media of LOOP, LVM and TMPFS; their own tests are of the real disk. */
export class SimMounted implements Backend {
  readonly name: 'loop' | 'lvm' | 'tmpfs';
  readonly traits;
  readonly #kit: SimKit;

  constructor(name: 'loop' | 'lvm' | 'tmpfs', kit: SimKit) {
    this.name = name;
    this.traits = { enforcesSize: true, survivesReboot: name !== 'tmpfs' };
    this.#kit = kit;
  }

  source(options?: VolumeOptions): Source {
    const source = sourceNameOf({ backend: this.name, size: 0, ...(options ? { options } : {}) });
    return sourceOf(source, this.#kit.disk, (path) => this.#own(path));
  }

  async inspect(path: VolumePath): Promise<Found> {
    try {
      return foundOf(this.#look(path), path);
    } catch (error) {
      if (error instanceof PathBlocked) return { kind: 'blocked', why: error.message };
      throw error;
    }
  }

  async make(path: VolumePath, wanted: Made): Promise<void> {
    const before = this.#look(path);
    if (before.kind !== 'in-place') {
      assertFree(path, before);
      this.#makeBare(path);
      if (!before.hasBacking) this.#create(path, wanted);
      this.#mount(path, wanted);
    }
    const { filesystem, isBelow } = this.#inPlace(path);
    if (isBelow) throw inUse(path, 'something is mounted in it');
    if (filesystem.files.length > 0) {
      if (before.kind !== 'in-place') this.#unmount(path);
      throw new PathBlocked('ENOTEMPTY', path, `${path} has data`);
    }
    if (before.hasBacking) this.#grow(path, filesystem, wanted.size);
    this.#kit.before(`own ${path}`);
    filesystem.owner = wanted.owner;
  }

  async attach(path: VolumePath, wanted: Made): Promise<void> {
    const seen = this.#look(path);
    if (seen.kind === 'in-place') return;
    assertFree(path, seen);
    if (!seen.hasBacking && this.traits.survivesReboot) {
      throw new PathBlocked('NO_BACKING', path, `what backend ${this.name} had of ${path} is gone`);
    }
    this.#mount(path, wanted);
  }

  async own(path: VolumePath, owner: Owner): Promise<void> {
    const { filesystem } = this.#inPlace(path);
    this.#kit.before(`own ${path}`);
    filesystem.owner = owner;
  }

  async grow(path: VolumePath, size: number): Promise<void> {
    this.#grow(path, this.#inPlace(path).filesystem, size);
  }

  async retire(path: VolumePath, trashName: string): Promise<void> {
    const seen = this.#look(path);
    if (seen.hasBacking && this.#kit.disk.trash.has(trashName)) {
      throw new PathBlocked('EEXIST', path, `the trash holds ${trashName}`);
    }
    this.#takeAway(path, seen, trashName);
  }

  async discard(path: VolumePath): Promise<boolean> {
    const before = this.#look(path);
    const mustLookInto = isDetached(before) && this.traits.survivesReboot;
    if (mustLookInto) this.#mount(path);
    const seen = mustLookInto ? this.#look(path) : before;
    if (holdsSomething(seen)) {
      if (mustLookInto && seen.kind === 'in-place') this.#unmount(path);
      return false;
    }
    this.#takeAway(path, seen, `discarded-${this.#kit.disk.trash.size}-${path}`);
    return true;
  }

  #look(path: VolumePath): Seen {
    const { directories, filesystems } = this.#kit.disk;
    const directory = directories.get(path);
    if (directory?.isBlocked) throw new PathBlocked('ENOTDIR', path, `${path} is a link`);
    const filesystem = this.#own(path);
    const hasBacking = filesystem !== undefined || this.#isLeft(path, directory);
    if (!directory) return { kind: 'none', hasBacking };
    const { isMounted: isBelow, owner, files } = directory;
    if (filesystem?.isMounted) return { kind: 'in-place', hasBacking, filesystem, isBelow };
    if (isBelow || filesystems.get(path)?.isMounted) return { kind: 'strange', hasBacking, owner };
    return { kind: files.length > 0 ? 'data' : 'bare', hasBacking };
  }

  /** Of what was in memory, a bare directory is what tells. */
  #isLeft(path: VolumePath, directory: SimDirectory | undefined): boolean {
    const isBare = directory?.isBare === true && !directory.isMounted;
    return this.name === 'tmpfs' && isBare && !this.#kit.disk.filesystems.has(path);
  }

  #inPlace(path: VolumePath): Extract<Seen, { kind: 'in-place' }> {
    const seen = this.#look(path);
    if (seen.kind === 'in-place') return seen;
    assertFree(path, seen);
    throw new PathBlocked('NOT_MOUNTED', path, `no volume is mounted at ${path}`);
  }

  #own(path: VolumePath): SimFilesystem | undefined {
    const filesystem = this.#kit.disk.filesystems.get(path);
    return filesystem?.backend === this.name ? filesystem : undefined;
  }

  #makeBare(path: VolumePath): void {
    const { before, disk } = this.#kit;
    if (disk.directories.get(path)?.isBare) return;
    before(`make ${path}`);
    if (disk.isFull && !disk.directories.has(path)) throw noSpace(path);
    const directory = disk.at(path);
    if (directory.files.length > 0) throw new PathBlocked('ENOTEMPTY', path, `${path} has data`);
    directory.isBare = true;
  }

  #create(path: VolumePath, wanted: Made): void {
    // Memory is there when it is mounted.
    if (this.name === 'tmpfs') return;
    this.#kit.before(`create ${path}`);
    this.#assertSpace(path, wanted.size);
    this.#put(path, wanted.size);
  }

  #assertSpace(path: VolumePath, more: number): void {
    const { disk } = this.#kit;
    const isFull = this.name === 'lvm' ? disk.freeBytes(IN_GROUP) < more : disk.isFull;
    if (isFull && this.name !== 'tmpfs') throw noSpace(path);
  }

  #put(path: VolumePath, size: number): void {
    const { filesystems } = this.#kit.disk;
    if (filesystems.has(path)) throw new Error(`${path} has a filesystem already`);
    const owner = { uid: 0, gid: 0, mode: 0o755 };
    filesystems.set(path, {
      backend: this.name,
      size,
      owner,
      files: [],
      isMounted: false,
      isHeld: false,
    });
  }

  #mount(path: VolumePath, wanted?: Made): void {
    this.#makeBare(path);
    this.#kit.before(`mount ${path}`);
    const { filesystems } = this.#kit.disk;
    if (this.name === 'tmpfs' && wanted) {
      this.#put(path, wanted.size);
      filesystems.get(path)!.owner = wanted.owner;
    }
    filesystems.get(path)!.isMounted = true;
  }

  #unmount(path: VolumePath): void {
    const { before, disk } = this.#kit;
    before(`unmount ${path}`);
    disk.unmount(path);
  }

  #grow(path: VolumePath, filesystem: SimFilesystem, size: number): void {
    if (filesystem.size >= size) return;
    this.#kit.before(`grow ${path}`);
    this.#assertSpace(path, size - filesystem.size);
    filesystem.size = size;
  }

  #takeAway(path: VolumePath, seen: Seen, trashName: string): void {
    const { before, disk, retired } = this.#kit;
    if (seen.kind === 'strange') throw inUse(path, 'something is mounted there');
    if (seen.kind === 'in-place') {
      if (seen.isBelow) throw inUse(path, 'something is mounted in it');
      this.#unmount(path);
      if (this.name === 'tmpfs') retired(path, seen.filesystem, trashName);
    }
    if (this.#own(path)?.isHeld) {
      this.#mount(path);
      throw inUse(path, 'it is open elsewhere');
    }
    before(`retire ${path} as ${trashName}`);
    const filesystem = this.#own(path);
    if (filesystem) {
      disk.filesystems.delete(path);
      disk.trash.set(trashName, filesystem);
      retired(path, filesystem, trashName);
    }
    if (disk.directories.get(path)?.files.length !== 0) return;
    before(`unmake ${path}`);
    disk.directories.delete(path);
  }
}

function foundOf(seen: Seen, path: VolumePath): Found {
  switch (seen.kind) {
    case 'none':
    case 'bare':
      return { kind: seen.hasBacking ? 'detached' : 'absent' };
    case 'data':
      return { kind: 'blocked', why: `${path} is there already, with data in it` };
    case 'strange':
      return { kind: 'mounted', owner: seen.owner };
    case 'in-place': {
      const { isBelow, filesystem } = seen;
      const { owner, files } = filesystem;
      if (isBelow) return { kind: 'mounted', owner };
      return { kind: files.length > 0 ? 'filled' : 'empty', owner };
    }
  }
}

function assertFree(path: VolumePath, { kind }: Exclude<Seen, { kind: 'in-place' }>): void {
  if (kind === 'strange') throw inUse(path, 'something is mounted there');
  if (kind === 'data') throw new PathBlocked('ENOTEMPTY', path, `${path} has data`);
}

const isDetached = ({ kind, hasBacking }: Seen): boolean =>
  hasBacking && (kind === 'none' || kind === 'bare');

const holdsSomething = (seen: Seen): boolean =>
  seen.kind === 'data' ||
  seen.kind === 'strange' ||
  (seen.kind === 'in-place' && (seen.filesystem.files.length > 0 || seen.isBelow));

const inUse = (path: VolumePath, why: string): PathBlocked =>
  new PathBlocked('EBUSY', path, `${path} is in use: ${why}`);

const noSpace = (path: VolumePath): DiskFault =>
  new DiskFault('ENOSPC', path, 'no space is left on the disk');
