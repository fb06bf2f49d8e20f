import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../../test/controlplane/control-plane.ts';

/** Seconds that processors have worked for somebody, such as `kube-scheduler`. */
export type ProcessorTime = ReadonlyMap<string, number>;

/** Who works in a cluster, with the numbers of their processes. */
export type Workers = ReadonlyMap<string, readonly number[]>;

/** Of each second, as the kernel tells them to programs: on every architecture that Node runs on. */
const TICKS = 100;

const COMPONENTS = ['kube-apiserver', 'etcd', 'kube-scheduler', 'kube-controller-manager', 'kwok'] as const;

export const componentsOf = (plane: ControlPlane): Workers =>
  new Map(COMPONENTS.map((name) => [name, [plane.pid(name)].filter((pid) => pid !== undefined)]));

export const processorTimeOf = (workers: Workers): ProcessorTime =>
  new Map(
    [...workers].map(([name, pids]) => [
      name,
      pids.reduce((sum, pid) => sum + processorSeconds(readFileSync(`/proc/${pid}/stat`, 'utf8')), 0),
    ]),
  );

/** What came between two looks. */
export const processorTimeBetween = (before: ProcessorTime, after: ProcessorTime): ProcessorTime =>
  new Map([...after].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)]));

/** Seconds that they work in each second of a while in which nobody asks anything of them. */
export async function processorTimeAtRest(workers: Workers, seconds: number): Promise<ProcessorTime> {
  const [before, startedAt] = [processorTimeOf(workers), performance.now()];
  await sleep(seconds * 1000);
  const worked = processorTimeBetween(before, processorTimeOf(workers));
  const passed = (performance.now() - startedAt) / 1000;
  return new Map([...worked].map(([name, time]) => [name, time / passed]));
}

/** Reads the text of /proc/PID/stat, all threads of the process included; see proc_pid_stat(5). */
export function processorSeconds(stat: string): number {
  // The name of the program, in brackets, may have blanks and brackets itself. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (Number.isNaN(ticks)) throw new Error(`not the text of /proc/PID/stat: ${JSON.stringify(stat)}`);
  return ticks / TICKS;
}

/** For people: milliseconds a claim. */
export const processorText = (time: ProcessorTime, claims: number): string =>
  [...time].map(([name, seconds]) => `${name} ${((seconds * 1000) / claims).toFixed(1)}`).join(', ');
