import type { Disk, Seen } from '../os/disk-look.ts';
import type { ClassView } from '../class-view.ts';
import type { LiveLook } from '../state.ts';
import type { VolumeView } from '../volume-view.ts';
import type { DiscoveryConfig } from './config.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { DiscoveryNode } from './discovered-volume.ts';
import type { Place } from './place.ts';
import type { Recorded } from './records.ts';

/** How far the cleaning of a volume is. */
export type Cleaning =
  | { readonly kind: 'running' | 'done'; readonly volumeUid: string | undefined }
  | {
      readonly kind: 'failed';
      readonly volumeUid: string | undefined;
      readonly why: string;
      /** It has waited for long enough. */
      readonly isDue: boolean;
    };

/** Everything known of one place: what is on the disk, what the cluster has, what was written down. */
export interface PlaceState {
  readonly place: Place;
  readonly node: DiscoveryNode;
  readonly config: DiscoveryConfig;
  readonly seen: Seen;
  /** Volumes of this node that lead there, whoever made them. */
  readonly volumes: readonly VolumeView[];
  /** What the class cannot be served for. */
  readonly storageClass: ClassView | { readonly fault: string };
  readonly record: Recorded | undefined;
  readonly recordFile: string;
  /** Another class that wants the same disk. */
  readonly rival: Place | undefined;
  readonly cleaning: Cleaning | undefined;
  /** What is known of the disk from another place. */
  readonly elsewhere?: Elsewhere | undefined;
  readonly live?: LiveLook;
}

/** A disk that is there. */
export type SeenDisk = Extract<Seen, { kind: 'disk' }>;

/** Why no disk is where one was. */
export function missingText(seen: Exclude<Seen, SeenDisk>, path: string): string {
  return seen.kind === 'absent' ? `there is no ${path}` : `${path} ${seen.why}`;
}

/** A disk for people. */
export function diskText(disk: Disk): string {
  if (disk.kind === 'block') return disk.serial ?? disk.link ?? `a device of ${disk.bytes} bytes`;
  return `${disk.type} ${disk.uuid ?? `made ${new Date(disk.bornMs).toISOString()}`}`;
}
