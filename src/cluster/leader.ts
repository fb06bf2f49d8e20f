import type { ApiWriter, CallOptions } from './api-writer.ts';
import { type Clock, jittered, type Random, sleep, systemClock } from './clock.ts';
import { ApiStatusError, asError } from './faults.ts';
import {
  asLease,
  type Lease,
  type LeaseAddress,
  leasePath,
  leasesPath,
  microTime,
  withSpec,
} from './lease-object.ts';
import { type Logger, silentLogger } from './observer.ts';

export interface LeaderElectionOptions extends LeaseAddress {
  readonly writer: Pick<ApiWriter, 'create' | 'get' | 'replace'>;
  /** Of this process and no other, not even of its successor in the same pod. */
  readonly identity: string;
  /** Does what only the leader may, until the signal says that it is no longer, and then ends soon. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly onChange?: (isLeader: boolean) => void;
  readonly leaseDurationMs?: number;
  /** Shorter than the lease: the rest is the time that `lead` has to end. */
  readonly renewDeadlineMs?: number;
  readonly retryMs?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly wallClock?: () => Date;
}

/** As client-go has them. */
const LEASE_DURATION_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2000;

/** The Lease as it was last seen, and since when it has been so by our own clock. */
interface Seen {
  readonly json: Record<string, unknown>;
  readonly lease: Lease;
  readonly since: number;
}

