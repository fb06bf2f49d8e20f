import { isSameDisk } from '../os/disk-look.ts';
import { claimText } from '../state.ts';
import type { ClaimReference, VolumeView } from '../volume-view.ts';
import { planReleased } from './plan-released.ts';
import { recordedUse, recordFor, stopped } from './plan-use.ts';
import type { DiscoveryRecord } from './record.ts';
import { diskText, missingText, type PlaceState } from './state.ts';
import { type Decision, NOTHING, say, type Step, steps } from './step.ts';

/** What to do where a volume of ours leads to the place. The record is missing where a person has made it ours. */
export function planVolume(
  state: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
): Decision {
  switch (volume.phase) {
    case 'Bound':
      return serve(state, volume, record);
    case 'Released':
      return planReleased(state, volume, record);
    case 'Failed':
      return NOTHING;
    default:
      // The binder has chosen it, and is not done yet.
      return volume.claim ? NOTHING : keepOffer(state, volume, record);
  }
}

/** A claim has it: that is written down, for only then its data is known to be somebody's when the volume vanishes. */
function serve(state: PlaceState, volume: VolumeView, record: DiscoveryRecord | undefined): Decision {
  const { claim } = volume;
  if (!claim) return NOTHING;
  return steps(
    ...stopped(state),
    ...recordedUse(state, volume, record, claim),
    ...missing(state, volume, record),
    ...(volume.isDeleting ? [deleting(volume, claim)] : []),
  );
}

function missing(
  { seen, place, node }: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
): Step[] {
  const about = `the disk of this volume is not at ${place.path} on node ${node.name}`;
  if (seen.kind !== 'disk') {
    const message = `${about}: ${missingText(seen, place.path)}; mount it there again, or delete the claim and this volume if it is gone for good`;
    return [say(volume, 'VolumeDataMissing', message)];
  }
  if (!record || isSameDisk(seen.disk, record.disk)) return [];
  const message = `${about}: ${diskText(seen.disk)} is there, and it was ${diskText(record.disk)}; nothing on it is ever removed; mount the right one`;
  return [say(volume, 'VolumeDataMissing', message)];
}

function deleting(volume: VolumeView, claim: ClaimReference): Step {
  const fate =
    volume.reclaimPolicy === 'Delete'
      ? 'its data is removed as soon as'
      : 'its data is kept, and it goes as soon as';
  const message = `this volume is being deleted while claim ${claimText(claim)} uses it: ${fate} the claim is deleted`;
  return say(volume, 'VolumeDeleting', message);
}

/** Nobody has it yet. */
function keepOffer(state: PlaceState, volume: VolumeView, record: DiscoveryRecord | undefined): Decision {
  const known = record ?? recordFor(state, volume);
  const why = whyGone(state, record) ?? (volume.isDeleting ? 'it is being deleted' : undefined);
  if (why !== undefined) return withdraw(state, volume, known, why);
  return steps(...stopped(state), ...recordedOffer(volume, record, known));
}

/** Writes down that it is offered. A person may have taken a claim out of it: then what was in it is there all the same. */
function recordedOffer(
  { uid: volumeUid, name }: VolumeView,
  record: DiscoveryRecord | undefined,
  known: DiscoveryRecord | undefined,
): Step[] {
  const was = known?.state === 'used' || known?.state === 'cleaning' ? known.state : 'offered';
  const isKnown = record?.volumeUid === volumeUid && record.state === was;
  if (!known || isKnown) return [];
  const claim = was === 'offered' ? undefined : known.claim;
  return [{ do: 'record', record: { ...known, state: was, claim, volume: name, volumeUid } }];
}

/** Why nobody can use it; undefined also where that cannot be told. */
function whyGone({ seen, place }: PlaceState, record: DiscoveryRecord | undefined): string | undefined {
  if (seen.kind === 'unknown') return undefined;
  if (seen.kind !== 'disk') return missingText(seen, place.path);
  const isOther = record !== undefined && !isSameDisk(seen.disk, record.disk);
  return isOther ? `another disk is at ${place.path}` : undefined;
}

/** A bind in flight wins: whoever lets go looks again first. */
function withdraw(
  state: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
  why: string,
): Decision {
  const wasUsed = record?.state === 'used' || record?.state === 'cleaning';
  const message = `nobody uses it, and ${why}; node ${state.node.name} offers the disk again when it is there`;
  const release: Step = { do: 'release', volume, as: 'unbound' };
  const told = say(volume, 'VolumeWithdrawn', message);
  if (!record || wasUsed) return steps(...stopped(state), release, told);
  return steps(
    { do: 'record', record: { ...record, state: 'withdrawing', volumeUid: volume.uid } },
    release,
    { do: 'forget' },
    told,
  );
}
