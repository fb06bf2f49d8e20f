import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ROOT } from '../offline/tlv.ts';
import { spawnSupervised } from './component.ts';

/** Of the log entry that tells it. */
interface Listening {
  readonly port?: number;
  readonly metricsPort?: number;
}

/** The real `bin/tlv COMMAND`, and what it says; it does not outlive this process, however that ends. */
export class TlvProcess {
  stderr = '';
  /** Its exit code, or null where a signal has ended it. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #listening: Promise<Listening>;

  /** @param folder - goes with it when this process dies first. */
  constructor(folder: string, command: 'agent' | 'sweep' | 'webhook', args: readonly string[]) {
    this.#child = spawnSupervised(folder, [`${ROOT}bin/tlv`, command, ...args], {
      output: ['ignore', 'pipe'],
    });
    this.ended = once(this.#child, 'close').then(([code]) => code as number | null);
    const { promise, resolve, reject } = Promise.withResolvers<Listening>();
    this.#listening = promise;
    createInterface({ input: this.#child.stderr! }).on('line', (line) => {
      this.stderr += `${line}\n`;
      const entry = line.startsWith('{') ? (JSON.parse(line) as Listening & { msg: string }) : undefined;
      if (entry?.msg === 'listening') resolve(entry);
    });
    this.ended.then((code) => reject(new Error(`tlv ${command} ended with ${code}: ${this.stderr}`)), reject);
    // Not everybody asks for it.
    promise.catch(() => undefined);
  }

  /** @throws when it ends first. */
  listening(): Promise<Listening> {
    return this.#listening;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves to its exit code when it has ended, also where it had before. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.kill(signal);
    return this.ended;
  }
}
