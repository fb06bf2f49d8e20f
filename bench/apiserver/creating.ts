import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../../test/controlplane/control-plane.ts';
import { STATEFUL_SETS } from '../../test/controlplane/paths.ts';
import { quantile } from '../frame/statistics.ts';

export interface Created {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

/** Clients that create one after the other. */
export interface Load {
  readonly clients: number;
  readonly seconds: number;
  /** Creates that all of them begin in a second, evenly; without it each begins as soon as it is answered. */
  readonly rate?: number;
}

let runs = 0;

/** What that many creates took; all is deleted afterwards. */
export async function creating(
  plane: ControlPlane,
  objectOf: (name: string) => object,
  { clients, seconds, rate }: Load,
): Promise<Created> {
  const run = ++runs;
  const started = performance.now();
  const end = started + seconds * 1000;
  const times: number[] = [];
  const client = async (index: number): Promise<void> => {
    for (let count = 0; performance.now() < end; count += 1) {
      if (rate) await until(started + ((count * clients + index) * 1000) / rate);
      const object = objectOf(`run-${run}-${index}-${count}`);
      const asked = performance.now();
      const { status, body } = await plane.api('POST', STATEFUL_SETS, object);
      times.push(performance.now() - asked);
      if (status !== 201) throw new Error(`${STATEFUL_SETS}: ${status} ${JSON.stringify(body)}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  const perSecond = (times.length * 1000) / (performance.now() - started);
  await plane.api('DELETE', STATEFUL_SETS);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), perSecond };
}

const until = (moment: number): Promise<void> => sleep(Math.max(0, moment - performance.now()));
