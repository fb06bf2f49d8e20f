import { createHash } from 'node:crypto';
import type { ApiWriter } from '../cluster/api-writer.ts';
import { ApiStatusError, asError } from '../cluster/faults.ts';
import { type Clock, sleep } from '../cluster/clock.ts';
import type { Logger } from '../cluster/observer.ts';
import { patchOrCreate } from '../cluster/patch-or-create.ts';
import { agentLabels } from '../tars/agent-lease.ts';
import { HOSTNAME_LABEL } from '../tars/vocabulary.ts';

const RETRY_MS = 5_000;
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
  /** By class, what the API server was told. */
  readonly #published = new Map<string, number>();
  #publishing: Promise<void> | undefined;
  #isDue = false;

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  /** Publishes unless nearly the same was published before. */
  async refresh(): Promise<void> {
    const { classes, freeBytes } = this.#options;
    const isNews = classes().some((name) =>
      differs(this.#published.get(name), wholeMebibytes(freeBytes(name))),
    );
    if (isNews) await this.publish();
  }

  /** Publishes what there is now; calls that come together are one. Never throws: it is tried until it works. */
  async publish(): Promise<void> {
    this.#isDue = true;
    this.#publishing ??= this.#run().finally(() => (this.#publishing = undefined));
    await this.#publishing;
  }

  /** As if nothing had been published: somebody may have deleted it. */
  async republish(): Promise<void> {
    this.#published.clear();
    await this.publish();
  }

  stop(): void {
    this.#stopped.abort(new Error('stopped'));
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    while (this.#isDue && !this.#stopped.signal.aborted) {
      this.#isDue = false;
      try {
        await this.#publishAll();
      } catch (thrown) {
        if (this.#stopped.signal.aborted) return;
        this.#isDue = true;
        const error = asError(thrown);
        logger.warn({}, `capacity could not be published: ${error.message}`);
        const asked = error instanceof ApiStatusError ? (error.retryAfterMs ?? 0) : 0;
        await sleep(clock, Math.max(asked, RETRY_MS), this.#stopped.signal);
      }
    }
  }

  async #publishAll(): Promise<void> {
    const classes = this.#options.classes();
    for (const name of classes) {
      const bytes = wholeMebibytes(this.#options.freeBytes(name));
      if (this.#published.get(name) === bytes) continue;
      await this.#write(name, bytes);
      this.#published.set(name, bytes);
    }
    for (const name of this.#published.keys()) {
      if (classes.includes(name)) continue;
      await this.#remove(name);
      this.#published.delete(name);
    }
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
