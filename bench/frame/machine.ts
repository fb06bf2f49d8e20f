import { cpus, loadavg, release, totalmem } from 'node:os';

/** Where something was measured: figures of two machines are not to be compared. */
export interface Machine {
  readonly processors: string;
  readonly memory: string;
  readonly kernel: string;
  readonly node: string;
  /** How many processes wanted to run in the minute before: more than processors, and the figures are worth little. */
  readonly load: number;
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    processors: `${all.length} × ${all[0]?.model.trim() || 'a processor without a name'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `Linux ${release()}`,
    node: process.versions.node,
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
  };
}

export const machineText = ({ processors, memory, kernel, node, load }: Machine): string =>
  `${processors}, ${memory}, ${kernel}, Node ${node}, load average ${load} at the start`;
