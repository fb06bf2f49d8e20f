import type { KubeConfig } from '@kubernetes/client-node';
import { formatPath } from '../tars/finding.ts';
import { textOf, valueAt } from '../tars/json.ts';
import type { TServerLookup } from '../tars/ownership.ts';
import type { TServer } from '../tars/tserver.ts';
import { TSERVER_GROUP, TSERVER_VERSIONS } from '../tars/vocabulary.ts';
import { readTServer } from '../validate/read.ts';
import { ApiReader } from './api-reader.ts';
import { Connections } from './api-request.ts';
import { type Clock, systemClock } from './clock.ts';
import { ApiStatusError, asError } from './faults.ts';
import { objectKey } from './kube-object.ts';
import { ListWatch } from './list-watch.ts';
import { type ListWatchObserver, type Logger, silentLogger } from './observer.ts';
import { TServerIndex } from './tserver-index.ts';
import { slimTServer } from './tserver-slim.ts';
import type { Surroundings } from './vitals.ts';

/** The live GET gave no answer that counts; whoever asked may go on as if there were no such TServer. */
export class TServerFetchError extends Error {
  override readonly name = 'TServerFetchError';
}

export interface TServerCacheObserver extends ListWatchObserver {
  /** A TServer that is none by our schema was left out. */
  skipped(): void;
}

export interface TServerCacheOptions extends Surroundings {
  readonly config: KubeConfig;
  readonly observer?: Partial<TServerCacheObserver>;
}

/** For live look-ups, each of which would cost a TLS handshake otherwise. */
const LIVE_CONNECTIONS = 8;
const RESOURCE = 'tservers';
const GROUPS = TSERVER_VERSIONS.map((version) => `/apis/${TSERVER_GROUP}/${version}`);

/**
 * The TServers of the whole cluster, as the watch tells them, and one by one live.
 *
 * What cannot be read as a TServer is left out, in the cache and live alike: the answer does not depend on when it came.
 */
export class TServerCache implements TServerLookup {
  readonly #index = new TServerIndex();
  readonly #connections = new Connections(LIVE_CONNECTIONS);
  readonly #live: ApiReader;
  readonly #listWatch: ListWatch<TServer>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #observer: Partial<TServerCacheObserver>;

  constructor({ config, ...options }: TServerCacheOptions) {
    this.#logger = options.logger ?? silentLogger;
    this.#observer = options.observer ?? {};
    this.#clock = options.clock ?? systemClock;
    this.#live = new ApiReader(config, this.#clock, this.#connections);
    this.#listWatch = new ListWatch({
      ...options,
      reader: new ApiReader(config, this.#clock),
      paths: GROUPS.map((group) => `${group}/${RESOURCE}`),
      read: (object) => this.#read(object),
      handlers: this.#index,
    });
  }

  start(): void {
    this.#listWatch.start();
  }

  async stop(): Promise<void> {
    await this.#listWatch.stop();
    this.#connections.close();
  }

  synced(): Promise<void> {
    return this.#listWatch.synced();
  }

  get isSynced(): boolean {
    return this.#listWatch.isSynced;
  }

  get size(): number {
    return this.#index.size;
  }

  get lastError(): Error | undefined {
    return this.#listWatch.lastError;
  }

  lastEventAgeSeconds(): number {
    return this.#listWatch.lastEventAgeSeconds();
  }

  named(namespace: string, name: string): TServer | undefined {
    return this.#index.named(namespace, name);
  }

  serving(namespace: string, app: string, server: string): TServer | undefined {
    return this.#index.serving(namespace, app, server);
  }

  /**
   * Asks the API server itself, for one that may be newer than the watch. Undefined where there is none, nor a CRD;
   * a TServerFetchError where that could not be found out in time.
   */
  async fetch(namespace: string, name: string, deadlineMs = 1000): Promise<TServer | undefined> {
    const { signal } = new AbortController();
    const object = `namespaces/${encodeURIComponent(namespace)}/${RESOURCE}/${encodeURIComponent(name)}`;
    const end = this.#clock.now() + deadlineMs;
    for (const group of GROUPS) {
      try {
        const options = { signal, deadlineMs: end - this.#clock.now() };
        return this.#read(await this.#live.json(`${group}/${object}`, options));
      } catch (cause) {
        const status = cause instanceof ApiStatusError ? cause : undefined;
        if (status?.status !== 404) {
          const why = asError(cause).message;
          throw new TServerFetchError(`TServer ${namespace}/${name}: ${why}`, { cause });
        }
        if (!status.isResourceAbsent) return undefined;
      }
    }
    return undefined;
  }

  #read(json: unknown): TServer | undefined {
    const read = readTServer(json);
    if (read.ok) return slimTServer(read.object);
    this.#observer.skipped?.();
    const violations = read.violations.map(({ path, message }) => `${formatPath(path)}: ${message}`);
    const name = nameOf(json);
    this.#logger.warn({ name, violations }, `TServer ${name} is left out, for it cannot be read`);
    return undefined;
  }
}

function nameOf(json: unknown): string {
  const text = (field: string): string => textOf(valueAt(json, ['metadata', field]));
  return objectKey(text('namespace'), text('name'));
}
