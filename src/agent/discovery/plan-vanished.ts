import { isSameDisk } from '../os/disk-look.ts';
import { claimText, type LiveLook } from '../state.ts';
import { wordsFor } from './place.ts';
import { cleanStep } from './plan-cleaning.ts';
import { offer, refuse, volumeFor } from './plan-new.ts';
import type { DiscoveryRecord } from './record.ts';
import { refusalOf } from './refusals.ts';
import { diskText, type PlaceState, type SeenDisk } from './state.ts';
import { type Decision, NOTHING, say, SOON, steps } from './step.ts';

/**
 * What to do where there is a record and no volume: a crash came in between, or somebody has taken the volume away by
 * force. Then the disk may hold what nobody else must see.
 */
export function planVanished(state: PlaceState, record: DiscoveryRecord): Decision {
  const { live, seen } = state;
  if (!live) return { kind: 'look', volume: record.volume, claim: record.claim };
  // The cache is late.
  if (live.volume) return SOON;
  if (record.state === 'withdrawing' || record.state === 'clean')
    return { ...steps({ do: 'forget' }), ...again };
  // When the disk is back, it is gone on with.
  if (seen.kind !== 'disk') return NOTHING;
  if (record.state === 'offered') return offerAgain(state, record, seen);
  if (!isSameDisk(seen.disk, record.disk)) return otherDisk(state, record, seen);
  if (record.state === 'used' && isAlive(live, record)) return restore(state, record, seen);
  return clean(state, record, seen, live);
}

const again = { isSoon: true } as const;

/** As far as was seen, nobody has used it; while the agent was away, somebody may have. */
function offerAgain(state: PlaceState, record: DiscoveryRecord, seen: SeenDisk): Decision {
  const wasNeverSeen = record.volumeUid === undefined && (seen.disk.kind === 'block' || !record.wasEmpty);
  const isFree = seen.isEmpty || wasNeverSeen || !isSameDisk(seen.disk, record.disk);
  return isFree ? offer(state, seen) : withheld(state, seen, 'may have been used by a claim');
}

function isAlive({ claim }: LiveLook, record: DiscoveryRecord): boolean {
  return claim !== undefined && claim.uid === record.claim?.uid;
}

/** Its claim is Lost until the volume is there again. */
function restore(state: PlaceState, record: DiscoveryRecord, seen: SeenDisk): Decision {
  const { claim, reclaimPolicy } = record;
  const { storageClass, place, node } = state;
  if (!claim || 'fault' in storageClass) return NOTHING;
  const volume = volumeFor(state, seen, { name: record.volume, claim, reclaimPolicy });
  const message = `volume ${record.volume} was gone and is made again; the data at ${place.path} on node ${node.name} was not touched`;
  return steps({ do: 'create-volume', volume }, say({ claim }, 'VolumeRestored', message));
}

function clean(state: PlaceState, record: DiscoveryRecord, seen: SeenDisk, live: LiveLook): Decision {
  const refusal = refusalOf(state, record, live);
  if (refusal === undefined) return cleanStep(state, { ...record, state: 'cleaning' }, undefined);
  if (seen.isEmpty) return { ...steps({ do: 'forget' }), ...again };
  const whose = record.claim ? `has data of claim ${claimText(record.claim)}` : 'has data of a claim';
  return withheld(state, seen, `${whose}, which is not removed: ${refusal}`);
}

/** Somebody's data may be on it, and it is not for us to say that it may go. */
function withheld({ place, recordFile }: PlaceState, { disk }: SeenDisk, why: string): Decision {
  const remedy =
    disk.kind === 'block'
      ? `overwrite the device if nobody needs it, then remove ${recordFile} on the node`
      : `empty it if nobody needs the data, or remove ${recordFile} on the node to have it offered as it is`;
  const message = `${wordsFor(place)} is not offered again: its volume was removed by force, and it ${why}; ${remedy}`;
  return refuse(message);
}

function otherDisk(
  { place, recordFile }: PlaceState,
  { disk: known }: DiscoveryRecord,
  { disk }: SeenDisk,
): Decision {
  const message = `${wordsFor(place)} is not offered: it was ${diskText(known)}, which a claim has used, and is ${diskText(disk)} now; mount the other one there, or remove ${recordFile} on the node if it is gone for good`;
  return refuse(message);
}
