import { samplesOf } from './metrics.ts';

/** What the API server has spent, by its own metrics. */
export interface Effort {
  readonly cpuSeconds: number;
  /** Of claims and volumes, sent to whoever follows them: those that grow with the number of agents, if any do. */
  readonly watchEvents: number;
}

const FOLLOWED: ReadonlySet<string | undefined> = new Set(['persistentvolumeclaims', 'persistentvolumes']);

export function effortIn(metrics: string): Effort {
  const [cpu] = samplesOf(metrics, 'process_cpu_seconds_total');
  const events = samplesOf(metrics, 'apiserver_watch_events_total').filter(({ labels }) =>
    FOLLOWED.has(labels['resource']),
  );
  if (cpu === undefined) throw new Error('the API server does not tell what it has spent');
  return { cpuSeconds: cpu.value, watchEvents: events.reduce((sum, { value }) => sum + value, 0) };
}

export const effortBetween = (before: Effort, after: Effort): Effort => ({
  cpuSeconds: after.cpuSeconds - before.cpuSeconds,
  watchEvents: after.watchEvents - before.watchEvents,
});
