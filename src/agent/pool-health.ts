import { type Clock, sleep } from '../cluster/clock.ts';
import { asError } from '../cluster/faults.ts';
import type { Logger } from '../cluster/observer.ts';
import type { Kit, Space } from './backends/backend.ts';
import { Backends } from './backends/backends.ts';
import { Ledger } from './ledger.ts';
import { type Measurement, Measuring, NO_SPACE } from './measure.ts';
import { type DiskFault, hasCode, STATE_FOLDER } from './os/errors.ts';
import { Pool, type PoolLook, type PoolOptions } from './pool.ts';
import type { Reserve } from './reserve.ts';
import { Room } from './room.ts';
import { PLAIN, sourceNameOf, type Storage } from './storage.ts';

/** How often a disk is looked at that was there: whoever works on it tells at once of what they meet. */
const LOOK_MS = 30_000;
/** And one that was not: people wait for it to be back. */
const MISSED_MS = 10_000;
/** After that nobody waits for a look: claims are better off on another node. Longer than any program is given. */
const SILENT_MS = 150_000;
/** What an operation could not write counts for so long, whatever the filesystem says that it has left. */
const FULL_MS = 60_000;
const OF_A_FULL_DISK = ['ENOSPC', 'EDQUOT'];
const PROBE_FILE = 'probe';
const POOL = sourceNameOf(PLAIN);
/** A filesystem with fewer free inodes than that is full. */
const FREE_INODES_MIN = 128;

/** A pool that was seen to be there, and to be the one that belongs to this node. */
export interface HealthyPool {
  readonly id: string;
  readonly pool: Pool;
  readonly backends: Backends;
  readonly ledger: Ledger;
  /** What may still be promised. */
  readonly room: Room;
  /** Of the filesystem that the pool is on. */
  readonly space: Space;
  /** What is never promised of it. */
  readonly reservedBytes: number;
}

export interface PoolHealthOptions {
  readonly root: string;
  readonly node: string;
  readonly pool: PoolOptions;
  /** What backends have beside the pool. */
  readonly kit: Omit<Kit, 'pool'>;
  /** How classes want volumes to be kept that need not have any yet. */
  readonly wanted: () => readonly Storage[];
  readonly reserve: Reserve;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The id that the cluster remembers for this node; asked while the pool is not healthy. */
  readonly remembered: () => Promise<string | undefined>;
  /** Whether the API knows any volume of this node. */
  readonly hasVolumes: () => boolean;
  /** What else keeps the root from being served, as it is now. */
  readonly objection?: () => Promise<string | undefined>;
  /** It has become healthy, or has ceased to be, or its space is another. */
  readonly changed: (what: 'health' | 'space') => void;
}

/**
 * Whether this node's storage is there, by a look now and then and after every fault.
 *
 * - An id is made only where the root is empty and neither the API nor the Lease knows of any storage of this node: an
 *   unmounted disk must look like a fault, not like a new node.
 * - A fault that some operation met counts until a look has shown that the disk can be written to again.
 * - A look that hangs is a fault, and the only one that is under way: each one takes a thread of the few that there are.
 *   When it comes to an end after all, everything is as it was.
 */
export class PoolHealth {
  readonly #options: PoolHealthOptions;
  readonly #stopped = new AbortController();
  #pool: HealthyPool | undefined;
  #why = 'it was not looked at yet';
  #fullUntil = -Infinity;
  #loop: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #lookedAt = -Infinity;
  /** Aborted as soon as the look that is under way has shown that the disk answers. */
  #answered = new AbortController();
  /** What there was until the disk did not answer any more. */
  #silenced: HealthyPool | undefined;
  #isSuspected = false;
  readonly #measuring: Measuring;

  constructor(options: PoolHealthOptions) {
    this.#options = options;
    this.#measuring = new Measuring(options.clock);
  }

  get pool(): HealthyPool | undefined {
    return this.#pool;
  }

