import { absolutePath, claimText, type LiveLook, type PathState } from './state.ts';
import type { VolumeView } from './volume-view.ts';

interface Asked {
  readonly state: PathState;
  readonly volume: VolumeView;
  readonly live: LiveLook;
}

/** Why data must stay; undefined where this is no reason. */
type Refusal = (asked: Asked) => string | undefined;

/**
 * Whether the data of a volume may go: the one place that says so.
 * Every line of the table is asked, in this order, of what the API server, the ledger and the disk say at this moment.
 * @returns the first reason against it, in words; undefined when there is none
 */
export function refusalOf(state: PathState, volume: VolumeView, live: LiveLook): string | undefined {
  for (const refuse of TABLE) {
    const why = refuse({ state, volume, live });
    if (why !== undefined) return why;
  }
  return undefined;
}

const TABLE: readonly Refusal[] = [
  // What is asked about is the volume that is there now.
  ({ volume, live }) =>
    live.volume?.uid === volume.uid ? undefined : 'the volume is not the one that was seen before',
  ({ live }) =>
    live.volume?.phase === 'Released' ? undefined : `its phase is ${live.volume?.phase ?? 'unknown'}`,
  ({ live }) =>
    live.volume?.reclaimPolicy === 'Delete'
      ? undefined
      : `its reclaim policy is ${live.volume?.reclaimPolicy ?? 'unknown'}`,
  // It is ours by all three signs.
  ({ live }) => (live.volume?.hasFinalizer ? undefined : 'our finalizer is not on it'),
  ({ state, live }) =>
    live.volume?.pool === state.site.pool
      ? undefined
      : `its data belongs to pool ${live.volume?.pool ?? 'unknown'}, and this is ${state.site.pool}`,
  ({ state, volume }) =>
    state.entry?.volume === volume.name ? undefined : 'the ledger of this node does not know it',
  ({ state, live }) =>
    live.volume?.path === absolutePath(state)
      ? undefined
      : `its path is ${live.volume?.path ?? 'unknown'}, which is not where the ledger has its data`,
  // Nobody has a right to the data any more.
  ({ live }) => (live.volume?.claim?.uid ? undefined : 'it does not say which claim it was bound to'),
  ({ state, live }) =>
    state.path.startsWith(`${live.volume?.claim?.namespace ?? ''}/`)
      ? undefined
      : `it was bound to a claim of namespace ${live.volume?.claim?.namespace ?? ''}, and its directory is another's`,
  // An offer is nobody's in the ledger until it is seen to be bound, which may all happen while the agent is away.
  ({ state: { entry }, live }) =>
    entry?.claim === undefined || entry.claim.uid === live.volume?.claim?.uid
      ? undefined
      : 'the ledger has its data as that of another claim',
  ({ live }) =>
    live.claim !== undefined && live.claim.uid === live.volume?.claim?.uid
      ? `its claim ${claimText(live.claim)} is still there`
      : undefined,
  ({ state, volume }) => {
    const other = state.volumes.find(({ name }) => name !== volume.name);
    return other && `volume ${other.name} leads to the same directory`;
  },
  // What would be removed is a directory of ours and nothing else.
  ({ state: { found } }) => (found.kind === 'blocked' ? found.why : undefined),
  ({ state: { found } }) =>
    found.kind === 'mounted' ? 'something is mounted at or below its directory' : undefined,
];
