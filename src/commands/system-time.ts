import { setTimeout as delay } from 'node:timers/promises';
import type { Time } from '../../certs/source.ts';

/** The real time, for what lets tests have another one. */
export const SYSTEM_TIME: Time = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  delay: async (ms, signal) => {
    try {
      await delay(ms, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
};
