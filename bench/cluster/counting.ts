import { ApiReader } from '../../src/cluster/api-reader.ts';
import { loadKubeConfig } from '../../src/cluster/kube-config.ts';
import type { KubeObject } from '../../src/cluster/kube-object.ts';
import { ListWatch } from '../../src/cluster/list-watch.ts';

interface Wait {
  readonly count: number;
  readonly resolve: (at: number) => void;
}

/** Of claims, pods and volumes. */
export const phaseIs = (phase: string) => (object: object) =>
  (object as { readonly status?: { readonly phase?: string } }).status?.phase === phase;

/**
 * How many objects of one kind are as one wants them, told by a watch: whoever looks again and again would be a load on
 * the very server that is measured.
 */
export class Counting {
  readonly #listWatch: ListWatch<boolean>;
  /** When each was first seen, in whatever state. */
  readonly #seen = new Map<string, number>();
  readonly #since = new Map<string, number>();
  readonly #onChange: (counting: Counting) => void;
  #waits: readonly Wait[] = [];

  static async start(
    kubeconfig: string,
    path: string,
    isWanted: (object: KubeObject) => boolean,
    onChange: (counting: Counting) => void = () => undefined,
  ): Promise<Counting> {
    const counting = new Counting(kubeconfig, path, isWanted, onChange);
    counting.#listWatch.start();
    await counting.#listWatch.synced();
    return counting;
  }

  private constructor(
    kubeconfig: string,
    path: string,
    isWanted: (object: KubeObject) => boolean,
    onChange: (counting: Counting) => void,
  ) {
    this.#onChange = onChange;
    this.#listWatch = new ListWatch({
      reader: new ApiReader(loadKubeConfig(kubeconfig)),
      paths: [path],
      read: isWanted,
      handlers: {
        upsert: (key, wanted) => this.#changed(key, wanted),
        remove: (key) => this.#changed(key, undefined),
      },
    });
  }

  async stop(): Promise<void> {
    await this.#listWatch.stop();
  }

  /** When there are exactly that many that are as wanted, and no others. */
  async reach(count: number, timeoutMs: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const late = (): void => {
      const { wanted, size } = this;
      reject(
        new Error(`waited ${timeoutMs / 1000} s in vain for ${count}: ${wanted} of ${size} are as wanted`),
      );
    };
    const timer = setTimeout(late, timeoutMs);
    this.#waits = [...this.#waits, { count, resolve }];
    this.#look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  get size(): number {
    return this.#seen.size;
  }

  get wanted(): number {
    return this.#since.size;
  }

  /** Milliseconds that each took, from when it was first seen until it was as wanted. */
  get latencies(): number[] {
    return [...this.#since].map(([key, at]) => at - (this.#seen.get(key) ?? at));
  }

  #changed(key: string, wanted: boolean | undefined): void {
    const now = performance.now();
    if (wanted === undefined) this.#seen.delete(key);
    else if (!this.#seen.has(key)) this.#seen.set(key, now);
    if (!wanted) this.#since.delete(key);
    else if (!this.#since.has(key)) this.#since.set(key, now);
    this.#onChange(this);
    this.#look();
  }

  #look(): void {
    const isReached = ({ count }: Wait): boolean => this.wanted === count && this.size === count;
    const reached = this.#waits.filter(isReached);
    this.#waits = this.#waits.filter((wait) => !isReached(wait));
    for (const { resolve } of reached) resolve(performance.now());
  }
}
