import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, type AgentOptions } from '../../src/agent/agent.ts';
import { Reserve } from '../../src/agent/reserve.ts';
import { type Clock, systemClock } from '../../src/cluster/clock.ts';
import { loadKubeConfig } from '../../src/cluster/kube-config.ts';
import { silentLogger } from '../../src/cluster/observer.ts';
import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import { unmountBelow } from './disks.ts';
import { waitFor } from './wait.ts';

/** What an agent is given that a test does not say otherwise. */
const DEFAULTS = {
  namespace: 't-local-volume-system',
  settings: DEFAULT_SETTINGS,
  reserve: Reserve.parse('1%')!,
  tools: { path: '/usr/sbin:/usr/bin:/sbin:/bin' },
  memoryBytes: 2 ** 30,
  offerTtlMs: 600_000,
  lookUpMs: 600_000,
  maxDeleteRate: 100_000,
  requireMountPoint: false,
  allowOtherHostname: false,
  logger: silentLogger,
} as const;

/** Lets so many milliseconds pass in each: what an agent does every ten seconds needs not be waited for so long. */
export const quickened = (times: number): Clock => ({
  now: () => systemClock.now() * times,
  after: (ms, callback) => systemClock.after(ms / times, callback),
});

/**
 * The agents of several nodes in this one process, each with a root of its own, as the nodes would have. They talk to
 * the real API server and work on real directories.
 */
export class Agents {
  /** Holds the roots; what a test puts beside them is no agent's business. */
  readonly directory: string;
  readonly #kubeconfig: string;
  readonly #options: Partial<AgentOptions>;
  readonly #agents = new Map<string, Agent>();

  constructor(kubeconfig: string, options: Partial<AgentOptions> = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'tlv-agents-'));
    this.#kubeconfig = kubeconfig;
    this.#options = options;
  }

  root(node: string): string {
    return join(this.directory, node);
  }

  /** The directory of a volume on a node. */
  path(node: string, ...parts: string[]): string {
    return join(this.root(node), ...parts);
  }

  /** Returns when it works. */
  async start(node: string, options: Partial<AgentOptions> = {}): Promise<Agent> {
    const agent = await this.startFaulty(node, options);
    await waitFor(`the agent of ${node}`, () => agent.missing() === undefined);
    return agent;
  }

  /** The same for one whose disk has a fault. */
  async startFaulty(node: string, options: Partial<AgentOptions> = {}): Promise<Agent> {
    mkdirSync(this.root(node), { recursive: true });
    const agent = new Agent({
      ...DEFAULTS,
      config: loadKubeConfig(this.#kubeconfig),
      node,
      root: this.root(node),
      ...this.#options,
      ...options,
    });
    this.#agents.set(node, agent);
    await agent.start();
    return agent;
  }

  async startAll(nodes: readonly string[], options: Partial<AgentOptions> = {}): Promise<void> {
    await Promise.all(nodes.map((node) => this.start(node, options)));
  }

  agent(node: string): Agent {
    const agent = this.#agents.get(node);
    if (!agent) throw new Error(`no agent runs for ${node}`);
    return agent;
  }

  async stop(node: string): Promise<void> {
    await this.#agents.get(node)?.stop();
    this.#agents.delete(node);
  }

  /** Ends all of them, and removes their roots and what is beside them. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#agents.keys()].map((node) => this.stop(node)));
    unmountBelow(this.directory);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
