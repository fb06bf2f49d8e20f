import type { DiskName } from './agent-discovery-model-disks.ts';
import type { Claim, Volume } from './served.ts';

/** What is there at one moment, read from the API server and the disks, in the few words that the model needs. */

export interface DiskClaim {
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly volume?: string | undefined;
}

export interface DiskVolume {
  readonly name: string;
  readonly uid: string;
  /** The name of the directory where its disk is mounted. */
  readonly place: string;
  readonly phase: string;
  readonly policy: string;
  /** Uid. */
  readonly claim?: string | undefined;
  readonly isDeleting: boolean;
}

export interface DiskView {
  readonly claims: readonly DiskClaim[];
  readonly volumes: readonly DiskVolume[];
  /** What is on each disk, mounted or not. */
  readonly content: ReadonlyMap<DiskName, readonly string[]>;
  /** What is in directories that are no mount points. */
  readonly mere: ReadonlyMap<string, readonly string[]>;
}

export const claimSeen = ({ metadata, spec, status }: Claim): DiskClaim => ({
  name: metadata.name,
  uid: metadata.uid,
  phase: status.phase,
  volume: spec.volumeName,
});

export const volumeSeen = ({ metadata, spec, status }: Volume): DiskVolume => ({
  name: metadata.name,
  uid: metadata.uid,
  place: spec.local.path.split('/').at(-1)!,
  phase: status.phase,
  policy: String(spec['persistentVolumeReclaimPolicy']),
  claim: spec.claimRef?.uid,
  isDeleting: metadata.deletionTimestamp !== undefined,
});
