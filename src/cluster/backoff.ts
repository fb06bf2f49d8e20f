import type { Random } from './clock.ts';

/**
 * How long to wait after each failure in a row: anything between nothing and a limit that doubles up to a cap
 * ("full jitter"), so that clients that lost the same server do not come back in step.
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #random: Random;
  #limitMs: number;

  constructor(baseMs: number, capMs: number, random: Random) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#random = random;
    this.#limitMs = baseMs;
  }

  next(): number {
    const limit = Math.min(this.#limitMs, this.#capMs);
    this.#limitMs = limit * 2;
    return this.#random() * limit;
  }

  reset(): void {
    this.#limitMs = this.#baseMs;
  }
}
