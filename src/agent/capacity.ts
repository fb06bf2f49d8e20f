import { createHash } from 'node:crypto';
import type { ApiWriter } from '../cluster/api-writer.ts';
import { Backoff } from '../cluster/backoff.ts';
import { type Clock, type Random, sleep } from '../cluster/clock.ts';
import { ApiStatusError, asError } from '../cluster/faults.ts';
import type { Logger } from '../cluster/observer.ts';
import { patchOrCreate } from '../cluster/patch-or-create.ts';
import { agentLabels } from '../tars/agent-lease.ts';
import { HOSTNAME_LABEL } from '../tars/vocabulary.ts';

/** How long to wait after a failure at most, and after many: thousands of nodes may have met the same one. */
const RETRY_MS = 10_000;
const RETRY_CAP_MS = 60_000;
/** What changes less than this, by itself, is not worth a write that every scheduler reads. */
const SHARE = 0.1;

export interface CapacityOptions {
  readonly writer: Pick<ApiWriter, 'create' | 'patch' | 'remove'>;
  readonly namespace: string;
  readonly node: string;
  readonly hostname: string;
  /** The classes that are made on demand, which are those that the scheduler asks capacity of. */
  readonly classes: () => readonly string[];
  /** What one volume of a class may be promised at most; nothing while the pool is not there. */
  readonly freeBytes: (storageClass: string) => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: Random;
}

/**
 * Tells the scheduler how much this node may still promise, as one CSIStorageCapacity a class.
 *
 * - Written when a volume comes or goes, when the pool is lost or found, and when it has changed by a tenth.
 * - Rounded down to whole mebibytes: a node that says nothing gets no pods.
 */
export class Capacity {
  readonly #options: CapacityOptions;
  readonly #stopped = new AbortController();
  readonly #backoff: Backoff;
  /** By class, what the API server was told. */
  readonly #published = new Map<string, number>();
  #isPublishing = false;
  /** Settled by the next attempt. */
  #asked: PromiseWithResolvers<void> | undefined;

  constructor(options: CapacityOptions) {
    this.#options = options;
    this.#backoff = new Backoff(RETRY_MS, RETRY_CAP_MS, options.random ?? Math.random);
  }

  /** Publishes unless nearly the same was published before. */
  refresh(): Promise<void> {
    const { classes, freeBytes } = this.#options;
    const isNews = classes().some((name) =>
      differs(this.#published.get(name), wholeMebibytes(freeBytes(name))),
    );
    return isNews ? this.publish() : Promise.resolve();
  }

  /**
   * Publishes what there is now; calls that come together are one. Who waits learns when it fails, and need not try
   * again: that goes on until it works. Who does not wait need not care.
   */
  publish(): Promise<void> {
    this.#asked ??= Promise.withResolvers<void>();
    const { promise } = this.#asked;
    promise.catch(() => undefined);
    if (!this.#isPublishing) void this.#run();
    return promise;
  }

  /** As if nothing had been published: somebody may have deleted it. */
  republish(): Promise<void> {
    this.#published.clear();
    return this.publish();
  }

  stop(): void {
    this.#stopped.abort(new Error('stopped'));
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopped;
    this.#isPublishing = true;
    let isDue = true;
    while (!signal.aborted && (isDue || this.#asked)) {
      const asked = this.#asked;
      this.#asked = undefined;
      try {
        await this.#publishAll();
        isDue = false;
        this.#backoff.reset();
        asked?.resolve();
      } catch (thrown) {
        const error = asError(thrown);
        asked?.reject(error);
        if (signal.aborted) break;
        logger.warn({}, `capacity could not be published: ${error.message}`);
        const wanted = error instanceof ApiStatusError ? (error.retryAfterMs ?? 0) : 0;
        await sleep(clock, Math.max(wanted, this.#backoff.next()), signal);
      }
    }
    this.#isPublishing = false;
    if (signal.aborted) this.#asked?.reject(signal.reason);
  }

  async #publishAll(): Promise<void> {
    const classes = this.#options.classes();
    const failures: unknown[] = [];
    for (const name of new Set([...classes, ...this.#published.keys()])) {
      try {
        await (classes.includes(name) ? this.#publishOne(name) : this.#withdraw(name));
      } catch (error) {
        // One that is refused is no reason to say nothing of the others.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #publishOne(storageClass: string): Promise<void> {
    const bytes = wholeMebibytes(this.#options.freeBytes(storageClass));
    if (this.#published.get(storageClass) === bytes) return;
    await this.#write(storageClass, bytes);
    this.#published.set(storageClass, bytes);
  }

  async #withdraw(storageClass: string): Promise<void> {
    await this.#remove(storageClass);
    this.#published.delete(storageClass);
  }

  async #write(storageClass: string, bytes: number): Promise<void> {
    const { writer, namespace, node, hostname } = this.#options;
    const name = this.#nameFor(storageClass);
    const capacity = `${bytes / 2 ** 20}Mi`;
    const object = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIStorageCapacity',
      metadata: { name, namespace, labels: agentLabels(node) },
      storageClassName: storageClass,
      nodeTopology: { matchLabels: { [HOSTNAME_LABEL]: hostname } },
      capacity,
    };
    const collection = pathIn(namespace);
    await patchOrCreate(
      writer,
      { collection, path: `${collection}/${name}`, patch: { capacity }, object },
      { signal: this.#stopped.signal },
    );
  }

  async #remove(storageClass: string): Promise<void> {
    const { writer, namespace } = this.#options;
    try {
      await writer.remove(`${pathIn(namespace)}/${this.#nameFor(storageClass)}`);
    } catch (error) {
      if (!(error instanceof ApiStatusError && error.status === 404)) throw error;
    }
  }

  #nameFor(storageClass: string): string {
    const { node, hostname } = this.#options;
    const text = `${storageClass}\0${node}\0${hostname}`;
    return `t-local-volume-${createHash('sha256').update(text).digest('hex').slice(0, 20)}`;
  }
}

const pathIn = (namespace: string): string =>
  `/apis/storage.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/csistoragecapacities`;

const wholeMebibytes = (bytes: number): number => Math.floor(bytes / 2 ** 20) * 2 ** 20;

function differs(published: number | undefined, free: number): boolean {
  if (published === undefined) return true;
  return published !== free && Math.abs(free - published) >= SHARE * Math.max(published, 1);
}
