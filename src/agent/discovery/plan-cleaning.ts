import type { VolumeView } from '../volume-view.ts';
import type { DiscoveryRecord } from './record.ts';
import type { PlaceState } from './state.ts';
import { type Decision, NOTHING, say, type Step, steps } from './step.ts';

/**
 * Cleans the disk of a record, which may be cleaned beyond doubt, and offers it again: the record before the disk, and
 * the confirmation before the cluster. The volume is undefined where it was removed by force.
 */
export function cleanStep(
  state: PlaceState,
  record: DiscoveryRecord & { readonly state: 'cleaning' },
  volume: VolumeView | undefined,
): Decision {
  const { cleaning, place } = state;
  const about = volume ?? 'node';
  if (!cleaning || cleaning.volumeUid !== record.volumeUid) {
    const message = `its data at ${place.path} on node ${state.node.name} is being removed; it is offered again when nothing of it is left`;
    return steps(...recorded(state, record), { do: 'clean', record }, say(about, 'VolumeCleaning', message));
  }
  switch (cleaning.kind) {
    case 'running':
      return NOTHING;
    case 'failed': {
      const message = `its data at ${place.path} on node ${state.node.name} cannot be removed, which is tried again: ${cleaning.why}`;
      const retry: Step[] = cleaning.isDue ? [{ do: 'clean', record }] : [];
      return steps(...retry, say(about, 'CleaningFailed', message));
    }
    case 'done':
      return steps({ do: 'record', record: { ...record, state: 'clean' } }, ...offeredAgain(state, volume));
  }
}

/** After it was confirmed: the volume goes, and with the record all that keeps the disk from being offered. */
export function offeredAgain({ place, node }: PlaceState, volume: VolumeView | undefined): Step[] {
  const message = `all data at ${place.path} on node ${node.name} is removed`;
  return [...letGo(volume), { do: 'forget' }, say(volume ?? 'node', 'VolumeReclaimed', message)];
}

export function letGo(volume: VolumeView | undefined): Step[] {
  return volume ? [{ do: 'release', volume, as: 'released' }] : [];
}

function recorded({ record: known }: PlaceState, record: DiscoveryRecord): Step[] {
  const isKnown =
    known && !('why' in known) && known.state === 'cleaning' && known.volumeUid === record.volumeUid;
  return isKnown ? [] : [{ do: 'record', record }];
}
