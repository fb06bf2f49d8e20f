/*
 * node short-lived-webhook.ts DURATIONS webhook [OPTION...]
 *
 * The command line itself, for which a year is over in seconds: what DURATIONS (JSON) names is shorter than in
 * production, all else is as it is there.
 */
import { LIFETIMES } from '../../certs/lifetime.ts';
import { PATIENCE } from '../../certs/trust.ts';
import { SYSTEM_TIME } from '../../src/commands/system-time.ts';
import type { Durations } from './replicas.ts';

const [durations = '{}'] = process.argv.splice(2, 1);
const { lifetimes, patience, everyMs } = JSON.parse(durations) as Durations;
Object.assign(LIFETIMES, lifetimes);
Object.assign(PATIENCE, patience);
const delay = SYSTEM_TIME.delay.bind(SYSTEM_TIME);
Object.assign(SYSTEM_TIME, {
  delay: (ms: number, signal: AbortSignal) =>
    delay(Math.min(ms, everyMs * (0.8 + 0.4 * Math.random())), signal),
});
await import('../../src/cli.ts');
