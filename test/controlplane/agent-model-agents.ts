import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from '../../src/agent/running.ts';
import { findOrphans } from '../../src/agent/orphans.ts';
import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import { MEMORY_BYTES } from './agent-model-room.ts';
import { directoriesAt, mountedAt } from './agent-model-disk.ts';
import { Agents, quickened } from './agents.ts';
import { unmount } from './disks.ts';
import { loseMounts, makeRemovable, mountFresh, programs } from './storage-pools.ts';

/** What an agent waits two seconds for need not last so long here. */
const TIMES = 5;
/** Longer than a sequence takes: the slow round would hide what the watches should have brought. */
const LOOK_UP_MS = 3_600_000;
/** No more of it is taken than is written. */
const DISK_BYTES = 8 * 2 ** 30;

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

interface Told {
  readonly say: (text: string) => void;
  /** This was unmounted at a node, and not by its agent. */
  readonly unmounted: (node: string, paths: readonly string[]) => void;
}

/**
 * The agents of all nodes, which stop, start and die; a dead one is started again, as a DaemonSet does. The disks of all
 * are directories of one filesystem, which can keep volumes in every way that this machine's kernel can.
 */
export class ModelAgents {
  readonly roots: ReadonlyMap<string, string>;
  readonly #agents: Agents;
  readonly #fuses = new Map<string, Fuse>();
  readonly #restarts = new Map<string, Promise<void>>();
  readonly #lost = new Set<string>();
  /** Nodes whose agents have yet to find out what people did to their disks. */
  readonly #behind = new Set<string>();
  readonly #powerless = new Set<string>();
  readonly #told: Told;

  constructor(kubeconfig: string, nodes: readonly string[], told: Told) {
    this.#told = told;
    this.#agents = new Agents(kubeconfig, {
      clock: quickened(TIMES),
      lookUpMs: LOOK_UP_MS,
      settings: DEFAULT_SETTINGS,
      tools: programs,
      memoryBytes: MEMORY_BYTES,
    });
    mountFresh(this.directory, 'btrfs', DISK_BYTES);
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
    this.#behind.delete(node);
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
  arm(node: string, effects: number, isOfPower: boolean): void {
    const fuse = this.#fuses.get(node);
    if (!fuse) return;
    fuse.left = effects;
    if (isOfPower) this.#powerless.add(node);
    else this.#powerless.delete(node);
  }

  /** Nothing is mounted afterwards, and nothing is in memory. Its agent is to be stopped. */
  cutPower(node: string): void {
    const disk = this.disks.get(node)!;
    const paths = [...mountedAt(disk).keys()];
    loseMounts(disk);
    this.#told.unmounted(node, paths);
  }

  /** The same for one volume. */
  async unmount(node: string, path: string): Promise<void> {
    await unmount(join(this.disks.get(node)!, path));
    this.#told.unmounted(node, [path]);
  }

  /** What was done to its disk by people, its agent finds out when it starts, or after a long time. */
  fallBehind(node: string): void {
    this.#behind.add(node);
  }

  /** Lets those agents find out. */
  async catchUp(): Promise<void> {
    for (const node of this.#behind) {
      await this.stop(node);
      await this.start(node);
    }
  }

  isBehind(node: string): boolean {
    return this.#behind.has(node);
  }

  /** What the agent of a node knows of its disk. */
  room(node: string): { promised(source: string): number } | undefined {
    return this.#running(node)?.health.pool?.room;
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
      const { health, caches } = this.#running(node) ?? {};
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
      loseMounts(root);
      for (const path of directoriesAt(root).keys()) makeRemovable(join(root, path));
      for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, maxRetries: 5 });
    }
  }

  async stopAll(): Promise<void> {
    if (!existsSync(this.directory)) return;
    await Promise.all([...this.roots.keys()].map((node) => this.stop(node)));
  }

  async end(): Promise<void> {
    await this.stopAll();
    await this.#agents.stopAll();
    rmSync(`${this.directory}.img`, { force: true });
  }

  #running(node: string): Pick<Running, 'caches' | 'health'> | undefined {
    return this.#agents.agent(node).running;
  }

  #died(node: string, before: string): void {
    const isOfPower = this.#powerless.delete(node);
    this.#told.say(`the agent of ${node} died${isOfPower ? ', as all of its node,' : ''} before: ${before}`);
    const restart = async (): Promise<void> => {
      await this.#agents.stop(node);
      if (isOfPower) this.cutPower(node);
      await this.start(node);
    };
    this.#restarts.set(
      node,
      restart().finally(() => this.#restarts.delete(node)),
    );
  }
}
