import type { Clock } from './clock.ts';
import { DeadlineError, SilenceError } from './faults.ts';

/** Ends one request: when it has been silent for too long, at its deadline, or when the caller says so. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  readonly #controller = new AbortController();
  readonly #onOuter = (): void => this.#controller.abort(this.#outer.reason);
  #cancelSilence: () => void = () => undefined;
  readonly #cancelDeadline: () => void;

  constructor(clock: Clock, outer: AbortSignal, deadlineMs?: number) {
    this.#clock = clock;
    this.#outer = outer;
    if (outer.aborted) this.#onOuter();
    outer.addEventListener('abort', this.#onOuter, { once: true });
    const onDeadline = (): void =>
      this.#controller.abort(new DeadlineError(`not done in ${Math.round(deadlineMs ?? 0)} ms`));
    this.#cancelDeadline =
      deadlineMs === undefined ? () => undefined : clock.after(Math.max(0, deadlineMs), onDeadline);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** There was a sign of life; the next one is due within this time. */
  feed(ms: number): void {
    this.#cancelSilence();
    this.#cancelSilence = this.#clock.after(ms, () => {
      this.#controller.abort(new SilenceError(`nothing heard for ${Math.round(ms / 1000)} s`));
    });
  }

  release(): void {
    this.#cancelSilence();
    this.#cancelDeadline();
    this.#outer.removeEventListener('abort', this.#onOuter);
  }
}

/** The promise's outcome, or the signal's reason if that comes first; what the promise does later is nobody's business. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  return promise;
}
