import { X509Certificate } from 'node:crypto';
import { Rotation, type RotationOptions } from '../../../certs/rotation.ts';
import type { Log, Time } from '../../../certs/source.ts';
import {
  ConflictError,
  type BundleStore,
  type Configuration,
  type SecretChange,
  type SecretStore,
  type StoredSecret,
} from '../../../certs/stores.ts';

export const SECOND = 1000;
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** Less than the settling time. */
const LAG = 20 * SECOND;
export const START = Date.UTC(2026, 0, 1);

export const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

const KINDS = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const;

/** An API server with one Secret and two configurations, and the time. Each operation is atomic. */
export class World {
  now = START;
  secret: StoredSecret | undefined;
  /** Each configuration's webhooks' bundles; undefined where it does not exist. */
  readonly bundles: (string[] | undefined)[] = [['', ''], ['']];
  writes = 0;
  #version = 0;
  readonly #history: { at: number; bundles: (string[] | undefined)[] }[] = [];

  constructor() {
    this.remember();
  }

  setSecret(data: Readonly<Record<string, string>> | undefined): void {
    this.secret = data && { data, resourceVersion: `${++this.#version}` };
  }

  /**
   * What any API server that calls us now would say to this certificate; some hear of a new bundle only after LAG.
   * Judged without any code of ours.
   */
  trusts(pem: string): boolean {
    const leaf = parsed(pem);
    if (leaf.validToDate.getTime() < this.now || leaf.validFromDate.getTime() > this.now) return false;
    const old = this.#history.findLast(({ at }) => at <= this.now - LAG);
    const recent = this.#history.filter(({ at }) => at > this.now - LAG);
    return [...(old ? [old] : []), ...recent].every(({ bundles }) =>
      bundles.every((entries) =>
        entries?.every((text) => pems(text).some((authority) => signed(`${pem}${authority}`))),
      ),
    );
  }

  /** To be called after each change of the bundles. */
  remember(): void {
    this.#history.push({ at: this.now, bundles: this.bundles.map((entries) => entries?.slice()) });
  }

  readonly secrets: SecretStore = {
    read: async () => this.secret,
    create: async (change) => {
      if (this.secret) throw new ConflictError('AlreadyExists');
      this.#write({}, change);
    },
    update: async (change, resourceVersion) => {
      if (this.secret?.resourceVersion !== resourceVersion) throw new ConflictError('Conflict');
      this.#write(this.secret.data, change);
    },
  };

  readonly bundleStore: BundleStore = {
    read: async () =>
      KINDS.map((kind, index): Configuration => {
        const entries = this.bundles[index]?.map((caBundle, entry) => ({ webhook: `w${entry}`, caBundle }));
        return { kind, name: 'ours', ...(entries ? { entries } : {}) };
      }),
    write: async ({ kind, entries = [] }, caBundle) => {
      const index = KINDS.indexOf(kind as (typeof KINDS)[number]);
      const now = this.bundles[index];
      const isAsSeen =
        now?.length === entries.length && now.every((text, entry) => text === entries[entry]?.caBundle);
      if (!isAsSeen) throw new ConflictError('a test of the patch does not hold');
      this.bundles[index] = entries.map(() => caBundle);
      this.remember();
      this.writes++;
    },
  };

  #write(old: StoredSecret['data'], change: SecretChange): void {
    const merged = Object.entries({ ...old, ...change }).filter(([, text]) => text !== undefined);
    this.setSecret(Object.fromEntries(merged) as Record<string, string>);
    this.writes++;
  }
}

const parsed = remembered((pem: string) => new X509Certificate(pem));

const pems = (text: string): string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];

const signed = remembered((both: string) => {
  const [leaf = '', authority = ''] = pems(both);
  return parsed(leaf).verify(parsed(authority).publicKey);
});

/** The same is asked thousands of times, and signatures are slow. */
function remembered<T>(answer: (question: string) => T): (question: string) => T {
  const known = new Map<string, T>();
  return (question) => {
    if (!known.has(question)) known.set(question, answer(question));
    return known.get(question)!;
  };
}

export const NAMES = ['webhook', 'webhook.tars', 'webhook.tars.svc', 'webhook.tars.svc.cluster.local'];

/** One replica that stops before each of its operations, so that a test decides who comes next. */
export class Replica {
  readonly #world: World;
  readonly rotation: Rotation;
  readonly steps: string[] = [];
  lastRest = -Infinity;
  #skew: number;
  #turn: (() => void) | undefined;
  #arrived = Promise.withResolvers<void>();
  #pass: Promise<void> | undefined;
  failure: unknown;

  constructor(world: World, options: Partial<RotationOptions> = {}, skew = 0) {
    this.#world = world;
    this.#skew = skew;
    this.lastRest = world.now;
    const gated = <A extends unknown[], R>(operation: (...args: A) => Promise<R>) => {
      return async (...args: A): Promise<R> => {
        await this.#wait();
        return operation(...args);
      };
    };
    this.rotation = new Rotation({
      secrets: {
        read: gated(async () => world.secrets.read()),
        create: gated(async (change: SecretChange) => world.secrets.create(change)),
        update: gated(async (change: SecretChange, version: string) => world.secrets.update(change, version)),
      },
      bundles: {
        read: gated(async () => world.bundleStore.read()),
        write: gated(async (seen: Configuration, text: string) => world.bundleStore.write(seen, text)),
      },
      names: NAMES,
      time: this.#time(),
      log: silent,
      observer: { stepped: ({ kind, reason }) => this.steps.push(`${kind}: ${reason}`) },
      ...options,
    });
  }

  get served(): string | undefined {
    return this.rotation.notAfter && this.rotation.current().cert;
  }

  get isResting(): boolean {
    return this.#pass === undefined;
  }

  /** Up to its next operation, or to the end of its pass. */
  async step(): Promise<void> {
    if (this.#pass) this.#turn?.();
    else this.#begin();
    await Promise.race([this.#arrived.promise, this.#pass]);
    this.#arrived = Promise.withResolvers();
  }

  /** Ends the pass that is under way, or else makes a whole one. */
  async finish(afterEach: () => void = () => undefined): Promise<void> {
    do {
      await this.step();
      afterEach();
    } while (!this.isResting);
  }

  #begin(): void {
    this.failure = undefined;
    this.#pass = this.rotation
      .pass()
      .catch((error: unknown) => {
        this.failure = error;
      })
      .finally(() => {
        this.#pass = undefined;
        this.lastRest = this.#world.now;
      });
  }

  async #wait(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = resolve;
    this.#arrived.resolve();
    await promise;
  }

  #time(): Time {
    return {
      now: () => new Date(this.#world.now + this.#skew),
      monotonic: () => this.#world.now - START,
      delay: async () => undefined,
    };
  }
}
