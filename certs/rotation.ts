import { execute, type Sight, type Tools } from './execute.ts';
import { LIFETIMES, type Lifetimes } from './lifetime.ts';
import { plan, type Step } from './plan.ts';
import { Serving } from './serving.ts';
import { type CertificateSource, type Log, messageOf, type ServedPair, type Time } from './source.ts';
import { parseState, type Pair } from './state.ts';
import { ConflictError, type BundleStore, type SecretStore } from './stores.ts';
import { PATIENCE, Sightings, type Patience, type Trust } from './trust.ts';

/** What metrics want to know. */
export interface RotationObserver {
  stepped?(step: Step): void;
  conflicted?(): void;
  failed?(error: unknown): void;
  /** Something else is served from now on, until then. */
  served?(notAfter: Date): void;
}

export interface RotationOptions {
  readonly secrets: SecretStore;
  readonly bundles: BundleStore;
  /** What the server is called by; see serverNames. */
  readonly names: readonly string[];
  readonly time: Time;
  readonly log: Log;
  readonly observer?: RotationObserver;
  readonly lifetimes?: Lifetimes;
  readonly patience?: Patience;
  /** How often to look when nothing is wrong. */
  readonly everyMs?: number;
  readonly random?: () => number;
}

const EVERY_MS = 30_000;
const FIRST_RETRY_MS = 1000;
/** A pass that has not come to rest by then is not about to. */
const MOST_LOOKS = 20;

/**
 * Keeps one replica's certificate, together with every other replica that shares the Secret; there is no leader.
 *
 * 1. Each look reads the configurations first, then the Secret, and each write is conditional on what was read: a plan
 *    made from an old Secret never undoes a newer one's bundle.
 * 2. Whoever meets a conflict looks again and plans anew.
 * 3. Whatever fails is tried again, for ever, less and less often; what is served stays served (see Serving).
 */
export class Rotation implements CertificateSource {
  readonly #options: RotationOptions;
  readonly #tools: Tools;
  readonly #serving: Serving;
  readonly #sightings: Sightings;
  readonly #stopping = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #failure: string | undefined;

  constructor(options: RotationOptions) {
    const { secrets, bundles, names, lifetimes = LIFETIMES, patience = PATIENCE, time, log } = options;
    this.#options = options;
    this.#tools = { secrets, bundles, lifetimes };
    this.#serving = new Serving(time, log, names);
    this.#sightings = new Sightings(patience);
    // Whoever waits for these hears of a stop; nobody has to wait.
    this.#started.promise.catch(() => undefined);
    this.#ready.promise.catch(() => undefined);
  }

  current(): ServedPair {
    return this.#serving.current();
  }

  onChange(listener: (pair: ServedPair) => void): () => void {
    return this.#serving.onChange(listener);
  }

  get notAfter(): Date | undefined {
    return this.#serving.pair?.certificate.validToDate;
  }

  get isTrusted(): boolean {
    return this.#serving.distrust === undefined;
  }

  /** The last failure explains a lack of trust better than the lack itself does. */
  get problem(): string | undefined {
    return this.#failure ?? this.#serving.distrust;
  }

  start(): Promise<void> {
    this.#running ??= this.#run();
    return this.#started.promise;
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    const stopped = new Error('the rotation of certificates was stopped');
    this.#started.reject(stopped);
    this.#ready.reject(stopped);
  }

  /** Looks, and does what is to be done, until nothing is. The loop's body, and a test's. */
  async pass(): Promise<void> {
    let leaf: Pair | undefined;
    try {
      for (let looks = 0; looks < MOST_LOOKS; looks++) {
        const seen = await this.#look();
        leaf = seen.sight.state?.leaf;
        if (!(await this.#act(seen.sight, seen.trust))) {
          this.#failure = undefined;
          return;
        }
      }
      throw new Error('somebody else wrote first each time');
    } catch (error) {
      this.#failure = messageOf(error);
      throw error;
    } finally {
      if (this.#serving.offerWithoutTrust(leaf)) this.#tellServed();
    }
  }

  async #run(): Promise<void> {
    const { everyMs = EVERY_MS, random = Math.random, log, observer, time } = this.#options;
    const { signal } = this.#stopping;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      let waitMs = everyMs * (0.8 + 0.4 * random());
      try {
        await this.pass();
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        log.error({ err: error }, 'certificates: could not be looked after, will try again');
        observer?.failed?.(error);
        waitMs = Math.min(waitMs, retryMs * (0.5 + 0.5 * random()));
        retryMs *= 2;
      }
      await time.delay(waitMs, signal);
    }
  }

  async #look(): Promise<{ sight: Sight; trust: Trust }> {
    const configurations = await this.#tools.bundles.read();
    const secret = await this.#tools.secrets.read();
    const state = secret && parseState(secret.data);
    const trust = this.#sightings.look(state, configurations, this.#options.time.monotonic());
    if (this.#serving.offer(state?.leaf, trust)) this.#tellServed();
    if (this.isTrusted) this.#ready.resolve();
    return { sight: { configurations, secret, state }, trust };
  }

  /** Does what this sight asks for. @returns whether another look is needed */
  async #act(sight: Sight, trust: Trust): Promise<boolean> {
    const { names, time, log, observer } = this.#options;
    const steps = plan(sight.state, trust, time.now(), names);
    const failures: Error[] = [];
    for (const step of steps) {
      try {
        await execute(step, sight, time.now(), this.#tools);
        log.info({ step: step.kind, reason: step.reason }, 'certificates: a step is done');
        observer?.stepped?.(step);
      } catch (error) {
        if (error instanceof ConflictError) {
          observer?.conflicted?.();
          return true;
        }
        // On with the others: a leaf is renewed also where the configurations may not be written.
        failures.push(new Error(`${step.kind}: ${messageOf(error)}`, { cause: error }));
      }
    }
    if (failures[0]) throw failures[0];
    return steps.length > 0;
  }

  #tellServed(): void {
    const { notAfter } = this;
    if (notAfter) this.#options.observer?.served?.(notAfter);
    this.#started.resolve();
  }
}
