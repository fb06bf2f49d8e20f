import { asError } from './faults.ts';
import type { ListWatchObserver, Logger } from './observer.ts';

/** Where a list-watch delivers to. Must be quick: nothing else is read meanwhile. */
export interface Handlers<T> {
  /** The object is new, or not what it was. */
  upsert(key: string, object: T): void;
  /** The object is gone, or can no longer be read. */
  remove(key: string): void;
}

/** One object as listed or watched; without `object` when it could not be read. */
export interface Entry<T> {
  readonly key: string;
  readonly resourceVersion: string;
  readonly object: T | undefined;
}

/** No object has this version, so the next list finds a difference. */
const UNDELIVERED = '';

/**
 * Which objects were delivered, and in which version.
 *
 * - A list delivers the difference only: what is new or changed, and the removal of what vanished.
 * - A handler that throws is logged and counted, and what it was told is told again with the next list.
 */
export class KnownObjects<T> {
  readonly #versions = new Map<string, string>();
  readonly #handlers: Handlers<T>;
  readonly #logger: Logger;
  readonly #observer: Partial<ListWatchObserver>;

  constructor(handlers: Handlers<T>, logger: Logger, observer: Partial<ListWatchObserver>) {
    this.#handlers = handlers;
    this.#logger = logger;
    this.#observer = observer;
  }

  get size(): number {
    return this.#versions.size;
  }

  /** These are all the objects that there are. */
  replace(entries: readonly Entry<T>[]): void {
    const present = new Set(entries.map(({ key }) => key));
    for (const key of this.#versions.keys()) {
      if (!present.has(key)) this.#remove(key);
    }
    for (const entry of entries) this.#put(entry);
    this.#observer.sized?.(this.size);
  }

  put(entry: Entry<T>): void {
    this.#put(entry);
    this.#observer.sized?.(this.size);
  }

  remove(key: string): void {
    this.#remove(key);
    this.#observer.sized?.(this.size);
  }

  #put({ key, resourceVersion, object }: Entry<T>): void {
    if (object === undefined) {
      this.#remove(key);
    } else if (this.#versions.get(key) !== resourceVersion) {
      const isDelivered = this.#deliver(key, () => this.#handlers.upsert(key, object));
      this.#versions.set(key, isDelivered ? resourceVersion : UNDELIVERED);
    }
  }

  #remove(key: string): void {
    if (!this.#versions.has(key)) return;
    const isDelivered = this.#deliver(key, () => this.#handlers.remove(key));
    if (isDelivered) this.#versions.delete(key);
    else this.#versions.set(key, UNDELIVERED);
  }

  #deliver(key: string, handler: () => void): boolean {
    try {
      handler();
      return true;
    } catch (thrown) {
      const error = asError(thrown);
      this.#logger.error({ key, err: error }, `handling ${key} failed: ${error.message}`);
      this.#observer.handlerFailed?.(error);
      return false;
    }
  }
}
