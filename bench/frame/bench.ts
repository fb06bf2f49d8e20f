import type { Chart } from './chart.ts';
import type { Machine } from './machine.ts';

/** What every bench is asked; each reads what means something to it. */
export interface BenchOptions {
  /** Small sizes and few rounds, to see whether it works; the figures mean nothing. */
  readonly quick: boolean;
  readonly rounds?: number;
  /** How many replicas the StatefulSets have, one after the other. */
  readonly replicas?: readonly number[];
  /** Which backends are tried; all that this machine can have, unless told. */
  readonly backends?: readonly string[];
  /** How many nodes are played. */
  readonly nodes?: readonly number[];
}

export interface Measured {
  readonly charts: readonly Chart[];
  /** What has to be said beside the figures, a sentence each. */
  readonly notes?: readonly string[];
  /** Of what took part, by name. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** Takes lines that tell how far a bench is. */
export type Say = (line: string) => void;

/** One file under bench/ is one bench. */
export interface Bench {
  /** @param detail - takes how far it is within what was said last; it is told with the next line */
  readonly measure: (options: BenchOptions, say: Say, detail: Say) => Promise<Measured>;
}

/** A run as it is kept in bench/results/. */
export interface Result extends Measured {
  readonly bench: string;
  readonly command: string;
  /** The day. */
  readonly date: string;
  readonly machine: Machine;
}
