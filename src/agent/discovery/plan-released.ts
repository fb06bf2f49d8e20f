import { claimText, type LiveLook } from '../state.ts';
import type { ClaimReference, VolumeView } from '../volume-view.ts';
import { cleanStep, letGo, offeredAgain } from './plan-cleaning.ts';
import { recordedUse, recordFor, stopped } from './plan-use.ts';
import type { DiscoveryRecord } from './record.ts';
import { refusalOf } from './refusals.ts';
import type { PlaceState } from './state.ts';
import { type Decision, say, SOON, type Step, steps } from './step.ts';

/** Its claim is gone. */
export function planReleased(
  state: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
): Decision {
  const { live } = state;
  if (!live) return { kind: 'look', volume: volume.name, claim: volume.claim };
  const { volume: current } = live;
  if (!current || current.uid !== volume.uid) return SOON;
  const known = record ?? recordFor(state, current);
  if (known?.state === 'clean' && known.volumeUid === current.uid) {
    return steps(...offeredAgain(state, current));
  }
  if (isBoundElsewhere(live)) return withdrawUnused(state, current, known);
  return current.reclaimPolicy === 'Delete'
    ? reclaim(state, current, record, live)
    : retain(state, current, known, live);
}

/** Its claim is there and got another volume: the controller calls this one Released, and nobody ever used it. */
function isBoundElsewhere({ volume, claim }: LiveLook): boolean {
  const bound = claim?.uid === volume?.claim?.uid ? claim?.volumeName : undefined;
  return volume?.phase === 'Released' && bound !== undefined && bound !== volume.name;
}

function withdrawUnused(
  { node }: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
): Decision {
  const recorded: Step[] = record
    ? [{ do: 'record', record: { ...record, state: 'withdrawing', volumeUid: volume.uid } }]
    : [];
  const message = `claim ${claimText(volume.claim ?? NOBODY)} has another volume; node ${node.name} offers this disk again`;
  return steps(...recorded, ...letGo(volume), { do: 'forget' }, say(volume, 'VolumeWithdrawn', message));
}

function reclaim(
  state: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
  live: LiveLook,
): Decision {
  if (!record) return withoutRecord(state, volume);
  const { place, seen, node } = state;
  const claim = volume.claim ?? NOBODY;
  const refusal = refusalOf(state, record, live, volume);
  if (refusal === undefined) {
    const { uid: volumeUid, reclaimPolicy } = volume;
    return cleanStep(state, { ...record, state: 'cleaning', volumeUid, claim, reclaimPolicy }, volume);
  }
  const isGone = seen.kind === 'absent' || seen.kind === 'unusable';
  const remedy = isGone
    ? '; mount it there again to have it cleaned, or delete this volume if it is gone for good'
    : '';
  const message = `its data at ${place.path} on node ${node.name} is not removed: ${refusal}${remedy}`;
  const use = lateUse(state, volume, record, claim);
  const told = say(volume, 'ReclaimRefused', message);
  // Whoever deletes the volume of a disk that is gone knows that it is: should it come back, it is cleaned first.
  const given: Step[] = isGone && volume.isDeleting ? [{ do: 'release', volume, as: 'deleted' }] : [];
  return steps(...stopped(state), ...use, told, ...given);
}

/** What the record has as another claim's is not this one's for all that. */
function lateUse(
  state: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
  claim: ClaimReference,
): Step[] {
  const wasUsed = record?.state === 'used' || record?.state === 'cleaning';
  return wasUsed && record.claim?.uid !== claim.uid ? [] : recordedUse(state, volume, record, claim);
}

/** A person has made it ours when it was released already: which disk it was is nowhere written down. */
function withoutRecord(state: PlaceState, volume: VolumeView): Decision {
  const { place, node } = state;
  if (!volume.isDeleting) {
    const message = `its data at ${place.path} on node ${node.name} is not removed: there is no record of it on this node; empty the disk by hand and delete this volume to have it offered again`;
    return steps(say(volume, 'ReclaimRefused', message));
  }
  const kept = { ...volume, reclaimPolicy: 'Retain' };
  const use = recordedUse(state, kept, undefined, volume.claim ?? NOBODY);
  return steps(...use, { do: 'release', volume, as: 'deleted' });
}

const NOBODY: ClaimReference = { namespace: '', name: '', uid: '' };

function retain(
  state: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
  live: LiveLook,
): Decision {
  const { place, node } = state;
  const claim = volume.claim ?? NOBODY;
  const use = lateUse(state, volume, record, claim);
  // Who called it Released was wrong: it is not let go while its claim is there.
  if (live.claim !== undefined && live.claim.uid === claim.uid) return SOON;
  if (volume.isDeleting) return steps(...stopped(state), ...use, { do: 'release', volume, as: 'deleted' });
  const message = `its data stays at ${place.path} on node ${node.name} (reclaim policy ${volume.reclaimPolicy}); to have it removed and the disk offered again set the policy to Delete, or empty it by hand and delete this volume`;
  return steps(...stopped(state), ...use, say(volume, 'VolumeRetained', message));
}
