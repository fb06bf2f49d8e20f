import { samplesOf } from './metrics.ts';

const FOLLOWED: ReadonlySet<string | undefined> = new Set(['persistentvolumeclaims', 'persistentvolumes']);

/**
 * Of claims and volumes, sent to whoever follows them, by the API server's own metrics: those that grow with the number
 * of agents, if any do.
 */
export function watchEventsIn(metrics: string): number {
  const samples = samplesOf(metrics, 'apiserver_watch_events_total').filter(({ labels }) =>
    FOLLOWED.has(labels['resource']),
  );
  if (samples.length === 0)
    throw new Error('the API server does not tell what it has sent to whoever watches');
  return samples.reduce((sum, { value }) => sum + value, 0);
}
