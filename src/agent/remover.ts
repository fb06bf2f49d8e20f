import type { Directory } from './os/directory.ts';
import type { Outcome } from './trash-item.ts';

/** Something in the trash, as it was retired. */
export interface RetiredVolume {
  readonly name: string;
  /** The folder of the trash, open. */
  readonly trash: Directory;
  /** Deletes what the trash has of it as files and directories, as far as there is time. */
  readonly deleteFiles: () => Promise<Outcome>;
}

/**
 * A backend's say in how its volumes in the trash are destroyed, where more belongs to them than files: a subvolume, a
 * logical volume, an entry in a table of quotas. All of it may be called again after a crash in the middle.
 */
export interface Remover {
  /** The names of its volumes that are retired and not yet destroyed, whether or not the folder has anything of them. */
  retired(): Promise<readonly string[]>;
  /**
   * Destroys a volume, or says why that cannot be; undefined where nothing but files can belong to it, as far as this
   * backend knows. Called again and again until it is gone.
   */
  destroy(volume: RetiredVolume): Promise<Outcome | undefined>;
}
