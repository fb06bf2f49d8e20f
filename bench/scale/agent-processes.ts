import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, 'agents-process.ts');
/** In one process: so many that none of them has to wait long for another. */
const NODES_A_PROCESS = 200;

/** Agents in processes beside this one, as many as there are nodes. */
export class AgentProcesses {
  readonly #kubeconfig: string;
  readonly #children: ChildProcess[] = [];

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  get pids(): number[] {
    return this.#children.map(({ pid }) => pid).filter((pid) => pid !== undefined);
  }

  /** Returns when all of them work. */
  async start(nodes: readonly string[]): Promise<void> {
    for (let start = 0; start < nodes.length; start += NODES_A_PROCESS)
      await this.#start(nodes.slice(start, start + NODES_A_PROCESS));
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        const closed = once(child, 'close');
        child.stdin?.end();
        if (child.exitCode === null && child.signalCode === null) await closed;
      }),
    );
  }

  async #start(nodes: readonly string[]): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, this.#kubeconfig, ...nodes], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    const early = once(child, 'close').then(() => {
      throw new Error('a process with agents has ended');
    });
    await Promise.race([once(child.stdout, 'data'), early]);
    early.catch(() => undefined);
  }
}
