import type { PersistentVolume } from '../tars/persistent-volume.ts';
import type { Made, Owner } from './backends/backend.ts';
import type { ClaimView } from './claim-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import type { Reason } from './reasons.ts';
import type { ClaimReference, VolumeView } from './volume-view.ts';

/** One effect on disk, ledger or cluster. Each may be the last one before a crash. */
export type Step =
  /** Writes down what is intended, or what has come to be. */
  | { readonly do: 'record'; readonly entry: LedgerEntry }
  | { readonly do: 'forget' }
  | { readonly do: 'make'; readonly wanted: Made }
  /** Brings a volume that was made back into its place. */
  | { readonly do: 'attach'; readonly wanted: Made }
  | { readonly do: 'own'; readonly owner: Owner }
  | { readonly do: 'grow'; readonly size: number }
  /** Tells the cluster how much a volume holds now: first the volume, then its claim. */
  | {
      readonly do: 'resize';
      readonly volume: VolumeView;
      readonly claim: ClaimView;
      readonly capacity: string;
    }
  | { readonly do: 'create-volume'; readonly volume: PersistentVolume }
  /** Makes a volume of somebody else ours: finalizer and pool. */
  | { readonly do: 'take-over'; readonly volume: VolumeView }
  | { readonly do: 'retire'; readonly trashName: string }
  /** Takes the directory away where it is empty. */
  | { readonly do: 'discard' }
  /** Deletes the volume, as it was seen, and lets go of it if it is still `as` then. */
  | { readonly do: 'release'; readonly volume: VolumeView; readonly as: 'released' | 'unbound' | 'deleted' }
  /** Gives the scheduler its choice back. */
  | { readonly do: 'hand-back'; readonly claim: ClaimView }
  | { readonly do: 'say'; readonly about: Subject; readonly reason: Reason; readonly message: string };

export type Subject =
  | { readonly kind: 'PersistentVolumeClaim'; readonly claim: ClaimReference }
  | { readonly kind: 'PersistentVolume'; readonly name: string; readonly uid: string };

export type Decision =
  | { readonly kind: 'steps'; readonly steps: readonly Step[]; readonly againMs?: number }
  /** It depends on what the API server says now: a cache may be late. */
  | {
      readonly kind: 'look';
      readonly volume: string | undefined;
      readonly claim: ClaimReference | undefined;
    };

export const NOTHING: Decision = { kind: 'steps', steps: [] };

export const steps = (...list: Step[]): Decision => ({ kind: 'steps', steps: list });

export const aboutClaim = ({ namespace, name, uid }: ClaimReference): Subject => ({
  kind: 'PersistentVolumeClaim',
  claim: { namespace, name, uid },
});

export const aboutVolume = ({ name, uid }: VolumeView): Subject => ({
  kind: 'PersistentVolume',
  name,
  uid,
});
