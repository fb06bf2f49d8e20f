import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 50;

/** What was waited for did not come in time; the cause is the error that the last attempt ended in, if it did. */
class WaitError extends Error {
  override readonly name = 'WaitError';
}

interface WaitOptions {
  readonly timeoutMs?: number;
  /** Gives up at once, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Asks again and again until the answer is neither `undefined` nor `false`, and returns it.
 * An error counts as "not yet": a server that is just coming up refuses connections.
 */
export async function waitFor<T>(
  what: string,
  ask: () => T | Promise<T>,
  { timeoutMs = 90_000, signal }: WaitOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const { answer, error } = await attempt(ask);
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (performance.now() > deadline) {
      const why = error === undefined ? '' : `: ${error.message}`;
      throw new WaitError(`waited ${timeoutMs / 1000} s in vain for ${what}${why}`, { cause: error });
    }
    await sleep(EVERY_MS);
  }
}

async function attempt<T>(ask: () => T | Promise<T>): Promise<{ answer?: T; error?: Error }> {
  try {
    return { answer: await ask() };
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}
