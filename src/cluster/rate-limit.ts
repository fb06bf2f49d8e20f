import { type Clock, sleep } from './clock.ts';

/** As client-go names them: so many calls a second, and so many at once after a pause. */
export interface Rate {
  readonly qps: number;
  readonly burst: number;
}

/** A bucket of tokens that fills at the rate. Who comes when it is empty waits for the token of its turn. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #clock: Clock;
  /** Below nothing: that many wait. */
  #tokens: number;
  #filledAt: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#filledAt = clock.now();
  }

  /** Takes a token where there is one. */
  tryTake(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes a token, and waits until it is there, or the signal's abort. */
  async take(signal: AbortSignal): Promise<void> {
    this.#fill();
    this.#tokens--;
    if (this.#tokens >= 0) return;
    await sleep(this.#clock, (-this.#tokens * 1000) / this.#rate.qps, signal);
    // Whoever gave up leaves its token to the others.
    if (signal.aborted) this.#tokens++;
  }

  #fill(): void {
    const now = this.#clock.now();
    const fresh = ((now - this.#filledAt) / 1000) * this.#rate.qps;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + fresh);
    this.#filledAt = now;
  }
}
