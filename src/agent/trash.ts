import { type Clock, sleep } from '../cluster/clock.ts';
import { RateLimit } from '../cluster/rate-limit.ts';
import type { Directory } from './os/directory.ts';
import { STATE_FOLDER } from './os/errors.ts';
import { mountsWithin } from './os/mounts.ts';
import { ToolFailed } from './os/tools.ts';
import { TRASH_FOLDER } from './pool-root.ts';
import type { Pool } from './pool.ts';
import type { Remover, RetiredVolume } from './remover.ts';
import { itemOf, type Outcome, type Pace, TrashItem } from './trash-item.ts';

export interface TrashFigures {
  /** Retired volumes in the trash, as far as they were seen. */
  readonly items: number;
  /** Of those, the ones that cannot be deleted at present. */
  readonly stuck: number;
  readonly entriesDeleted: number;
}

/** Its methods must not throw. */
export interface TrashObserver {
  deleted(count: number): void;
  itemDone(name: string): void;
  stuck(name: string, why: string): void;
  /** While there is something to delete, every ten seconds at most. */
  progress(figures: TrashFigures): void;
  /** The trash could not be worked on at all; it is tried again. */
  failed(error: unknown): void;
}

export interface TrashOptions {
  readonly clock: Clock;
  readonly observer: TrashObserver;
  /** Files and directories a second; finite. */
  readonly maxDeleteRate: number;
  /**
   * Of the backends that this pool has at the time; asked for in each round. Undefined while its disk has a fault: then
   * nothing is deleted, and nothing counts as gone.
   */
  readonly removers?: () => readonly Remover[] | undefined;
}

/** How much may be saved up, in time: enough for timers that are a few milliseconds late. */
const BURST_S = 0.05;
/** For so long the pool is held open; in between, its disk can be unmounted. */
const ROUND_MS = 2_000;
const PROGRESS_MS = 10_000;
/** Looks on its own: somebody may have put something in, or taken something out. */
const IDLE_MS = 600_000;
const FIRST_PAUSE_MS = 60_000;
const LAST_PAUSE_MS = 3_600_000;
const FIRST_FAILURE_MS = 5_000;

interface Round {
  readonly mounted: readonly string[];
  readonly end: number;
  readonly removers: readonly Remover[];
}

interface Stuck {
  readonly pauseMs: number;
  readonly until: number;
}

/**
 * Deletes in the background what was moved into the trash of a pool, and nothing else: any number of files, at any
 * depth, one at a time. Ended anywhere, it goes on from what is still there.
 */
export class Trash {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #observer: TrashObserver;
  readonly #rate: RateLimit;
  readonly #removers: () => readonly Remover[] | undefined;
  readonly #ending = new AbortController();
  readonly #stuck = new Map<string, Stuck>();
  #known = new Set<string>();
  #entriesDeleted = 0;
  #unreported = 0;
  #progressAt: number;
  #failures = 0;
  #waking = new AbortController();
  #running: Promise<void> | undefined;

  constructor(pool: Pool, { clock, observer, maxDeleteRate, removers = () => [] }: TrashOptions) {
    this.#pool = pool;
    this.#clock = clock;
    this.#observer = observer;
    this.#removers = removers;
    this.#rate = new RateLimit({ qps: maxDeleteRate, burst: Math.max(1, maxDeleteRate * BURST_S) }, clock);
    this.#progressAt = clock.now();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Returns once nothing is being deleted any more, which is soon. It cannot be started again. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#waking.abort();
    await this.#running;
  }

  /** There is something new in the trash. */
  wake(): void {
    this.#waking.abort();
  }