/**
 * One of several processes leads, by a Lease.
 *
 * - Every write is on condition of the resourceVersion that was looked at: of two who try, one succeeds.
 * - A holder is dead when its Lease has not changed for its duration by our monotonic clock; no wall clocks are
 *   compared, so that none need be right.
 * - A leader counts from before it sent the last renewal that succeeded, and stops at the deadline whatever is under
 *   way: sooner than anybody else may begin.
 * - `lead` never runs twice at once, and the Lease is let go only when it has ended.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  #seen: Seen | undefined;
  /** Until then nobody else may lead; in the past where we do not. */
  #leadUntil = -Infinity;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#logger = options.logger ?? silentLogger;
    this.#leaseDurationMs = options.leaseDurationMs ?? LEASE_DURATION_MS;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? RENEW_DEADLINE_MS;
    this.#retryMs = options.retryMs ?? RETRY_MS;
    if (this.#renewDeadlineMs >= this.#leaseDurationMs) {
      throw new RangeError('a leader must stop before its lease ends: renewDeadlineMs < leaseDurationMs');
    }
  }

  /** Asked by the clock, so that it is right even where a timer comes late. */
  get isLeader(): boolean {
    return this.#clock.now() < this.#leadUntil;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Returns when `lead` has ended and the Lease is free for others. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('stopped'));
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      if (await this.#tried(signal)) await this.#term();
      await sleep(this.#clock, jittered(this.#retryMs, this.#random), signal);
    }
  }

  /** From the first moment of leading to the end of all that was led. */
  async #term(): Promise<void> {
    const over = new AbortController();
    const ended = new AbortController();
    this.#tell(true);
    const led = this.#lead(over.signal).finally(() => ended.abort());
    await this.#keep(AbortSignal.any([this.#stopped.signal, ended.signal]));
    over.abort(new Error('no longer the leader'));
    await led;
    await this.#release();
    this.#leadUntil = -Infinity;
    this.#tell(false);
  }

  async #lead(signal: AbortSignal): Promise<void> {
    try {
      await this.#options.lead(signal);
    } catch (error) {
      if (!signal.aborted) this.#logger.error({ err: error }, `leading failed: ${asError(error).message}`);
    }
  }

  /** Renews until the lease is lost, the deadline passes, or the signal says so. */
  async #keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.isLeader) {
      // The end of the term may fall into a wait or a request.
      const late = new AbortController();
      const cancel = this.#clock.after(this.#leadUntil - this.#clock.now(), () => late.abort());
      const either = AbortSignal.any([signal, late.signal]);
      await sleep(this.#clock, jittered(this.#retryMs, this.#random), either);
      if (!either.aborted) await this.#tried(either);
      cancel();
    }
  }

  /** One attempt to get or to keep the lease; an error counts as none. */
  async #tried(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#attempt(signal);
    } catch (thrown) {
      if (!signal.aborted) {
        const { namespace, name } = this.#options;
        this.#logger.warn({ namespace, name }, `Lease ${namespace}/${name}: ${asError(thrown).message}`);
      }
      return false;
    }
  }

  async #attempt(signal: AbortSignal): Promise<boolean> {
    const options = { effect: false, signal, deadlineMs: this.#renewDeadlineMs / 2 };
    // What we wrote last need not be looked at before it is renewed, unless it is not as it was.
    if (this.isLeader && this.#seen && (await this.#take(options))) return true;
    await this.#look(options);
    if (!this.#seen || this.#mayTake(this.#seen)) return this.#take(options);
    this.#leadUntil = -Infinity;
    return false;
  }

  async #take(options: CallOptions): Promise<boolean> {
    const sentAt = this.#clock.now();
    const written = await this.#write(options);
    if (!written) return false;
    this.#seen = { json: written, lease: asLease(written), since: sentAt };
    this.#leadUntil = sentAt + this.#renewDeadlineMs;
    return true;
  }

  async #look(options: CallOptions): Promise<void> {
    const json = await this.#options.writer.get(leasePath(this.#options), options);
    const lease = json && asLease(json);
    // Unchanged: then it is as old as when it was first seen so.
    if (lease?.resourceVersion !== undefined && lease.resourceVersion === this.#seen?.lease.resourceVersion)
      return;
    this.#seen = json && lease && { json, lease, since: this.#clock.now() };
  }

  #mayTake({ lease, since }: Seen): boolean {
    if (lease.holder === undefined || lease.holder === this.#options.identity) return true;
    const duration = Math.max(this.#leaseDurationMs, (lease.durationSeconds ?? 0) * 1000);
    return this.#clock.now() - since >= duration;
  }

  /** The Lease as it was written; undefined where somebody else was quicker. */
  async #write(options: CallOptions): Promise<Record<string, unknown> | undefined> {
    const { writer, namespace, name, labels = {}, identity } = this.#options;
    const seen = this.#seen;
    try {
      if (seen)
        return await writer.replace(leasePath(this.#options), withSpec(seen.json, this.#spec(seen)), options);
      const kind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
      const body = { ...kind, metadata: { namespace, name, labels }, spec: this.#spec() };
      return await writer.create(leasesPath(namespace), body, options);
    } catch (error) {
      if (!(error instanceof ApiStatusError && [404, 409].includes(error.status))) throw error;
      this.#logger.info({ namespace, name, identity }, `Lease ${namespace}/${name} is not as it was`);
      this.#seen = undefined;
      return undefined;
    }
  }

  #spec(seen?: Seen): object {
    const { identity, wallClock = () => new Date() } = this.#options;
    const now = microTime(wallClock());
    const transitions = seen?.lease.transitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      renewTime: now,
      ...(seen?.lease.holder !== identity && {
        acquireTime: now,
        leaseTransitions: seen ? transitions + 1 : 0,
      }),
    };
  }

  /** Best effort: what is not let go runs out. */
  async #release(): Promise<void> {
    const seen = this.#seen;
    this.#seen = undefined;
    if (seen?.lease.holder !== this.#options.identity) return;
    const body = withSpec(seen.json, { holderIdentity: '' });
    const options = { effect: false, deadlineMs: this.#renewDeadlineMs / 2 };
    await this.#options.writer.replace(leasePath(this.#options), body, options).catch((error: unknown) => {
      this.#logger.info({ err: error }, `the Lease is left to run out: ${asError(error).message}`);
    });
  }

  #tell(isLeader: boolean): void {
    const { namespace, name, identity, onChange } = this.#options;
    const message = isLeader ? 'leading' : 'no longer leading';
    this.#logger.info({ namespace, name, identity }, message);
    onChange?.(isLeader);
  }
}
