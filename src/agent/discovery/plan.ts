import type { VolumeView } from '../volume-view.ts';
import { wordsFor } from './place.ts';
import { planNew } from './plan-new.ts';
import { planVanished } from './plan-vanished.ts';
import { planVolume } from './plan-volume.ts';
import type { PlaceState } from './state.ts';
import { type Decision, NOTHING, say, steps } from './step.ts';

/**
 * What to do next about one place, from all that is known of it. Pure.
 *
 * - A disk is offered once, whoever offers it: where any volume leads there, none is made.
 * - A disk that somebody has used is offered again only when we have seen that nothing of theirs is on it.
 * - Whatever state a crash has left, the plan goes on from there: nothing is remembered but what the state says.
 */
export function plan(state: PlaceState): Decision {
  const { record, volumes, recordFile, place } = state;
  if (record && 'why' in record) {
    const message = `${wordsFor(place)} is left as it is: its record ${recordFile} cannot be read (${record.why}); restore it from a copy, or move it away: the disk then counts as one that nobody knows`;
    return steps(say('node', 'DiscoveryRefused', message));
  }
  const ours = volumes.find((volume) => isOurs(volume, state));
  if (ours) return planVolume(state, ours, record);
  const [foreign] = volumes;
  if (foreign) return planForeign(state, foreign);
  return record ? planVanished(state, record) : planNew(state);
}

function isOurs({ hasFinalizer, pool, isDiscovered }: VolumeView, { node }: PlaceState): boolean {
  return hasFinalizer && pool === node.pool && isDiscovered === true;
}

/** The static provisioner's, or made by hand: it counts as the disk's one volume. */
function planForeign({ node }: PlaceState, volume: VolumeView): Decision {
  const isOtherPool = volume.hasFinalizer && volume.isDiscovered && volume.pool !== node.pool;
  if (!isOtherPool) return NOTHING;
  const message = `it was offered by pool ${volume.pool ?? 'unknown'}, and this node has pool ${node.pool}: it is neither served nor cleaned; bring that pool's disk back, or set the annotation to this pool if it is meant to be this node's`;
  return steps(say(volume, 'VolumeNotOurs', message));
}
