import type { Logger } from '../../src/cluster/observer.ts';
import type { DiscoveryConfig } from '../../src/agent/discovery/config.ts';
import { Fuse } from './agent-model-agents.ts';
import type { Told } from './agent-discovery-model-checks.ts';
import type { Agents } from './agents.ts';

export const NODE = 'node-1';

/** The agent of the node, which stops, starts and dies; a dead one is started again, as a DaemonSet does. */
export class ModelAgent {
  readonly #agents: Agents;
  readonly #discovery: DiscoveryConfig;
  readonly #tell: (text: string) => void;
  readonly #words: string[] = [];
  #fuse: Fuse | undefined;
  #restart: Promise<void> | undefined;

  constructor(agents: Agents, discovery: DiscoveryConfig, tell: (text: string) => void) {
    this.#agents = agents;
    this.#discovery = discovery;
    this.#tell = tell;
  }

  /** What it says about what it does not offer; undefined while it does not run. */
  get told(): Told | undefined {
    const refused = this.#fuse && this.#agents.agent(NODE).running?.discovery?.figures.refused;
    return refused === undefined ? undefined : { refused, words: this.#words };
  }

  async start(): Promise<void> {
    const fuse: Fuse = new Fuse((before) => {
      if (this.#fuse === fuse) this.#died(before);
    });
    this.#fuse = fuse;
    await this.#agents.start(NODE, {
      beforeEffect: fuse.beforeEffect,
      discovery: this.#discovery,
      logger: this.#logger(),
    });
  }

  async stop(): Promise<void> {
    await this.settled();
    this.#fuse = undefined;
    await this.#agents.stop(NODE);
  }

  /** It will die before one of its next effects. */
  arm(effects: number): void {
    if (this.#fuse) this.#fuse.left = effects;
  }

  /** At once, and for good. */
  async kill(): Promise<void> {
    await this.settled();
    const fuse = this.#fuse;
    this.#fuse = undefined;
    if (fuse) fuse.left = 0;
    await this.#agents.stop(NODE);
  }

  /** Returns when one that has died runs again. */
  async settled(): Promise<void> {
    while (this.#restart) await this.#restart;
  }

  #died(before: string): void {
    this.#tell(`the agent died before: ${before}`);
    const restart = async (): Promise<void> => {
      await this.#agents.stop(NODE);
      await this.start();
    };
    this.#restart = restart().finally(() => (this.#restart = undefined));
  }

  #logger(): Logger {
    const said = (_fields: object, message: string): void => {
      this.#words.push(message);
      this.#tell(`  agent: ${message}`);
    };
    return { info: said, warn: said, error: said };
  }
}
