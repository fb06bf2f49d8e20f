import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  readonly #log: number;

  static async start({
    name,
    argv: [file, ...args],
    readyUrl,
    env,
  }: ProcessOptions): Promise<MeasuredProcess> {
    const log = openLog();
    const started = performance.now();
    const child = spawn(file, args, {
      stdio: ['ignore', 'ignore', log],
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...env },
    });
    // Of one that cannot even be started, too.
    const ended = once(child, 'close').catch(() => undefined);
    const isOver = (): boolean =>
      child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    while (!(await isServing(readyUrl).catch(() => false))) {
      if (isOver() || performance.now() - started > START_MS) {
        child.kill('SIGKILL');
        throw new Error(`${name} does not start: ${endOf(log)}`);
      }
      await sleep(LOOK_EVERY_MS);
    }
    return new MeasuredProcess(child, ended, log, (performance.now() - started) / 1000);
  }

  private constructor(child: ChildProcess, ended: Promise<unknown>, log: number, secondsToReady: number) {
    this.#child = child;
    this.#ended = ended;
    this.#log = log;
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
    ftruncateSync(this.#log);
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    // One that is paused hears of it only then.
    this.resume();
    await this.#ended;
    closeSync(this.#log);
  }
}

/**
 * A file without a name, that goes with who has it open. Nobody reads it unless something is wrong: to read along would
 * take a processor from whoever is measured, or from whoever asks it.
 */
function openLog(): number {
  const folder = mkdtempSync(join(tmpdir(), 'tlv-log-'));
  try {
    return openSync(join(folder, 'log'), 'a+');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function endOf(log: number): string {
  const bytes = Buffer.alloc(KEPT_BYTES);
  const { size } = fstatSync(log);
  const read = readSync(log, bytes, { position: Math.max(0, size - KEPT_BYTES) });
  return bytes.toString('utf8', 0, read);
}

/** Reads the text of /proc/PID/status; see proc_pid_status(5). */
export function residentMegabytes(status: string): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error('no VmRSS: has the process ended?');
  return (Number(kibibytes) * 1024) / 1e6;
}
