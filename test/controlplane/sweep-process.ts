import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ROOT } from '../offline/tlv.ts';
import { spawnSupervised } from './component.ts';

/** The real `tlv sweep`, and what it says. */
export class SweepProcess {
  readonly said: string[] = [];
  readonly #child: ChildProcess;
  #metricsPort = 0;

  /**
   * Returns when it listens; whether it leads is another matter.
   * @param folder - goes with it when this process dies first
   */
  static async start(folder: string, args: readonly string[]): Promise<SweepProcess> {
    const sweep = new SweepProcess(folder, ['--metrics-port=0', '--bind-address=127.0.0.1', ...args]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    sweep.#child.once('close', (code) =>
      reject(new Error(`tlv sweep ended with ${code}: ${sweep.said.join('\n')}`)),
    );
    createInterface({ input: sweep.#child.stderr! }).on('line', (line) => {
      sweep.said.push(line);
      const { msg, metricsPort = 0 } = JSON.parse(line) as { msg: string; metricsPort?: number };
      if (msg !== 'listening') return;
      sweep.#metricsPort = metricsPort;
      resolve();
    });
    await promise;
    return sweep;
  }

  private constructor(folder: string, args: readonly string[]) {
    this.#child = spawnSupervised(folder, [`${ROOT}bin/tlv`, 'sweep', ...args], {
      output: ['ignore', 'pipe'],
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return exitCode;
    this.#child.kill(signal);
    const [code] = (await once(this.#child, 'close')) as [number | null];
    return code;
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.#metricsPort}${path}`);
    return { status: answer.status, text: await answer.text() };
  }

  /** The value of a metric, such as `tlv_sweep_leader`. */
  async metric(name: string): Promise<number> {
    const { text } = await this.get('/metrics');
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.split(' ').at(-1));
  }
}
