import { createHash } from 'node:crypto';
import type { ApiWriter } from '../cluster/api-writer.ts';
import { Backoff } from '../cluster/backoff.ts';
import { type Clock, type Random, sleep } from '../cluster/clock.ts';
import { ApiStatusError, asError, retryAfterOf } from '../cluster/faults.ts';
import type { Logger } from '../cluster/observer.ts';
import { patchOrCreate } from '../cluster/patch-or-create.ts';
import { agentLabels } from '../tars/agent-lease.ts';
import { HOSTNAME_LABEL } from '../tars/vocabulary.ts';

/** How long to wait after a failure at most, and after many: thousands of nodes may have met the same one. */
const RETRY_MS = 10_000;
const RETRY_CAP_MS = 60_000;
/** What changes less than this, by itself, is not worth a write that every scheduler reads. */
const SHARE = 0.1;

/** What could not be published, by class. */
type Failures = ReadonlyMap<string, Error>;

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
  #asked: PromiseWithResolvers<Failures> | undefined;
  /** Aborted by whoever asks. */
  #resting = new AbortController();

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
   * @param storageClass - the only one whose failure is one for the caller
   */
  publish(storageClass?: string): Promise<void> {
    this.#asked ??= Promise.withResolvers();
    const published = succeeded(this.#asked.promise, storageClass);
    published.catch(() => undefined);
    this.#resting.abort();
    if (!this.#isPublishing) void this.#run();
    return published;
  }

  /** As if nothing had been published: somebody may have deleted it. */
  republish(): Promise<void> {
    this.#published.clear();
    return this.publish();
  }

  stop(): void {
    this.#stopped.abort(new Error('stopped'));
    this.#resting.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    this.#isPublishing = true;
    let isDue = true;
    while (!signal.aborted && (isDue || this.#asked)) {
      const asked = this.#asked;
      this.#asked = undefined;
      const failures = await this.#publishAll();
      asked?.resolve(failures);
      isDue = failures.size > 0;
      if (!isDue) this.#backoff.reset();
      else if (!signal.aborted) await this.#rest([...failures.values()]);
    }
    this.#isPublishing = false;
    if (signal.aborted) this.#asked?.reject(signal.reason);
  }

  /** Ever longer, unless there is something new to tell: that waits no longer than after a first failure. */
  async #rest(failures: readonly Error[]): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopped;
    for (const { message } of failures) logger.warn({}, `capacity could not be published: ${message}`);
    const wanted = failures.map(retryAfterOf);
    const leastMs = Math.max(RETRY_MS, ...wanted);
    const waitMs = Math.max(...wanted, this.#backoff.next());
    await sleep(clock, Math.min(leastMs, waitMs), signal);
    if (this.#asked || signal.aborted || waitMs <= leastMs) return;
    this.#resting = new AbortController();
    await sleep(clock, waitMs - leastMs, this.#resting.signal);
  }

  /** One that is refused is no reason to say nothing of the others. */
  async #publishAll(): Promise<Failures> {
    const classes = this.#options.classes();
    const failures = new Map<string, Error>();
    for (const name of new Set([...classes, ...this.#published.keys()])) {
      try {
        await (classes.includes(name) ? this.#publishOne(name) : this.#withdraw(name));
      } catch (error) {
        failures.set(name, asError(error));
      }
    }
    return failures;
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

async function succeeded(attempt: Promise<Failures>, storageClass?: string): Promise<void> {
  const failures = await attempt;
  const [failure] = storageClass === undefined ? failures.values() : [failures.get(storageClass)];
  if (failure) throw failure;
}

const pathIn = (namespace: string): string =>
  `/apis/storage.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/csistoragecapacities`;

const wholeMebibytes = (bytes: number): number => Math.floor(bytes / 2 ** 20) * 2 ** 20;

function differs(published: number | undefined, free: number): boolean {
  if (published === undefined) return true;
  return published !== free && Math.abs(free - published) >= SHARE * Math.max(published, 1);
}
