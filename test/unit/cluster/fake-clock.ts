import type { Clock } from '../../../src/cluster/clock.ts';

interface Timer {
  readonly at: number;
  readonly ms: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now = 1_000_000;

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** The durations of everything that is being waited for. */
  get pending(): number[] {
    return [...this.#timers].map(({ ms }) => ms);
  }

  /** Lets time pass; what becomes due is called in its order. */
  advance(ms: number): void {
    this.#now += ms;
    const due = [...this.#timers].filter(({ at }) => at <= this.#now);
    for (const timer of due.toSorted((one, other) => one.at - other.at)) {
      if (this.#timers.delete(timer)) timer.callback();
    }
  }
}

/** Pauses are over as soon as they begin. */
export const HASTY_CLOCK: Clock = {
  now: () => 0,
  after(_ms, callback) {
    queueMicrotask(callback);
    return () => undefined;
  },
};