  /** Why there is no healthy pool. */
  get why(): string {
    return this.#why;
  }

  /** Returns after the first look. */
  async start(): Promise<void> {
    await this.look();
    this.#loop ??= this.#run();
  }

  /** A look that is under way comes to its end, and may hang. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('stopped'));
    this.#answered.abort();
    await this.#loop;
    await this.#looking;
  }

  /** An operation has met this. A full disk is still there: data can be taken from it, which is what mends it. */
  report(fault: DiskFault): void {
    // Whatever else was begun before the silence still needs what it was begun with.
    if (this.#silenced) {
      this.#isSuspected = true;
      return this.#silence(this.#silenced, fault.message);
    }
    if (this.#pool === undefined || !OF_A_FULL_DISK.includes(fault.code)) return this.#lost(fault.message);
    this.#fullUntil = this.#options.clock.now() + FULL_MS;
    this.#pool.room.fill(POOL);
    this.#options.changed('space');
  }

  /** Something takes very long: what the next look reads may come from memory, so it writes, too. */
  suspect(): void {
    this.#isSuspected = true;
  }

  /** Looks now; one look at a time. Returns when it is known how the disk is, be it that it does not answer. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      this.#lookedAt = this.#options.clock.now();
    });
    await this.#orSilence(this.#looking);
  }

  /** What is begun on a disk goes on when it answers again, and then needs the ledger that it began with. */
  async #orSilence(look: Promise<void>): Promise<void> {
    const { root, clock } = this.#options;
    const { signal: answered } = this.#answered;
    await sleep(clock, SILENT_MS, answered);
    if (this.#stopped.signal.aborted) return;
    if (answered.aborted) return look;
    const why = `the disk at ${root} does not answer: it has failed, or is out of reach`;
    this.#silence(this.#pool ?? this.#silenced, why);
  }

  #silence(pool: HealthyPool | undefined, why: string): void {
    this.#lost(why);
    this.#silenced = pool;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stopped.signal.aborted) {
      await sleep(clock, MISSED_MS, this.#stopped.signal);
      const isDue = this.#pool === undefined || clock.now() - this.#lookedAt >= LOOK_MS;
      if (isDue && !this.#stopped.signal.aborted) await this.look();
    }
  }

  async #look(): Promise<void> {
    const { root, pool: options } = this.#options;
    const { signal } = this.#stopped;
    this.#answered = new AbortController();
    try {
      const expectedId = this.#pool?.id ?? (await this.#options.remembered());
      const seen = await Pool.look(root, expectedId === undefined ? options : { ...options, expectedId });
      const why = this.#faultIn(seen, expectedId) ?? (await this.#options.objection?.());
      signal.throwIfAborted();
      if (why !== undefined) this.#lost(why);
      else await this.#found(seen.kind === 'healthy' ? seen.id : await this.#init());
    } catch (error) {
      if (!signal.aborted) this.#lost(asError(error).message);
    } finally {
      this.#answered.abort();
    }
  }

