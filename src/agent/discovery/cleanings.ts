import type { Clock } from '../../cluster/clock.ts';
import type { BeforeEffect } from '../../cluster/effect.ts';
import { asError } from '../../cluster/faults.ts';
import type { Logger } from '../../cluster/observer.ts';
import { RateLimit } from '../../cluster/rate-limit.ts';
import { clean } from './clean.ts';
import type { Place } from './place.ts';
import type { DiscoveryRecord } from './record.ts';
import type { Cleaning } from './state.ts';

const FIRST_PAUSE_MS = 10_000;
const LAST_PAUSE_MS = 600_000;
const PROGRESS_MS = 10_000;
/** How much may be saved up, in time: enough for timers that are a few milliseconds late. */
const BURST_S = 0.05;

export interface CleaningsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxDeleteRate: number;
  readonly before?: BeforeEffect | undefined;
  /** One has ended, or may be tried again. */
  readonly changed: () => void;
}

interface Task {
  readonly volumeUid: string | undefined;
  readonly stopped: AbortController;
  readonly failures: number;
  outcome: 'running' | 'done' | { readonly why: string; readonly retryAt: number };
  ended: Promise<void>;
}

/**
 * What is being cleaned, each disk by itself and for as long as it takes. It is of this process: after a crash, the
 * records say what has to be begun again.
 */
export class Cleanings {
  readonly #options: CleaningsOptions;
  readonly #rate: RateLimit;
  readonly #tasks = new Map<string, Task>();

  constructor(options: CleaningsOptions) {
    this.#options = options;
    const { maxDeleteRate: qps, clock } = options;
    this.#rate = new RateLimit({ qps, burst: Math.max(1, qps * BURST_S) }, clock);
  }

  /** Disks that are not clean yet. */
  get count(): number {
    return [...this.#tasks.values()].filter(({ outcome }) => outcome !== 'done').length;
  }

  of({ hash }: Place): Cleaning | undefined {
    const task = this.#tasks.get(hash);
    if (!task) return undefined;
    const { volumeUid, outcome } = task;
    if (typeof outcome === 'string') return { kind: outcome, volumeUid };
    return {
      kind: 'failed',
      volumeUid,
      why: outcome.why,
      isDue: outcome.retryAt <= this.#options.clock.now(),
    };
  }

  async begin(place: Place, record: DiscoveryRecord): Promise<void> {
    const before = this.#tasks.get(place.hash);
    // Two at once would each take for theirs what the other has just made.
    await this.stop(place);
    const isRetry = before?.volumeUid === record.volumeUid && typeof before?.outcome === 'object';
    const task: Task = {
      volumeUid: record.volumeUid,
      stopped: new AbortController(),
      failures: isRetry ? before.failures + 1 : 0,
      outcome: 'running',
      ended: Promise.resolve(),
    };
    this.#tasks.set(place.hash, task);
    task.ended = this.#run(place, record, task);
  }

  /** Ends it wherever it is, and forgets it. */
  async stop({ hash }: Place): Promise<void> {
    const task = this.#tasks.get(hash);
    task?.stopped.abort(new Error('stopped'));
    await task?.ended;
    this.#tasks.delete(hash);
  }

  async stopAll(): Promise<void> {
    for (const { stopped } of this.#tasks.values()) stopped.abort(new Error('stopped'));
    await Promise.all([...this.#tasks.values()].map(({ ended }) => ended));
  }

  async #run(place: Place, record: DiscoveryRecord, task: Task): Promise<void> {
    const { clock, before, changed } = this.#options;
    const { signal } = task.stopped;
    const progress = this.#progress(place, record);
    try {
      const pace = {
        mayDelete: async () => {
          if (!signal.aborted) await this.#rate.take(signal);
          return !signal.aborted;
        },
        deleted: () => progress.add(1),
      };
      await clean(place, record, { signal, before, pace, wrote: progress.add });
      task.outcome = 'done';
    } catch (error) {
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** task.failures, LAST_PAUSE_MS);
      task.outcome = { why: asError(error).message, retryAt: clock.now() + pauseMs };
    } finally {
      progress.end();
    }
    if (!signal.aborted) changed();
  }

  /** Says every ten seconds how far it is. */
  #progress({ path }: Place, { volume, disk }: DiscoveryRecord) {
    const { clock, logger } = this.#options;
    const startedAt = clock.now();
    let done = 0;
    let cancel = clock.after(PROGRESS_MS, tell);
    function tell(): void {
      const seconds = Math.round((clock.now() - startedAt) / 1000);
      const figures = disk.kind === 'block' ? { bytes: done, ofBytes: disk.bytes } : { entries: done };
      logger.info({ volume, path, seconds, ...figures }, `removing the data at ${path}`);
      cancel = clock.after(PROGRESS_MS, tell);
    }
    return {
      add: (count: number) => {
        done += count;
      },
      end: () => cancel(),
    };
  }
}
