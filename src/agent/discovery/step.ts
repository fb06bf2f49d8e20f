import type { Reason } from '../reasons.ts';
import type { ClaimReference, VolumeView } from '../volume-view.ts';
import type { DiscoveredVolume } from './discovered-volume.ts';
import type { DiscoveryRecord } from './record.ts';

/** One effect on records, disk or cluster. Each may be the last one before a crash. */
export type Step =
  /** Writes down what is intended, or what has come to be. */
  | { readonly do: 'record'; readonly record: DiscoveryRecord }
  | { readonly do: 'forget' }
  | { readonly do: 'create-volume'; readonly volume: DiscoveredVolume }
  /** Begins to remove all data from the disk of the record, in the background. */
  | { readonly do: 'clean'; readonly record: DiscoveryRecord }
  /** Ends that, for the volume is not what it was. */
  | { readonly do: 'stop-cleaning' }
  /** Deletes the volume, as it was seen, and lets go of it if it is still `as` then. */
  | { readonly do: 'release'; readonly volume: VolumeView; readonly as: 'released' | 'unbound' | 'deleted' }
  | Saying;

export interface Saying {
  readonly do: 'say';
  /** The log alone is told of what happens with every disk of every node. */
  readonly about: 'node' | 'log' | VolumeView | { readonly claim: ClaimReference };
  readonly reason: Reason;
  readonly message: string;
}

export type Decision =
  | { readonly kind: 'steps'; readonly steps: readonly Step[]; readonly isSoon?: true }
  /** It depends on what the API server says now: a cache may be late. */
  | {
      readonly kind: 'look';
      readonly volume: string;
      readonly claim: ClaimReference | undefined;
    };

export const NOTHING: Decision = { kind: 'steps', steps: [] };
/** The cluster is about to tell more. */
export const SOON: Decision = { kind: 'steps', steps: [], isSoon: true };

export const steps = (...list: Step[]): Decision => ({ kind: 'steps', steps: list });

export const say = (about: Saying['about'], reason: Reason, message: string): Saying => ({
  do: 'say',
  about,
  reason,
  message,
});