  #faultIn(seen: PoolLook, expectedId: string | undefined): string | undefined {
    const { root, hasVolumes } = this.#options;
    switch (seen.kind) {
      case 'healthy':
        return seen.isReadOnly ? `${root} is mounted read-only` : undefined;
      case 'missing-marker':
        if (seen.isReadOnly) return `${root} is mounted read-only`;
        if (seen.isEmpty && expectedId === undefined && !hasVolumes()) return undefined;
        return `${seen.why} If its data is gone for good, or this is its first disk, run tlv agent --init-pool on this node`;
      case 'other':
        return `${seen.why} If it is meant to be this node's storage from now on, run tlv agent --init-pool on this node`;
      case 'missing-root':
      case 'unreadable':
        return seen.why;
    }
  }

  async #init(): Promise<string> {
    const { root, node, pool, logger } = this.#options;
    const id = await Pool.init(root, node, pool);
    logger.info(
      { root, pool: id },
      `${root} is the pool ${id} now: it was empty, and no volume of this node is known`,
    );
    return id;
  }

  async #found(id: string): Promise<void> {
    const { root, logger, changed } = this.#options;
    const silenced = this.#silenced?.id === id ? this.#silenced : undefined;
    const known = this.#pool ?? silenced;
    const parts = known ?? (await this.#open(id));
    if (!this.#pool || this.#isSuspected) await probe(parts.pool);
    this.#isSuspected = false;
    const measurements = await this.#measure(parts);
    this.#stopped.signal.throwIfAborted();
    // Reported meanwhile: whoever did so knows better.
    if (known && !this.#isStill(known)) return;
    const isNews = this.#pool === undefined;
    this.#silenced = undefined;
    this.#pool = { ...parts, ...this.#take(measurements, parts.room) };
    if (isNews) logger.info({ root, pool: id }, `the pool ${id} is there`);
    changed(isNews ? 'health' : 'space');
  }

  #isStill(known: HealthyPool): boolean {
    return known === this.#pool || (known === this.#silenced && !this.#isSuspected);
  }

  async #measure({ backends, ledger }: Pick<HealthyPool, 'backends' | 'ledger'>): Promise<Measurement[]> {
    const { wanted, logger } = this.#options;
    const what = { backends, entries: ledger.all(), wanted: wanted() };
    const ofPool = await this.#measuring.pool(what);
    // What else is measured has nothing to do with this disk.
    this.#answered.abort();
    const ofOthers = await this.#measuring.others(what, (source, error) =>
      logger.warn({ source }, `nothing is promised of ${source}: ${asError(error).message}`),
    );
    return [ofPool, ...ofOthers];
  }

  async #open(id: string): Promise<Omit<HealthyPool, 'space' | 'reservedBytes'>> {
    const { root, pool: options, kit } = this.#options;
    const pool = new Pool(root, id, options);
    const ledger = await Ledger.open(pool);
    const backends = await Backends.open({ ...kit, pool });
    return { id, pool, ledger, backends, room: new Room(ledger) };
  }

  /** What is reserved is of the disk: of memory and volume groups people have said how much there is to give. */
  #take(measurements: readonly Measurement[], room: Room): Pick<HealthyPool, 'space' | 'reservedBytes'> {
    const space = measurements.find(({ source }) => source === POOL)?.space ?? NO_SPACE;
    const reservedBytes = this.#options.reserve.bytesOf(space.totalBytes);
    room.look(
      measurements.map((seen) => {
        const freeBytes = seen.source === POOL ? this.#giveable(space, reservedBytes) : seen.space.freeBytes;
        return { source: seen.source, freeBytes, taken: seen.taken };
      }),
    );
    return { space, reservedBytes };
  }

  #giveable({ freeBytes, freeInodes = Infinity }: Space, reservedBytes: number): number {
    const { clock } = this.#options;
    const isFull = clock.now() < this.#fullUntil || freeInodes < FREE_INODES_MIN;
    return isFull ? 0 : freeBytes - reservedBytes;
  }

  #lost(why: string): void {
    const { root, logger, changed } = this.#options;
    const isNews = this.#pool !== undefined || this.#why !== why;
    this.#pool = undefined;
    this.#silenced = undefined;
    this.#why = why;
    if (!isNews) return;
    logger.error({ root }, `nothing is provisioned, deleted or published: ${why}`);
    changed('health');
  }
}

/** A disk that has failed may show what it had, and yet take nothing more. A full one takes nothing either, for now. */
async function probe(pool: Pool): Promise<void> {
  try {
    await pool.withRoot(async (root) => {
      await using state = await root.openDirectory(STATE_FOLDER);
      if (await state.status(PROBE_FILE)) await state.removeFile(PROBE_FILE);
      await state.writeNewFile(PROBE_FILE, '');
      await state.removeFile(PROBE_FILE);
    });
  } catch (error) {
    if (!hasCode(error, ...OF_A_FULL_DISK)) throw error;
  }
}
