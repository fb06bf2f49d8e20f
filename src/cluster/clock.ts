/** Time as the loops see it, so that tests can let hours pass. */
export interface Clock {
  /** Milliseconds that only ever grow; where they begin means nothing. */
  now(): number;
  /** Calls back once, unless what it returns is called before. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** A number from 0 up to 1, as Math.random gives it. */
export type Random = () => number;

/** A duration within a fifth of the given one, so that replicas do not do the same thing at once. */
export function jittered(ms: number, random: Random): number {
  return ms * (0.8 + 0.4 * random());
}

/** Waits, or returns at once when the signal says so. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(ms, end);
  signal.addEventListener('abort', end, { once: true });
  function end(): void {
    cancel();
    signal.removeEventListener('abort', end);
    resolve();
  }
  return promise;
}

/** Waits for the work, and no longer than that; true where it is done by then. What it does later is nobody's business. */
export async function doneWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const done = new AbortController();
  const late = sleep(clock, ms, done.signal).then(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    done.abort();
  }
}
