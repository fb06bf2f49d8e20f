import type { ClassView } from '../class-view.ts';
import { claimText } from '../state.ts';
import { discoveredVolume, type DiscoveredWanted } from './discovered-volume.ts';
import type { Elsewhere } from './elsewhere.ts';
import { volumeNameOf, wordsFor } from './place.ts';
import type { DiscoveryRecord } from './record.ts';
import { missingText, type PlaceState, type SeenDisk } from './state.ts';
import { type Decision, NOTHING, say, SOON, steps } from './step.ts';

/** What to do where there is neither a volume nor a record: a disk that is there is offered, with what it holds. */
export function planNew(state: PlaceState): Decision {
  const { seen, place } = state;
  if (seen.kind === 'absent') return NOTHING;
  if (seen.kind !== 'disk') return refuse(missingText(seen, place.path));
  return offer(state, seen);
}

export function refuse(message: string): Decision {
  return steps(say('node', 'DiscoveryRefused', message));
}

/** Offers it to any claim that fits: the record before the cluster. */
export function offer(state: PlaceState, seen: SeenDisk): Decision {
  const fault = faultIn(state, seen);
  if (fault !== undefined) return refuse(fault);
  if (state.elsewhere) return moved(state, state.elsewhere);
  const record: DiscoveryRecord = {
    version: 1,
    state: 'offered',
    storageClass: state.place.of.storageClass,
    path: state.place.path,
    volume: volumeNameOf(state.place),
    disk: seen.disk,
    wasEmpty: seen.isEmpty,
  };
  const volume = volumeFor(state, seen, { name: record.volume });
  const { storage } = volume.spec.capacity;
  return steps(
    { do: 'record', record },
    { do: 'create-volume', volume },
    say('log', 'VolumeDiscovered', `volume ${record.volume} is ${wordsFor(state.place)}, ${storage}`),
  );
}

/** Offered at two places, a disk would be two claims': nobody has it here while anything is known of it there. */
function moved({ place }: PlaceState, { record, recordFile, isOffered }: Elsewhere): Decision {
  const { state, path, claim } = record;
  const wasUsed = state === 'used' || state === 'cleaning';
  // Its volume there is on its way out.
  if (!wasUsed && isOffered) return SOON;
  const whose = claim ? `claim ${claimText(claim)} has, or had, it` : 'a claim may have used it';
  return refuse(
    `${wordsFor(place)} is not offered: it is the disk that was at ${path}, where ${whose}; mount it there again, or remove ${recordFile} on the node to have it offered here as it is`,
  );
}

type Named = Pick<DiscoveredWanted, 'name' | 'claim'> & { readonly reclaimPolicy?: string | undefined };

export function volumeFor(state: PlaceState, { bytes }: SeenDisk, named: Named) {
  const { place, node, config } = state;
  const { reclaimPolicy, mountOptions } = classOf(state);
  return discoveredVolume({
    place,
    node,
    config,
    bytes,
    mountOptions,
    ...named,
    reclaimPolicy: named.reclaimPolicy ?? reclaimPolicy,
  });
}

/** Whoever asks has seen that it has no fault. */
function classOf({ storageClass }: PlaceState): ClassView {
  if ('fault' in storageClass) throw new Error(storageClass.fault);
  return storageClass;
}

/** Why a disk that is there is not offered. */
function faultIn(state: PlaceState, seen: SeenDisk): string | undefined {
  const { place, storageClass, rival } = state;
  if ('fault' in storageClass) return `${place.path} is not offered: ${storageClass.fault}`;
  if (rival) {
    return `${wordsFor(place)} is the same disk as ${wordsFor(rival)}, so it is offered for neither; give each class a directory of its own, or a namePattern that leaves out what is the other's`;
  }
  if (seen.inUse !== undefined) return `${place.path} ${seen.inUse}`;
  if (seen.isReadOnly)
    return `${place.path} is read-only, so it could be neither used nor cleaned; mount it for writing`;
  const isFilesystemForBlock = place.of.volumeMode === 'Block' && seen.disk.kind === 'filesystem';
  return isFilesystemForBlock
    ? `${place.path} has a filesystem, and class ${place.of.storageClass} is for volumes of mode Block; put a link to the device there, or set volumeMode: Filesystem`
    : undefined;
}
