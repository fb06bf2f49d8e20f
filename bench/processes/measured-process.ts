import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isServing } from '../../test/controlplane/api.ts';

const LOOK_EVERY_MS = 5;
const START_MS = 60_000;
/** Of what it prints, for whoever wonders why it does not start. */
const KEPT_BYTES = 4000;

interface ProcessOptions {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** Answers 200 when it works. */
  readonly readyUrl: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A process whose start and memory are measured, as the kernel tells them. It does not outlive this one's good end. */
export class MeasuredProcess {
  /** From its beginning to the first time that it was ready. */
  readonly secondsToReady: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  static async start({
    name,
    argv: [file, ...args],
    readyUrl,
    env,
  }: ProcessOptions): Promise<MeasuredProcess> {
    const started = performance.now();
    const child = spawn(file, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...env },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-KEPT_BYTES)));
    // Of one that cannot even be started, too.
    const ended = once(child, 'close').catch(() => undefined);
    const isOver = (): boolean =>
      child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    while (!(await isServing(readyUrl).catch(() => false))) {
      if (isOver() || performance.now() - started > START_MS) {
        child.kill('SIGKILL');
        throw new Error(`${name} does not start: ${said}`);
      }
      await sleep(LOOK_EVERY_MS);
    }
    return new MeasuredProcess(child, ended, (performance.now() - started) / 1000);
  }

  private constructor(child: ChildProcess, ended: Promise<unknown>, secondsToReady: number) {
    this.#child = child;
    this.#ended = ended;
    this.secondsToReady = secondsToReady;
  }

  /** What it has in memory now, in megabytes. */
  residentMegabytes(): number {
    return residentMegabytes(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'));
  }

  /** The same when it has had time to rest, several times. */
  async residentAtRest({ restMs, samples }: { restMs: number; samples: number }): Promise<number[]> {
    await sleep(restMs);
    const all: number[] = [];
    while (all.length < samples) {
      all.push(this.residentMegabytes());
      await sleep(restMs / 4);
    }
    return all;
  }

  /** Lets it do nothing until it is resumed: what rests has timers still, and takes caches from whoever is measured. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    // One that is paused hears of it only then.
    this.resume();
    await this.#ended;
  }
}

/** Reads the text of /proc/PID/status; see proc_pid_status(5). */
export function residentMegabytes(status: string): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error('no VmRSS: has the process ended?');
  return (Number(kibibytes) * 1024) / 1e6;
}
