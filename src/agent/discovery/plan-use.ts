import type { ClaimReference, VolumeView } from '../volume-view.ts';
import type { DiscoveryRecord } from './record.ts';
import type { PlaceState } from './state.ts';
import type { Step } from './step.ts';

/** Writes down that a claim has, or had, the disk, unless that is known. */
export function recordedUse(
  state: PlaceState,
  volume: VolumeView,
  record: DiscoveryRecord | undefined,
  claim: ClaimReference,
): Step[] {
  const known = record ?? recordFor(state, volume);
  const { reclaimPolicy, uid: volumeUid, name } = volume;
  const isKnown =
    record?.state === 'used' &&
    record.claim?.uid === claim.uid &&
    record.reclaimPolicy === reclaimPolicy &&
    record.volumeUid === volumeUid;
  if (!known || isKnown) return [];
  return [
    { do: 'record', record: { ...known, state: 'used', volume: name, volumeUid, claim, reclaimPolicy } },
  ];
}

/** Of a disk that is there, and that only its volume tells of; undefined where there is none. */
export function recordFor({ seen, place }: PlaceState, volume: VolumeView): DiscoveryRecord | undefined {
  if (seen.kind !== 'disk') return undefined;
  return {
    version: 1,
    state: 'offered',
    storageClass: place.of.storageClass,
    path: place.path,
    volume: volume.name,
    volumeUid: volume.uid,
    disk: seen.disk,
    wasEmpty: seen.isEmpty,
  };
}

/** What was begun when it was Released must not go on when it is not. */
export const stopped = ({ cleaning }: PlaceState): Step[] =>
  cleaning?.kind === 'running' ? [{ do: 'stop-cleaning' }] : [];
