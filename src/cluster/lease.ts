import type { ApiWriter } from './api-writer.ts';
import { Backoff } from './backoff.ts';
import { type Clock, jittered, type Random, sleep, systemClock } from './clock.ts';
import { asError, retryAfterOf } from './faults.ts';
import { type LeaseAddress, leasePath, leasesPath, microTime } from './lease-object.ts';
import { patchOrCreate } from './patch-or-create.ts';

/** Its methods must not throw. */
interface HeartbeatObserver {
  beaten(): void;
  failed(error: Error): void;
}

export interface HeartbeatOptions extends LeaseAddress {
  readonly writer: Pick<ApiWriter, 'create' | 'patch'>;
  readonly holder: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Asked each time. */
  readonly annotations?: () => Readonly<Record<string, string>>;
  /** About how often; 30 s where nothing is said. */
  readonly everyMs?: number;
  readonly observer?: Partial<HeartbeatObserver>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly wallClock?: () => Date;
}

/** Silence counts after minutes only, and a thousand nodes that beat as often as kubelets do are a load by themselves. */
export const EVERY_MS = 30_000;
const BACKOFF_BASE_MS = 1000;
/** A Lease that is older than that many beats is a dead one, says its duration. */
const BEATS_TO_DEATH = 4;

/**
 * Keeps a Lease fresh that one process only writes, for others to see that it lives.
 *
 * - The Lease is made where it is not there, also when somebody deletes it meanwhile.
 * - What goes wrong is observed and tried again, sooner than the next beat would be.
 * - No beat is an effect to test crashes at: it says nothing but the time.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #everyMs: number;
  readonly #backoff: Backoff;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#everyMs = options.everyMs ?? EVERY_MS;
    this.#backoff = new Backoff(Math.min(BACKOFF_BASE_MS, this.#everyMs), this.#everyMs, this.#random);
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Leaves the Lease as it is: it grows old by itself. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('stopped'));
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const waitMs = await this.#round();
      await sleep(this.#clock, waitMs, signal);
    }
  }

  /** One beat; returns how long to wait for the next one. */
  async #round(): Promise<number> {
    const { observer } = this.#options;
    try {
      await this.#beat();
      this.#backoff.reset();
      observer?.beaten?.();
      return jittered(this.#everyMs, this.#random);
    } catch (thrown) {
      if (this.#stopped.signal.aborted) return 0;
      const error = asError(thrown);
      observer?.failed?.(error);
      const asked = retryAfterOf(error);
      return Math.max(asked, this.#backoff.next());
    }
  }

  async #beat(): Promise<void> {
    const patch = this.#lease();
    await patchOrCreate(
      this.#options.writer,
      {
        collection: leasesPath(this.#options.namespace),
        path: leasePath(this.#options),
        patch,
        object: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...patch },
      },
      { effect: false, signal: this.#stopped.signal },
    );
  }

  #lease() {
    const { namespace, name, holder, labels = {}, annotations, wallClock = () => new Date() } = this.#options;
    return {
      metadata: { namespace, name, labels, annotations: annotations?.() ?? {} },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: Math.ceil((this.#everyMs * BEATS_TO_DEATH) / 1000),
        renewTime: microTime(wallClock()),
      },
    };
  }
}
