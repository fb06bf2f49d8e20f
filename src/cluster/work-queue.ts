import { Backoff } from './backoff.ts';
import { type Clock, type Random, systemClock } from './clock.ts';
import { asError, retryAfterOf } from './faults.ts';

/** What metrics and logs are made of. Its methods must not throw. */
export interface WorkQueueObserver {
  /** So many keys are due and wait for a worker. */
  depth(keys: number): void;
  worked(key: string, seconds: number, outcome: 'done' | 'failed'): void;
  /** The handler has thrown; the key comes again after so long. */
  retried(key: string, error: Error, waitMs: number): void;
  /** The handler has taken so long that others do not wait for it any more. */
  hangs(key: string, seconds: number): void;
}

export interface WorkQueueOptions {
  readonly workers?: number;
  readonly observer?: Partial<WorkQueueObserver>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly backoffBaseMs?: number;
  readonly backoffCapMs?: number;
}

/** The signal says that the queue is being stopped: a handler may finish, or throw. */
export type Handler = (key: string, signal: AbortSignal) => Promise<void>;

const WORKERS = 4;
const BACKOFF_BASE_MS = 1000;
const BACKOFF_CAP_MS = 300_000;
/** A handler that takes longer is not waited for by other keys: what it works on may never answer. */
const PATIENCE_MS = 150_000;

interface Work {
  /** The key was added meanwhile. */
  again: boolean;
  /** It takes no worker's place any more. */
  hangs: boolean;
  /** Settled when it is done, or hangs. */
  readonly over: PromiseWithResolvers<void>;
}

interface Later {
  readonly at: number;
  readonly cancel: () => void;
}

/**
 * Keys of what has to be looked at, each as often as needed and no more.
 *
 * - No key is worked on by two at once: it is due or under way, never both; while under way it may be marked to come
 *   once more, so that work on it begins after the last time it was added.
 * - Nothing added is lost but by stop(): a handler that throws gets the key again, after a back-off of its own that
 *   its success ends, and no sooner than the API server asked for.
 * - A handler that hangs keeps its key and no other: after a while another worker takes its place, and no end waits for it.
 * - Adding a key makes it due now, whatever it was waiting for; of two delays the earlier one holds.
 */
export class WorkQueue {
  /** In the order of their turn. */
  readonly #due = new Set<string>();
  readonly #later = new Map<string, Later>();
  readonly #underWay = new Map<string, Work>();
  readonly #failing = new Map<string, Backoff>();
  readonly #idle = new Set<() => void>();
  readonly #stopped = new AbortController();
  readonly #options: WorkQueueOptions;
  readonly #observer: Partial<WorkQueueObserver>;
  readonly #clock: Clock;
  readonly #random: Random;
  #handler: Handler | undefined;

  constructor(options: WorkQueueOptions = {}) {
    this.#options = options;
    this.#observer = options.observer ?? {};
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Keys that wait for a worker. */
  get size(): number {
    return this.#due.size;
  }

  add(key: string): void {
    if (this.#stopped.signal.aborted) return;
    this.#forgetLater(key);
    const work = this.#underWay.get(key);
    if (work) {
      work.again = true;
      return;
    }
    this.#due.add(key);
    this.#observer.depth?.(this.size);
    this.#dispatch();
  }

  addAfter(key: string, ms: number): void {
    if (this.#stopped.signal.aborted || this.#due.has(key) || this.#underWay.get(key)?.again) return;
    const at = this.#clock.now() + ms;
    if ((this.#later.get(key)?.at ?? Infinity) <= at) return;
    this.#forgetLater(key);
    this.#later.set(key, { at, cancel: this.#clock.after(ms, () => this.add(key)) });
  }

  /** Begins to work on what was added; may be called once. */
  start(handler: Handler): void {
    if (this.#handler) throw new Error('the work queue is started already');
    this.#handler = handler;
    this.#dispatch();
  }

  /** Begins nothing any more, and returns when nothing is under way but what hangs. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('stopped'));
    for (const { cancel } of this.#later.values()) cancel();
    this.#later.clear();
    this.#due.clear();
    await Promise.all([...this.#underWay.values()].map(({ over }) => over.promise));
    this.#tellIdle();
  }

  /** Resolves when no key is due and none under way; keys for later do not count. */
  idle(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.add(resolve);
    this.#tellIdle();
    return promise;
  }

  get #busy(): number {
    return [...this.#underWay.values()].filter(({ hangs }) => !hangs).length;
  }

  #dispatch(): void {
    if (!this.#handler) return;
    const workers = this.#options.workers ?? WORKERS;
    for (const key of this.#due) {
      if (this.#busy >= workers) return;
      this.#due.delete(key);
      this.#observer.depth?.(this.size);
      void this.#work(key, this.#handler);
    }
  }

  async #work(key: string, handler: Handler): Promise<void> {
    const startedAt = this.#clock.now();
    const work: Work = { again: false, hangs: false, over: Promise.withResolvers() };
    this.#underWay.set(key, work);
    const cancel = this.#clock.after(PATIENCE_MS, () => {
      work.hangs = true;
      work.over.resolve();
      this.#observer.hangs?.(key, PATIENCE_MS / 1000);
      this.#dispatch();
    });
    let failure: Error | undefined;
    try {
      await handler(key, this.#stopped.signal);
    } catch (thrown) {
      failure = asError(thrown);
    }
    cancel();
    const { again } = work;
    this.#underWay.delete(key);
    const seconds = (this.#clock.now() - startedAt) / 1000;
    this.#observer.worked?.(key, seconds, failure ? 'failed' : 'done');
    if (failure) this.#retry(key, failure, again);
    else this.#failing.delete(key);
    if (again) this.add(key);
    this.#dispatch();
    this.#tellIdle();
    work.over.resolve();
  }

  #retry(key: string, error: Error, again: boolean): void {
    if (this.#stopped.signal.aborted) return;
    const backoff = this.#failing.get(key) ?? this.#newBackoff();
    this.#failing.set(key, backoff);
    const asked = retryAfterOf(error);
    const waitMs = again ? 0 : Math.max(asked, backoff.next());
    this.#observer.retried?.(key, error, waitMs);
    if (!again) this.addAfter(key, waitMs);
  }

  #newBackoff(): Backoff {
    const { backoffBaseMs = BACKOFF_BASE_MS, backoffCapMs = BACKOFF_CAP_MS } = this.#options;
    return new Backoff(backoffBaseMs, backoffCapMs, this.#random);
  }

  #forgetLater(key: string): void {
    this.#later.get(key)?.cancel();
    this.#later.delete(key);
  }

  #tellIdle(): void {
    if (this.#due.size > 0 || this.#underWay.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}
