import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from './api.ts';
import { NAMESPACE } from './agent-crash-objects.ts';
import type { ControlPlane } from './control-plane.ts';
import { VOLUMES } from './paths.ts';

const EVERY_MS = 100;
export const CLAIMS = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;

export interface Volume extends KubeObject {
  readonly spec: {
    readonly local: { readonly path: string };
    readonly claimRef?: { readonly name: string; readonly uid?: string };
    readonly nodeAffinity: unknown;
  };
  readonly status?: { readonly phase?: string };
}

export interface Claim extends KubeObject {
  readonly spec: { readonly volumeName?: string };
  readonly status?: { readonly phase?: string; readonly capacity?: { readonly storage: string } };
}

/**
 * All volumes and claims, seen anew all the time: so that any number of worlds may wait for something at little cost,
 * and that what must never be is noticed whenever it is.
 */
export class ClusterView {
  volumes: readonly Volume[] = [];
  claims: readonly Claim[] = [];
  /** What was seen and must never be. */
  readonly faults = new Set<string>();
  readonly #plane: ControlPlane;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;
  #round = 0;

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    this.#loop = this.#run();
  }

  volumesOf(node: string): Volume[] {
    return this.volumes.filter(({ metadata }) => metadata?.labels?.['kubernetes.io/hostname'] === node);
  }

  claim(name: string): Claim | undefined {
    return this.claims.find(({ metadata }) => metadata?.name === name);
  }

  /** Resolves when everything that was done before the call is seen. */
  async fresh(): Promise<void> {
    // The round that is under way may have begun before.
    const wanted = this.#round + 2;
    while (this.#round < wanted && !this.#stopped.signal.aborted) await sleep(EVERY_MS / 2);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        const [volumes, claims] = await Promise.all([this.#list<Volume>(VOLUMES), this.#list<Claim>(CLAIMS)]);
        [this.volumes, this.claims] = [volumes, claims];
        this.#checkPaths();
        this.#round += 1;
      } catch (error) {
        this.faults.add(`no list: ${String(error)}`);
      }
      await sleep(EVERY_MS);
    }
  }

  async #list<T>(path: string): Promise<T[]> {
    const { status, body } = await this.#plane.api<{ items: T[] }>('GET', path);
    if (status !== 200) throw new Error(`${path} is answered with ${status}`);
    return body.items;
  }

  /** One path, one volume. */
  #checkPaths(): void {
    const names = Map.groupBy(this.volumes, ({ spec }) => spec.local.path);
    for (const [path, { length }] of names)
      if (length > 1) this.faults.add(`${length} volumes lead to ${path}`);
  }
}
