import { randomBytes } from 'node:crypto';
import type { ApiWriter } from './api-writer.ts';
import { Backoff } from './backoff.ts';
import { type Clock, type Random, systemClock } from './clock.ts';
import { ApiStatusError, asError } from './faults.ts';
import { type ObjectReference, type Repeated, eventBody, eventsPath, withinLimit } from './event.ts';
import { type Logger, silentLogger } from './observer.ts';
import { type Rate, RateLimit } from './rate-limit.ts';
import { Recent } from './recent.ts';

export interface EventRecorderOptions {
  readonly writer: Pick<ApiWriter, 'create' | 'patch'>;
  /** Who says it, such as `t-local-volume-agent`. */
  readonly component: string;
  /** The node; a pod's name where there is none. */
  readonly host: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly wallClock?: () => Date;
}

/** Of messages that differ, and of objects that are talked about. */
const REMEMBERED = 1000;
/** How often a repetition is written. */
const REPEAT_MS = 60_000;
/** As client-go limits what is said of one object: 25 at once, then one in five minutes. */
const PER_OBJECT: Rate = { qps: 1 / 300, burst: 25 };
const MAX_ATTEMPTS = 5;
const RETRY_BASE_MS = 2000;
const RETRY_CAP_MS = 30_000;
/** How often a failure is logged. */
const COMPLAIN_MS = 60_000;
const FLUSH_MS = 5000;

/** One message about one object, and how much of it the cluster knows. */
interface Said extends Repeated {
  count: number;
  lastAt: Date;
  /** The count that was written; 0 until there is an Event. */
  written: number;
  writtenAt: number;
  attempts: number;
  isBeingWritten: boolean;
  readonly backoff: Backoff;
  /** Where it waits for a later write. */
  cancel: (() => void) | undefined;
}

/**
 * Events that `kubectl describe` shows.
 *
 * - Best effort: nothing here throws or makes the caller wait; what cannot be written is tried a few times, then left.
 * - What repeats is one Event whose count grows, written once a minute at most.
 * - Memory is bounded, and so is what is said of one object, whatever is recorded.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #wallClock: () => Date;
  readonly #logger: Logger;
  readonly #said = new Recent<Said>(REMEMBERED, (said) => said.cancel?.());
  readonly #limits = new Recent<RateLimit>(REMEMBERED);
  readonly #toWrite = new Set<Said>();
  #writing: Promise<void> | undefined;
  #complainedAt = -Infinity;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#wallClock = options.wallClock ?? (() => new Date());
    this.#logger = options.logger ?? silentLogger;
  }

  record(object: ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const words = withinLimit(message);
    const key = JSON.stringify([object.uid, type, reason, words]);
    const said = this.#said.use(key, () => this.#begin(object, type, reason, words));
    said.count++;
    said.lastAt = this.#wallClock();
    said.attempts = 0;
    if (said.cancel || said.isBeingWritten || this.#toWrite.has(said)) return;
    const waitMs = said.written === 0 ? 0 : said.writtenAt + REPEAT_MS - this.#clock.now();
    this.#writeAfter(said, waitMs);
  }

  /** Writes what waits, and returns when each was tried once or the time is over; for the end of the process. */
  async flush(deadlineMs = FLUSH_MS): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(deadlineMs, resolve);
    await Promise.race([this.#flush(), late]);
    cancel();
    for (const said of this.#said.values()) said.cancel?.();
    this.#toWrite.clear();
  }

  async #flush(): Promise<void> {
    await this.#writing;
    for (const said of this.#said.values()) {
      if (!said.cancel) continue;
      said.cancel();
      this.#enqueue(said);
    }
    await this.#writing;
  }

  #begin(object: ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): Said {
    const { component, host } = this.#options;
    const now = this.#wallClock();
    const counts = { count: 0, written: 0, writtenAt: 0, attempts: 0, isBeingWritten: false };
    return {
      ...counts,
      object,
      type,
      reason,
      message,
      component,
      host,
      name: '',
      firstAt: now,
      lastAt: now,
      backoff: new Backoff(RETRY_BASE_MS, RETRY_CAP_MS, this.#options.random ?? Math.random),
      cancel: undefined,
    };
  }

  #writeAfter(said: Said, ms: number): void {
    if (ms <= 0) {
      this.#enqueue(said);
      return;
    }
    said.cancel?.();
    const cancel = this.#clock.after(ms, () => this.#enqueue(said));
    said.cancel = () => {
      cancel();
      said.cancel = undefined;
    };
  }

  #enqueue(said: Said): void {
    said.cancel = undefined;
    this.#toWrite.add(said);
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined));
  }

  /** One after the other: it is no hurry, and the API server has better to do. */
  async #writeAll(): Promise<void> {
    for (const said of this.#toWrite) {
      this.#toWrite.delete(said);
      await this.#write(said);
    }
  }

  async #write(said: Said): Promise<void> {
    const { count } = said;
    if (!this.#limit(said).tryTake()) {
      this.#complain(said, new Error('more is said of this object than is allowed'));
      return;
    }
    said.isBeingWritten = true;
    try {
      if (said.written === 0 || !(await this.#repeat(said))) await this.#create(said);
      said.written = count;
      said.writtenAt = this.#clock.now();
      said.backoff.reset();
      if (said.count > count) this.#writeAfter(said, REPEAT_MS);
    } catch (thrown) {
      this.#failed(said, asError(thrown));
    } finally {
      said.isBeingWritten = false;
    }
  }

  async #create(said: Said): Promise<void> {
    // An answer that was lost leaves the name as it is: the Event is found to be there.
    said.name ||= `${said.object.name.slice(0, 230)}.${randomBytes(8).toString('hex')}`;
    try {
      await this.#options.writer.create(eventsPath(said), eventBody(said), { effect: false });
    } catch (error) {
      if (!(error instanceof ApiStatusError && error.status === 409)) throw error;
    }
  }

  /** False where the Event is gone, as all are after an hour. */
  async #repeat(said: Said): Promise<boolean> {
    const { count, lastTimestamp } = eventBody(said);
    try {
      const path = `${eventsPath(said)}/${said.name}`;
      await this.#options.writer.patch(path, { count, lastTimestamp }, 'merge', { effect: false });
      return true;
    } catch (error) {
      if (!(error instanceof ApiStatusError && error.status === 404)) throw error;
      said.name = '';
      return false;
    }
  }

  #limit({ object }: Said): RateLimit {
    return this.#limits.use(object.uid, () => new RateLimit(PER_OBJECT, this.#clock));
  }

  #failed(said: Said, error: Error): void {
    this.#complain(said, error);
    const status = error instanceof ApiStatusError ? error : undefined;
    const isFinal = status !== undefined && status.status < 500 && status.status !== 429;
    if (isFinal || ++said.attempts >= MAX_ATTEMPTS) return;
    this.#writeAfter(said, Math.max(status?.retryAfterMs ?? 0, said.backoff.next(), 1));
  }

  #complain({ object, reason }: Said, error: Error): void {
    const now = this.#clock.now();
    if (now - this.#complainedAt < COMPLAIN_MS) return;
    this.#complainedAt = now;
    const fields = { kind: object.kind, namespace: object.namespace, name: object.name, reason };
    this.#logger.warn(fields, `an Event could not be written: ${error.message}`);
  }
}
