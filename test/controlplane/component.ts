import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from './wait.ts';

const SUPERVISE = join(import.meta.dirname, 'supervise.sh');
const START_TIMEOUT_MS = 180_000;
const LOG_LINES = 60;

/** A component did not come up; the message ends with the last lines of its log. */
export class ComponentError extends Error {
  override readonly name = 'ComponentError';
  readonly component: string;

  constructor(component: string, message: string, options?: ErrorOptions) {
    super(`${component}: ${message}`, options);
    this.component = component;
  }
}

interface ComponentSpec<Name extends string = string> {
  readonly name: Name;
  readonly file: string;
  readonly args: readonly string[];
  /** Holds the log; removed when this process dies without having stopped the component. */
  readonly directory: string;
  /** Whether it serves by now; an error counts as no. */
  readonly ready: () => Promise<boolean>;
  /** How long that may take; a minute unless told. */
  readonly timeoutMs?: number;
}

/**
 * One process of the control plane.
 *
 * - It never outlives the process that started it, however that one ends (see supervise.sh).
 * - It never keeps that process alive either: a test that forgets to stop it still ends.
 */
export class Component<Name extends string = string> {
  readonly log: string;
  readonly #spec: ComponentSpec<Name>;
  #running: { child: ChildProcess; ended: Promise<void> } | undefined;

  constructor(spec: ComponentSpec<Name>) {
    this.#spec = spec;
    this.log = join(spec.directory, `${spec.name}.log`);
  }

  get name(): Name {
    return this.#spec.name;
  }

  /** Undefined when it does not run. */
  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  /** Starts it and waits until it is ready. Does nothing when it runs already. */
  async start(): Promise<void> {
    if (this.#running) return;
    const { name, ready, timeoutMs = START_TIMEOUT_MS } = this.#spec;
    const early = new AbortController();
    this.#spawn((how) => early.abort(new Error(`ended ${how}`)));
    try {
      await waitFor('an answer', ready, { timeoutMs, signal: early.signal });
    } catch (error) {
      await this.kill();
      const why = error instanceof Error ? error.message : String(error);
      throw new ComponentError(name, `did not start: ${why}\n${this.lastLines()}`, { cause: error });
    }
  }

  /** Sends the signal and waits until the process is gone. Does nothing when it does not run. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.#running) return;
    const { child, ended } = this.#running;
    // Somebody is waiting for the end now, so that it must not be missed for want of other work.
    child.ref();
    child.kill(signal);
    await ended;
  }

  /** The end of its log, each line indented. */
  lastLines(): string {
    const lines = readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-LOG_LINES);
    return lines.map((line) => `  | ${line}`).join('\n');
  }

  #spawn(onEnd: (how: string) => void): void {
    const { directory, file, args } = this.#spec;
    const log = openSync(this.log, 'a');
    const child = spawnSupervised(directory, [file, ...args], {
      cwd: directory,
      // Nothing of the caller's: no proxy, no kubeconfig, no home directory.
      env: { PATH: process.env['PATH'], HOME: directory },
      output: [log, log],
    });
    closeSync(log);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const end = (how: string): void => {
      this.#running = undefined;
      resolve();
      onEnd(how);
    };
    child.once('exit', (code, signal) => end(signal ? `by ${signal}` : `with exit code ${code}`));
    child.once('error', (error) => end(`before it began: ${error.message}`));
    child.unref();
    this.#running = { child, ended };
  }
}

interface SupervisedOptions extends Pick<SpawnOptions, 'cwd' | 'env'> {
  /** Where standard output and standard error go. */
  readonly output: readonly ['ignore' | number, 'pipe' | number];
}

/**
 * Starts what must not outlive this process, however that ends; supervise.sh says how.
 * @param directory - goes with it when this process dies first
 */
export function spawnSupervised(
  directory: string,
  argv: readonly string[],
  { output, ...options }: SupervisedOptions,
): ChildProcess {
  // Leads a process group of its own, so that Ctrl-C in a terminal reaches the test runner only.
  return spawn('sh', [SUPERVISE, directory, ...argv], {
    ...options,
    stdio: ['pipe', ...output],
    detached: true,
  });
}
