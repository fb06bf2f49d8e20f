import { type ChildProcess, fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromAgents, ProcessPlan, ToAgents } from './agent-crash-plan.ts';

const MAIN = fileURLToPath(import.meta.resolve('./agent-crash-process.ts'));
/** Loading the client library is most of what a start takes. */
const COMPILE_CACHE = join(tmpdir(), 'tlv-agent-crash-compiled');

/** The process of the agents, as the test sees it. */
export class AgentsProcess {
  /** All of them run, or stand at their points. */
  readonly ready: Promise<void>;
  /** `killed` at its points, or `ended` as it was told to. */
  readonly ended: Promise<'killed' | 'ended'>;
  readonly #child: ChildProcess;

  constructor(plan: ProcessPlan, onStop: (node: string, before: string) => void) {
    this.#child = fork(MAIN, [JSON.stringify(plan)], {
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    let said = '';
    this.#child.stderr?.on('data', (text: Buffer) => (said += text.toString()));
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<'killed' | 'ended'>();
    this.ready = ready.promise;
    this.ended = ended.promise;
    this.#child.on('message', ({ ready: isReady, stopped, before = '' }: FromAgents) => {
      if (stopped !== undefined) onStop(stopped, before);
      if (isReady) ready.resolve();
    });
    this.#child.once('error', ended.reject);
    this.#child.once('close', (code, signal) => {
      ready.resolve();
      if (signal === 'SIGKILL') ended.resolve('killed');
      else if (code === 0) ended.resolve('ended');
      else ended.reject(new Error(`the agents ended with ${code ?? signal}: ${said}`));
    });
    this.ended.catch(() => undefined);
  }

  get isRunning(): boolean {
    return this.#child.connected;
  }

  tell(message: ToAgents): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** In good order. */
  async end(): Promise<void> {
    this.tell({ end: true });
    await this.ended;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
