import type { BackendName } from '../../tars/class-parameters.ts';
import type { VolumePath } from '../../tars/host-path.ts';
import type { Directory } from '../os/directory.ts';
import type { Mount } from '../os/mounts.ts';
import type { Remover } from '../remover.ts';
import type { VolumeOptions } from '../storage.ts';
import type { Made, Source, Traits } from './backend.ts';

/** A volume of a pool that is open. */
export interface Site {
  readonly root: Directory;
  readonly path: VolumePath;
}

/** What a volume's filesystem is kept in, found. */
export interface Backing {
  /** True for a mount of it. */
  isMountedAs(mount: Mount): Promise<boolean>;
}

/** What mount(8) is told. */
export interface MountSource {
  readonly source: string;
  /** Found out by mount(8) where it is missing. */
  readonly type?: string;
  readonly options: readonly string[];
}

/**
 * What the filesystem of a volume is kept in: an image, memory, a logical volume. It is named after the volume's path,
 * and knows nothing of where it is mounted.
 *
 * All of it may be called again after a crash in the middle, and then finishes what was begun.
 */
export interface Medium {
  readonly name: BackendName;
  readonly traits: Traits;
  readonly remover?: Remover | undefined;
  source(options?: VolumeOptions): Source;
  /** Undefined where there is none, or one that was not finished. */
  find(site: Site): Promise<Backing | undefined>;
  /** Makes it, with an empty filesystem, at once or not at all. */
  create(site: Site, wanted: Made): Promise<void>;
  /** What to mount, and how; `wanted` is missing where a volume that holds its data is only looked into. */
  mountSource(site: Site, wanted?: Made): Promise<MountSource>;
  /** Whether somebody else uses it, once it is not mounted in its place any more. */
  isHeld(site: Site): Promise<boolean>;
  /** Makes it larger, and the filesystem in it, which is mounted at this point. It never shrinks. */
  grow(site: Site, size: number, mount: Mount): Promise<void>;
  /** True where the trash has something of this name. */
  hasRetired(site: Site, trashName: string): Promise<boolean>;
  /** Moves it into the trash, and forgets what was not finished; neither need be there. */
  retire(site: Site, trashName: string): Promise<void>;
}
