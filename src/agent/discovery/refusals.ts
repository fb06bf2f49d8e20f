import { isToldApart } from '../os/block-device.ts';
import { isSameDisk } from '../os/disk-look.ts';
import { claimText, type LiveLook } from '../state.ts';
import type { VolumeView } from '../volume-view.ts';
import type { DiscoveryRecord } from './record.ts';
import { diskText, missingText, type PlaceState } from './state.ts';

interface Asked {
  readonly state: PlaceState;
  readonly record: DiscoveryRecord;
  readonly live: LiveLook;
  /** The Released volume; undefined where somebody has taken it away by force. */
  readonly volume: VolumeView | undefined;
}

/** Why data must stay; undefined where this is no reason. */
type Refusal = (asked: Asked) => string | undefined;

/**
 * Whether the data of a disk may go: the one place that says so.
 * Every line is asked, in this order, of what the API server, the record and the disk say at this moment.
 * @returns the first reason against it, in words; undefined when there is none
 */
export function refusalOf(
  state: PlaceState,
  record: DiscoveryRecord,
  live: LiveLook,
  volume?: VolumeView,
): string | undefined {
  for (const refuse of [...(volume ? OF_VOLUME : OF_NONE), ...ALWAYS]) {
    const why = refuse({ state, record, live, volume });
    if (why !== undefined) return why;
  }
  return undefined;
}

const OF_VOLUME: readonly Refusal[] = [
  // What is asked about is the volume that is there now.
  ({ volume, live }) =>
    live.volume?.uid === volume?.uid ? undefined : 'the volume is not the one that was seen before',
  ({ live }) =>
    live.volume?.phase === 'Released' ? undefined : `its phase is ${live.volume?.phase ?? 'unknown'}`,
  ({ live }) =>
    live.volume?.reclaimPolicy === 'Delete'
      ? undefined
      : `its reclaim policy is ${live.volume?.reclaimPolicy ?? 'unknown'}`,
  // It is ours by all signs.
  ({ live }) => (live.volume?.hasFinalizer ? undefined : 'our finalizer is not on it'),
  ({ live }) => (live.volume?.isDiscovered ? undefined : 'it does not say that it was discovered'),
  ({ state, live }) =>
    live.volume?.pool === state.node.pool
      ? undefined
      : `it was offered by pool ${live.volume?.pool ?? 'unknown'}, and this is ${state.node.pool}`,
  ({ state, live }) =>
    live.volume?.path === state.place.path ? undefined : `its path is ${live.volume?.path ?? 'unknown'}`,
  ({ record, volume }) =>
    record.volume === volume?.name ? undefined : `the record of this node is of volume ${record.volume}`,
  // An offer is nobody's in the record until it is seen to be bound, which may all happen while the agent is away.
  ({ live }) => (live.volume?.claim?.uid ? undefined : 'it does not say which claim it was bound to'),
  ({ record, live }) =>
    record.claim === undefined || record.claim.uid === live.volume?.claim?.uid
      ? undefined
      : 'the record of this node has its data as that of another claim',
  ({ live }) =>
    live.claim !== undefined && live.claim.uid === live.volume?.claim?.uid
      ? `its claim ${claimText(live.claim)} is still there`
      : undefined,
];

/** Then only the record tells whose the data was, and what was to become of it. */
const OF_NONE: readonly Refusal[] = [
  ({ live }) => (live.volume === undefined ? undefined : 'its volume is there'),
  ({ record }) =>
    record.state === 'used' || record.state === 'cleaning'
      ? undefined
      : 'it is not known that a claim has used it',
  ({ record }) =>
    record.reclaimPolicy === 'Delete'
      ? undefined
      : `the reclaim policy of its volume was ${record.reclaimPolicy ?? 'unknown'}`,
  ({ record }) => (record.claim?.uid ? undefined : 'it is not known which claim has used it'),
  ({ record, live }) =>
    live.claim !== undefined && live.claim.uid === record.claim?.uid
      ? `its claim ${claimText(live.claim)} is still there`
      : undefined,
];

const ALWAYS: readonly Refusal[] = [
  ({ state, volume }) => {
    const other = state.volumes.find(({ name }) => name !== volume?.name);
    return other && `volume ${other.name} leads to the same disk`;
  },
  ({ state: { rival } }) => rival && `class ${rival.of.storageClass} has the same disk`,
  // What would be removed is on the disk that was offered, and on no other.
  ({ state: { seen, place } }) => (seen.kind === 'disk' ? undefined : missingText(seen, place.path)),
  ({ state: { seen }, record }) =>
    seen.kind === 'disk' && !isSameDisk(seen.disk, record.disk)
      ? `another disk is there now: ${diskText(seen.disk)} in place of ${diskText(record.disk)}`
      : undefined,
  ({ state: { seen } }) =>
    seen.kind === 'disk' && seen.disk.kind === 'block' && !isToldApart(seen.disk)
      ? `nothing tells it from another device of its size: the kernel knows no serial of it, and ${seen.disk.link ?? 'a name'} may lead to another one after a reboot; link it by /dev/disk/by-id, or clean it by hand and delete the volume`
      : undefined,
  ({ state: { seen } }) => (seen.kind === 'disk' && seen.isReadOnly ? 'it is read-only' : undefined),
  ({ state: { seen } }) =>
    seen.kind === 'disk' && seen.inUse !== undefined ? `it ${seen.inUse}` : undefined,
];
