import { spawn } from 'node:child_process';
import { cacheFolder } from '../cache-folder.ts';

/** One tool and what it is called with. */
export interface Tier {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** Mocha counts its tests; every other tool is one test. */
  readonly mocha?: true;
  /** How many processors it keeps busy by itself; one unless said. */
  readonly processors?: 2;
  /** Begins before all others, wherever it is told of. */
  readonly ahead?: true;
  /** What was compiled once is compiled anew, for else V8 does not know which functions have run. */
  readonly covered?: true;
}

/** As agents have it (deploy/base/daemonset.yaml): each wait for a disk of a test that hangs keeps a thread. */
const THREADS = { UV_THREADPOOL_SIZE: '16' };
/** Hundreds of processes start from these sources, and half of a start is taking the types out of them. */
const COMPILED = { NODE_COMPILE_CACHE: cacheFolder('compiled') };

/** Tiers run side by side as long as there are enough. With more, tests that watch clocks would be late. */
const PROCESSORS = 2;

interface Outcome {
  readonly status: number;
  readonly output: string;
  readonly seconds: number;
}

/** A tier that has begun. */
interface Run {
  readonly ended: Promise<Outcome>;
  /** Prints what it has said so far, and from now on what it says: two at once would not be readable. */
  show(): void;
}

/** Begins tiers in that order, each as soon as there are processors for it. */
export function sideBySide(tiers: readonly Tier[]): ReadonlyMap<Tier, Promise<Run>> {
  /** With the processors that each of them keeps busy. */
  const running = new Map<Promise<Outcome>, number>();
  const busy = (): number => [...running.values()].reduce((sum, each) => sum + each, 0);
  const beginAfter = async (before: Promise<unknown>, tier: Tier): Promise<Run> => {
    await before;
    const { processors = 1 } = tier;
    while (busy() + processors > PROCESSORS) await Promise.race(running.keys());
    const run = begin(tier);
    running.set(run.ended, processors);
    void run.ended.finally(() => running.delete(run.ended));
    return run;
  };
  const runs = new Map<Tier, Promise<Run>>();
  let last: Promise<unknown> = Promise.resolve();
  for (const tier of tiers) {
    const run = beginAfter(last, tier);
    runs.set(tier, run);
    last = run;
  }
  return runs;
}

function begin({ argv: [command, ...args], covered }: Tier): Run {
  const started = performance.now();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...THREADS, ...(covered ? {} : COMPILED) },
  });
  let output = '';
  let isShown = false;
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (isShown) process.stdout.write(chunk);
  });
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ status: code ?? 1, output, seconds: (performance.now() - started) / 1000 }),
    );
  });
  const show = (): void => {
    isShown = true;
    process.stdout.write(output);
  };
  return { ended, show };
}
