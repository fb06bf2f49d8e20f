import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findOrphans } from '../../src/agent/orphans.ts';
import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import { Agents, quickened } from './agents.ts';

/** What an agent waits two seconds for need not last so long here. */
const TIMES = 5;
/** Longer than a sequence takes: the slow round would hide what the watches should have brought. */
const LOOK_UP_MS = 3_600_000;

const away = (root: string): string => `${root}.away`;

/** Lets so many effects of an agent happen, and none after that. */
export class Fuse {
  left = Infinity;
  readonly #blow: (before: string) => void;
  #isBlown = false;

  constructor(blow: (before: string) => void) {
    this.#blow = blow;
  }

  readonly beforeEffect = (what: string): void => {
    if (this.left > 0) {
      this.left -= 1;
      return;
    }
    if (!this.#isBlown) this.#blow(what);
    this.#isBlown = true;
    throw new Error(`the agent died before: ${what}`);
  };
}

/** The agents of all nodes, which stop, start and die; a dead one is started again, as a DaemonSet does. */
export class ModelAgents {
  readonly roots: ReadonlyMap<string, string>;
  readonly #agents: Agents;
  readonly #fuses = new Map<string, Fuse>();
  readonly #restarts = new Map<string, Promise<void>>();
  readonly #lost = new Set<string>();
  readonly #tell: (text: string) => void;

  constructor(kubeconfig: string, nodes: readonly string[], tell: (text: string) => void) {
    this.#tell = tell;
    this.#agents = new Agents(kubeconfig, {
      clock: quickened(TIMES),
      lookUpMs: LOOK_UP_MS,
      settings: DEFAULT_SETTINGS,
    });
    this.roots = new Map(nodes.map((node) => [node, this.#agents.root(node)]));
    for (const root of this.roots.values()) mkdirSync(root);
  }

  /** Nobody may ever touch what is in it. */
  get beside(): string {
    return join(this.#agents.directory, 'beside');
  }

  get directory(): string {
    return this.#agents.directory;
  }

  /** Returns when it works, or says that its disk is not there. */
  async start(node: string): Promise<void> {
    const fuse = new Fuse((before) => this.#died(node, before));
    this.#fuses.set(node, fuse);
    const options = { beforeEffect: fuse.beforeEffect };
    if (this.#lost.has(node)) await this.#agents.startFaulty(node, options);
    else await this.#agents.start(node, options);
  }

  async stop(node: string): Promise<void> {
    await this.settled();
    this.#fuses.delete(node);
    await this.#agents.stop(node);
  }

  /** It will die before one of its next effects. */
  arm(node: string, effects: number): void {
    const fuse = this.#fuses.get(node);
    if (fuse) fuse.left = effects;
  }

  /** Where what is on the disk of a node can be seen, mounted or not. */
  get disks(): ReadonlyMap<string, string> {
    return new Map([...this.roots].map(([node, root]) => [node, this.#lost.has(node) ? away(root) : root]));
  }

  /** As when it is unmounted: what is left is the bare directory. */
  async loseDisk(node: string): Promise<void> {
    await this.settled();
    const root = this.roots.get(node)!;
    renameSync(root, away(root));
    mkdirSync(root);
    this.#lost.add(node);
  }

  /** @throws where somebody wrote to the bare directory meanwhile */
  async bringDisk(node: string): Promise<void> {
    await this.settled();
    const root = this.roots.get(node)!;
    rmdirSync(root);
    renameSync(away(root), root);
    this.#lost.delete(node);
  }

  /** Returns when those that died run again, and none of the living has anything to do. */
  async settled(): Promise<void> {
    while (this.#restarts.size > 0) await Promise.all(this.#restarts.values());
    await Promise.all([...this.#fuses.keys()].map((node) => this.#agents.agent(node).idle()));
  }

  /** What each of them reports as belonging to nobody. */
  async orphans(): Promise<Map<string, Set<string>>> {
    const found = new Map<string, Set<string>>();
    for (const node of this.#fuses.keys()) {
      const { health, caches } = this.#agents.agent(node).running ?? {};
      if (!health?.pool || !caches) continue;
      try {
        const orphans = await findOrphans(health.pool, (path) => caches.volumes.at(path).length > 0);
        found.set(node, new Set(orphans.map(({ path }) => path)));
      } catch (error) {
        // It does not know yet that its disk is gone.
        if (!this.#lost.has(node)) throw error;
      }
    }
    return found;
  }

  /** New disks for all. Every agent is to be stopped. */
  async wipe(): Promise<void> {
    for (const node of this.#lost) await this.bringDisk(node);
    for (const root of this.roots.values()) {
      for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, maxRetries: 5 });
    }
  }

  async stopAll(): Promise<void> {
    if (!existsSync(this.directory)) return;
    for (const node of this.roots.keys()) await this.stop(node);
  }

  async end(): Promise<void> {
    await this.stopAll();
    await this.#agents.stopAll();
  }

  #died(node: string, before: string): void {
    this.#tell(`the agent of ${node} died before: ${before}`);
    const restart = async (): Promise<void> => {
      await this.#agents.stop(node);
      await this.start(node);
    };
    this.#restarts.set(
      node,
      restart().finally(() => this.#restarts.delete(node)),
    );
  }
}
