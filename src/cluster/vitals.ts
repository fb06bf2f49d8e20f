import { Backoff } from './backoff.ts';
import { type Clock, type Random, systemClock } from './clock.ts';
import { asError, type EndReason, endReason, retryAfterOf } from './faults.ts';
import { type ListWatchObserver, type Logger, silentLogger } from './observer.ts';
import { DEFAULT_TIMINGS, type Timings } from './timings.ts';

/** What time, chance, words and metrics a list-watch is given; the real ones where nothing is said. */
export interface Surroundings {
  readonly logger?: Logger;
  readonly observer?: Partial<ListWatchObserver>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly timings?: Partial<Timings>;
}

/** How a list-watch fares: what it last heard, what went wrong, and so how long it has to wait. */
export class Vitals {
  readonly clock: Clock;
  readonly random: Random;
  readonly timings: Timings;
  readonly logger: Logger;
  readonly observer: Partial<ListWatchObserver>;
  readonly #name: string;
  readonly #backoff: Backoff;
  #heardAt: number;
  #lastError: Error | undefined;

  /** The name is for the log. */
  constructor(name: string, given: Surroundings) {
    this.#name = name;
    this.clock = given.clock ?? systemClock;
    this.random = given.random ?? Math.random;
    this.timings = { ...DEFAULT_TIMINGS, ...given.timings };
    this.logger = given.logger ?? silentLogger;
    this.observer = given.observer ?? {};
    this.#backoff = new Backoff(this.timings.backoffBaseMs, this.timings.backoffCapMs, this.random);
    this.#heardAt = this.clock.now();
  }

  get lastError(): Error | undefined {
    return this.#lastError;
  }

  get silentSeconds(): number {
    return (this.clock.now() - this.#heardAt) / 1000;
  }

  /** Something has gone right. */
  heard(): void {
    this.#heardAt = this.clock.now();
    this.#lastError = undefined;
  }

  /** A watch has ended, by this error or in good order; returns how long to wait. */
  watchEnded(failure: unknown, livedMs: number): number {
    if (livedMs >= this.timings.healthyMs) this.#backoff.reset();
    const reason = failure === undefined ? 'closed' : endReason(failure);
    this.observer.watchEnded?.(reason);
    if (reason === 'relist') return 0;
    if (reason !== 'closed') return this.failed(failure, reason);
    return livedMs < this.timings.briefMs ? this.#backoff.next() : 0;
  }

  /** A list or a watch has failed; returns how long to wait. */
  failed(thrown: unknown, reason: EndReason = endReason(thrown)): number {
    const error = asError(thrown);
    this.#lastError = error;
    const asked = retryAfterOf(error);
    const waitMs = Math.max(asked, this.#backoff.next());
    this.observer.failed?.(reason, error);
    const fields = { path: this.#name, reason, retryInMs: Math.round(waitMs) };
    this.logger.warn(fields, `following ${this.#name}: ${error.message}`);
    return waitMs;
  }
}
