import { orAborted } from '../cluster/watchdog.ts';
import { type Clock, sleep } from '../cluster/clock.ts';
import type { Logger } from '../cluster/observer.ts';
import { WorkQueue } from '../cluster/work-queue.ts';
import { execute, type Tools, wordsFor } from './execute.ts';
import type { Followers } from './followers.ts';
import { Patience } from './patience.ts';
import { plan, type Step, stepKey } from './plan.ts';

/** Its methods must not throw. */
export interface SweepObserver {
  acted(kind: Step['kind']): void;
  failed(kind: Step['kind'], error: Error): void;
}

export interface TermOptions {
  readonly followers: Pick<Followers, 'start' | 'stop' | 'synced' | 'world'>;
  readonly tools: Tools;
  /** Asked before each step, for a process that slept may not know yet that it no longer leads. */
  readonly isLeader: () => boolean;
  readonly delayMs: number;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: Partial<SweepObserver>;
}

/** The rate of calls is limited elsewhere; to free a claim takes a pause. */
const WORKERS = 8;
/** A step that is done and yet still to be done, as the watches tell it, is done again after so long. */
const AGAIN_MS = 30_000;
/** What is only said is said again when its Event has gone, after an hour where nobody has set another time. */
const SAID_AGAIN_MS = 3_600_000;

/**
 * One term as the leader: looks at the cluster every few seconds and does what is to be done.
 *
 * - All that was seen before belongs to another term: every delay begins with this one.
 * - A step that fails is tried again with a growing delay, as it is planned then, for as long as it is planned.
 */
export class Term {
  readonly #options: TermOptions;
  readonly #patience: Patience;
  readonly #queue: WorkQueue;
  #planned: ReadonlyMap<string, Step> = new Map();
  readonly #handedOutAt = new Map<string, number>();

  constructor(options: TermOptions) {
    this.#options = options;
    const { clock, observer, logger, delayMs } = options;
    this.#patience = new Patience(delayMs);
    const retried = (key: string, error: Error, waitMs: number): void => {
      const step = this.#planned.get(key);
      if (!step) return;
      observer.failed?.(step.kind, error);
      const { kind } = step;
      const { namespace, name } = step.object;
      logger.warn({ kind, namespace, name, retryInMs: Math.round(waitMs) }, `${kind}: ${error.message}`);
    };
    this.#queue = new WorkQueue({ workers: WORKERS, clock, observer: { retried } });
  }

  /** Until the signal says that it is over. */
  async serve(signal: AbortSignal): Promise<void> {
    const { followers, clock, everyMs } = this.#options;
    followers.start();
    try {
      await orAborted(followers.synced(), signal);
      this.#queue.start((key, stopped) => this.#do(key, AbortSignal.any([signal, stopped])));
      while (!signal.aborted) {
        this.look();
        await sleep(clock, everyMs, signal);
      }
    } finally {
      await this.#queue.stop();
      await followers.stop();
    }
  }

  /** One pass. */
  look(): void {
    const { followers, clock } = this.#options;
    const now = clock.now();
    const world = followers.world();
    this.#patience.observe(world, now);
    this.#planned = new Map(plan(world, this.#patience).map((step) => [stepKey(step), step]));
    for (const key of this.#handedOutAt.keys()) {
      if (!this.#planned.has(key)) this.#handedOutAt.delete(key);
    }
    for (const [key, { kind }] of this.#planned) {
      const againMs = kind === 'tell-claim' ? SAID_AGAIN_MS : AGAIN_MS;
      if (now - (this.#handedOutAt.get(key) ?? -Infinity) < againMs) continue;
      this.#handedOutAt.set(key, now);
      this.#queue.add(key);
    }
  }

  async #do(key: string, signal: AbortSignal): Promise<void> {
    const step = this.#planned.get(key);
    const { isLeader, tools, observer, logger, clock } = this.#options;
    if (!step || !isLeader()) return;
    // While it fails it is the queue's to come back to.
    this.#handedOutAt.set(key, Infinity);
    const isDone = await execute(step, tools, signal);
    this.#handedOutAt.set(key, clock.now());
    if (!isDone) return;
    observer.acted?.(step.kind);
    const { kind, object, because } = step;
    const why = because.map((reason) => wordsFor(reason, nodeOf(step), tools.delaySeconds));
    logger.info({ kind, namespace: object.namespace, name: object.name, why }, kind);
  }
}

function nodeOf({ object }: Step): string {
  if ('selectedNode' in object) return object.selectedNode;
  return 'nodeKey' in object ? object.nodeKey : object.hostname;
}