  get figures(): TrashFigures {
    return { items: this.#known.size, stuck: this.#stuck.size, entriesDeleted: this.#entriesDeleted };
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      this.#waking = new AbortController();
      const restMs = await this.#round();
      this.#report();
      if (restMs > 0 && !this.#ending.signal.aborted) await sleep(this.#clock, restMs, this.#waking.signal);
    }
  }

  /** Works for a while; returns how long there is nothing to do then. */
  async #round(): Promise<number> {
    const removers = this.#removers();
    if (!removers) return FIRST_FAILURE_MS;
    try {
      const restMs = await this.#pool.withRoot(async (root) => {
        await using state = await root.openDirectory(STATE_FOLDER);
        await using trash = await state.openDirectory(TRASH_FOLDER);
        return await this.#work(trash, removers);
      });
      this.#failures = 0;
      return restMs;
    } catch (error) {
      this.#observer.failed(error);
      return Math.min(FIRST_FAILURE_MS * 2 ** this.#failures++, LAST_PAUSE_MS);
    }
  }

  async #work(trash: Directory, removers: readonly Remover[]): Promise<number> {
    const retired = await Promise.all(removers.map((remover) => this.#retired(remover)));
    this.#see(new Set([...(await namesIn(trash)), ...retired.flat()]));
    const mounted = await mountsWithin(trash.realPath());
    // From here on: what comes before may take as long by itself, round after round.
    const end = this.#clock.now() + ROUND_MS;
    for (const name of this.#known) {
      if ((this.#stuck.get(name)?.until ?? 0) > this.#clock.now()) continue;
      const outcome = await this.#delete(trash, name, { mounted, end, removers });
      if (outcome.kind === 'unfinished') return 0;
      if (outcome.kind === 'stuck') this.#setAside(name, outcome.why);
      else this.#done(name);
    }
    const next = Math.min(
      ...[...this.#stuck.values()].map(({ until }) => until - this.#clock.now()),
      IDLE_MS,
    );
    return Math.max(1, next);
  }

  /** Where a program of the node fails, nothing that was there counts as gone, and everything else goes on. */
  async #retired(remover: Remover): Promise<readonly string[]> {
    try {
      return await remover.retired();
    } catch (error) {
      if (!(error instanceof ToolFailed)) throw error;
      this.#observer.failed(error);
      return [...this.#known];
    }
  }

  async #delete(trash: Directory, name: string, round: Round): Promise<Outcome> {
    const here = `${trash.realPath()}/${name}`;
    const mount = round.mounted.find((point) =>
      [here, `${here}~`].some((top) => `${point}/`.startsWith(`${top}/`)),
    );
    if (mount !== undefined) return { kind: 'stuck', why: `something is mounted at ${mount}` };
    const deleteFiles = () => new TrashItem(trash, name, this.#pace(round.end)).delete();
    return await destroy({ name, trash, deleteFiles }, round.removers);
  }

  #pace(end: number): Pace {
    const { signal } = this.#ending;
    return {
      mayDelete: async () => {
        if (signal.aborted || this.#clock.now() >= end) return false;
        await this.#rate.take(signal);
        return !signal.aborted;
      },
      deleted: () => {
        this.#entriesDeleted += 1;
        this.#unreported += 1;
      },
    };
  }

  /** Notes what there is; what is gone without our doing is done as well. */
  #see(names: ReadonlySet<string>): void {
    for (const name of this.#known) if (!names.has(name)) this.#done(name);
    this.#known = new Set(names);
  }

  #done(name: string): void {
    this.#known.delete(name);
    this.#stuck.delete(name);
    this.#observer.itemDone(name);
  }

  #setAside(name: string, why: string): void {
    const before = this.#stuck.get(name);
    const pauseMs = before ? Math.min(before.pauseMs * 2, LAST_PAUSE_MS) : FIRST_PAUSE_MS;
    this.#stuck.set(name, { pauseMs, until: this.#clock.now() + pauseMs });
    this.#observer.stuck(name, why);
  }

  #report(): void {
    if (this.#unreported > 0) this.#observer.deleted(this.#unreported);
    this.#unreported = 0;
    const now = this.#clock.now();
    if (this.#known.size === 0 || now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    this.#observer.progress(this.figures);
  }
}

/** What a program of the node refuses concerns this one volume; the others go on. */
async function destroy(volume: RetiredVolume, removers: readonly Remover[]): Promise<Outcome> {
  try {
    for (const remover of removers) {
      const outcome = await remover.destroy(volume);
      if (outcome) return outcome;
    }
  } catch (error) {
    if (error instanceof ToolFailed) return { kind: 'stuck', why: error.message };
    throw error;
  }
  return await volume.deleteFiles();
}

/** The items; what was moved up counts with the item that it is from. */
async function namesIn(trash: Directory): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for await (const { name } of trash.entries()) {
    const text = name.toString();
    // We never give a name that is not UTF-8.
    if (Buffer.from(text).equals(name)) names.add(itemOf(text));
  }
  return names;
}
