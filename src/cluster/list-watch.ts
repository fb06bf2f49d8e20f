import type { ApiReader } from './api-reader.ts';
import { jittered, sleep } from './clock.ts';
import { ApiStatusError, asError, needsList } from './faults.ts';
import { type Entry, type Handlers, KnownObjects } from './known-objects.ts';
import { type KubeObject, keyOf } from './kube-object.ts';
import { listAll } from './list-pages.ts';
import { type Surroundings, Vitals } from './vitals.ts';
import { type WatchEvent, watchStream } from './watch-stream.ts';

export interface ListWatchOptions<T> extends Surroundings {
  readonly reader: ApiReader;
  /** The same resource in its versions, best first: the first one that the server knows is used. */
  readonly paths: readonly string[];
  readonly labelSelector?: string;
  /** Takes from an object what is to be kept in memory; undefined for one that is of no use. */
  readonly read: (object: KubeObject) => T | undefined;
  readonly handlers: Handlers<T>;
}

/** Where the next watch goes on. */
interface Place {
  readonly path: string;
  resourceVersion: string;
}

/**
 * Follows one resource for as long as the process lives: a list, then one watch after another.
 *
 * - Nothing ends it but stop(): what goes wrong is observed and tried again, no more often than the back-off allows.
 * - What is delivered converges to what the API server holds: a watch goes on where the last one ended; where that is
 *   impossible or in doubt, and about every ten minutes, a whole list puts it right.
 * - A resource that the server does not know is an empty one, and looked for again.
 */
export class ListWatch<T> {
  readonly #options: ListWatchOptions<T>;
  readonly #vitals: Vitals;
  readonly #known: KnownObjects<T>;
  readonly #stopped = new AbortController();
  readonly #sync = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  #place: Place | undefined;
  #isAbsent = false;
  #isSynced = false;
  #relistAt = 0;

  constructor(options: ListWatchOptions<T>) {
    this.#options = options;
    this.#vitals = new Vitals(options.paths[0] ?? '', options);
    this.#known = new KnownObjects(options.handlers, this.#vitals.logger, this.#vitals.observer);
    // Nobody need wait for it.
    this.#sync.promise.catch(() => undefined);
  }

  /** Begins; may be called again without effect. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Returns when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('stopped'));
    this.#sync.reject(new Error(`stopped before ${this.#options.paths.join(', ')} could be listed`));
    await this.#loop;
  }

  /** Resolves when everything that there was at some moment after the start has been delivered. */
  synced(): Promise<void> {
    return this.#sync.promise;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  get size(): number {
    return this.#known.size;
  }

  /** What went wrong, until something has gone right again. */
  get lastError(): Error | undefined {
    return this.#vitals.lastError;
  }

  /** Since a list, an event or a bookmark came, about one of which a minute the API server sends. */
  lastEventAgeSeconds(): number {
    return this.#vitals.silentSeconds;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const waitMs = await this.#round();
      if (waitMs > 0) await sleep(this.#vitals.clock, waitMs, signal);
    }
  }

  /** A list where one is due, and one watch; returns how long to wait before the next round. */
  async #round(): Promise<number> {
    const { clock, random, timings } = this.#vitals;
    if (this.#place === undefined || clock.now() >= this.#relistAt) {
      try {
        await this.#list();
      } catch (error) {
        if (this.#stopped.signal.aborted) return 0;
        const waitMs = this.#vitals.failed(error);
        this.#doubt(error);
        if (this.#place === undefined) return waitMs;
        // Lists are throttled before watches are: follow what happens until the list may be tried again.
        this.#relistAt = clock.now() + waitMs;
      }
    }
    return this.#place ? this.#follow(this.#place) : jittered(timings.absentMs, random);
  }

  #doubt(failure: unknown): void {
    if (needsList(failure)) this.#place = undefined;
  }

  async #list(): Promise<void> {
    const { reader, paths, labelSelector } = this.#options;
    const options = { query: { labelSelector }, signal: this.#stopped.signal };
    for (const path of paths) {
      try {
        const { items, resourceVersion } = await listAll(reader, path, options, (item) => this.#read(item));
        this.#place = { path, resourceVersion };
        this.#listed(items);
        return;
      } catch (error) {
        if (!(error instanceof ApiStatusError && error.isResourceAbsent)) throw error;
      }
    }
    this.#place = undefined;
    this.#listed([]);
  }

  #listed(items: readonly Entry<T>[]): void {
    const { clock, random, timings, observer } = this.#vitals;
    this.#tellPresence();
    this.#known.replace(items);
    this.#vitals.heard();
    this.#relistAt = clock.now() + jittered(timings.relistMs, random);
    observer.listed?.(this.size);
    this.#isSynced = true;
    this.#sync.resolve();
  }

  #tellPresence(): void {
    const isAbsent = this.#place === undefined;
    if (isAbsent === this.#isAbsent) return;
    this.#isAbsent = isAbsent;
    const paths = this.#options.paths.join(', ');
    const message = isAbsent ? 'not served by this cluster; looking again later' : 'now served';
    this.#vitals.logger.info({ paths }, `${paths}: ${message}`);
  }

  async #follow(place: Place): Promise<number> {
    const { clock } = this.#vitals;
    const openedAt = clock.now();
    let failure: unknown;
    try {
      for await (const event of this.#watch(place, openedAt)) this.#apply(event, place);
    } catch (error) {
      failure = error;
    }
    if (this.#stopped.signal.aborted) return 0;
    this.#doubt(failure);
    return this.#vitals.watchEnded(failure, clock.now() - openedAt);
  }

  #watch({ path, resourceVersion }: Place, now: number): AsyncGenerator<WatchEvent, void> {
    const { random, timings } = this.#vitals;
    const timeoutSeconds = Math.max(1, Math.round(jittered(timings.watchMs, random) / 1000));
    const { labelSelector } = this.#options;
    return watchStream(this.#options.reader, path, {
      query: { resourceVersion, labelSelector, timeoutSeconds: String(timeoutSeconds) },
      signal: this.#stopped.signal,
      silenceMs: timeoutSeconds * 1000 + timings.silenceMarginMs,
      deadlineMs: this.#relistAt - now,
    });
  }

  #apply(event: WatchEvent, place: Place): void {
    if (event.type === 'DELETED') this.#known.remove(keyOf(event.object));
    else if (event.type !== 'BOOKMARK') this.#known.put(this.#read(event.object));
    place.resourceVersion = event.resourceVersion;
    this.#vitals.heard();
  }

  #read(object: KubeObject): Entry<T> {
    const key = keyOf(object);
    const { resourceVersion } = object.metadata;
    try {
      return { key, resourceVersion, object: this.#options.read(object) };
    } catch (thrown) {
      const error = asError(thrown);
      this.#vitals.logger.error({ key, err: error }, `reading ${key} failed: ${error.message}`);
      this.#vitals.observer.handlerFailed?.(error);
      return { key, resourceVersion, object: undefined };
    }
  }
}
