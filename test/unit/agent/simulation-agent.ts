import { AgentApi } from '../../../src/agent/agent-api.ts';
import { CLAIM_KEY, pathBelow, VOLUME_KEY } from '../../../src/agent/caches.ts';
import { type ClaimView, readClaimView } from '../../../src/agent/claim-view.ts';
import { PathIndex } from '../../../src/agent/path-index.ts';
import type { PoolHealth } from '../../../src/agent/pool-health.ts';
import { Measuring } from '../../../src/agent/measure.ts';
import { Room } from '../../../src/agent/room.ts';
import { Reconciler } from '../../../src/agent/reconciler.ts';
import type { ClassView } from '../../../src/agent/class-view.ts';
import type { Backends } from '../../../src/agent/backends/backends.ts';
import { storagesOf } from '../../../src/agent/kept.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { type DiskFault } from '../../../src/agent/os/errors.ts';
import { sourceNameOf, storageFor } from '../../../src/agent/storage.ts';
import { readVolumeView, type VolumeView } from '../../../src/agent/volume-view.ts';
import type { ApiWriter, Preconditions } from '../../../src/cluster/api-writer.ts';
import { silentLogger } from '../../../src/cluster/observer.ts';
import type { BackendName } from '../../../src/tars/class-parameters.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';
import type { Settings } from '../../../src/tars/settings.ts';
import { HOSTNAME_LABEL, OURS } from '../../../src/tars/vocabulary.ts';
import { HASTY_CLOCK } from '../cluster/fake-clock.ts';
import { lostConnection, type SimApi, type SimKind, type SimObject } from './simulation-api.ts';
import { SimBackends } from './simulation-backends.ts';
import { type SimDisk, SimLedger, type SimTree } from './simulation-disk.ts';

/**
 * The agent of the simulated world: the real reconciler, plan, executors and calls; caches, queue, disk and API server
 * are the world's. All of it but the disk is gone after a crash.
 */

export const NODE = 'n1';
/** Not its name, as may be. */
export const HOSTNAME = 'host-1';
export const ROOT = '/pool';
export const POOL = 'pool-1';
const OFFER_TTL_MS = 600_000;

export class Crash extends Error {}

/** The whole node goes down, and the agent with it. */
export class PowerCut extends Crash {}

/** What goes wrong at the n-th effect of one reconcile, or happens just before it. */
export interface Trouble {
  readonly kind: 'crash' | 'power cut' | 'lost' | 'fail' | 'meanwhile';
  readonly effect: number;
}

export interface AgentWorld {
  readonly api: SimApi;
  readonly disk: SimDisk;
  readonly settings: Settings;
  readonly classes: ReadonlyMap<string, ClassView>;
  /** Backends that the node lacks a tool for. */
  readonly lacking: ReadonlySet<BackendName>;
  isPoolAway: boolean;
  /** The write that is being done is the agent's own. */
  isByAgent: boolean;
  now: number;
  effect(what: string): void;
  said(reason: string): void;
  meanwhile(): void;
  retired(path: VolumePath, tree: SimTree, trashName: string): void;
  recorded(entry: LedgerEntry, before: LedgerEntry | undefined): void;
  /** The agent has looked how much room there is. */
  looked(): void;
}

/** The watches of an agent; each is in order, and none waits for another. */
export const WATCHES = ['node', 'namespace', 'volumes'] as const;
type Watch = (typeof WATCHES)[number];

interface WatchEvent {
  readonly key: string;
  /** As it was then; undefined where it left the watch. */
  readonly object: SimObject | undefined;
}

export class SimAgent {
  readonly due = new Set<string>();
  readonly #later = new Map<string, number>();
  readonly #world: AgentWorld;
  readonly #claims: readonly PathIndex<ClaimView>[];
  readonly #volumes: PathIndex<VolumeView>;
  readonly #events: Record<Watch, WatchEvent[]> = { node: [], namespace: [], volumes: [] };
  readonly room: Room;
  readonly #backends: SimBackends;
  readonly #ledger: SimLedger;
  /** Whatever is asked here answers. */
  readonly #measuring = new Measuring({ now: () => 0, after: () => () => {} });
  readonly #reconciler: Reconciler;
  #isLookDue = true;
  #hasNotLooked = true;
  #trouble: Trouble | undefined;
  #effects = 0;

  constructor(world: AgentWorld) {
    this.#world = world;
    const changed = (key: string): void => this.add(key);
    this.#claims = [new PathIndex(claimKey, changed), new PathIndex(claimKey, changed)];
    this.#volumes = new PathIndex(
      ({ name, path }) => pathBelow(ROOT, path) ?? `${VOLUME_KEY}${name}`,
      changed,
    );
    const before = (what: string): void => void this.#before(what);
    const retired = (...args: Parameters<AgentWorld['retired']>): void => world.retired(...args);
    this.#backends = new SimBackends({ disk: world.disk, before, retired }, world.lacking);
    this.#ledger = new SimLedger(world.disk, before, (...args) => world.recorded(...args));
    this.room = new Room(this.#ledger);
    this.#reconciler = this.#makeReconciler();
    const { claims, volumes } = world.api;
    for (const [key, claim] of claims) this.tell('claim', key, undefined, claim);
    for (const [key, volume] of volumes) this.tell('volume', key, undefined, volume);
    for (const watch of WATCHES) this.deliver(watch, Infinity);
    this.addAll();
  }

  /** What the API server sends to whoever watches. */
  tell(kind: SimKind, key: string, before: SimObject | undefined, after: SimObject | undefined): void {
    for (const watch of WATCHES) {
      const wasIn = before !== undefined && isIn(watch, kind, before);
      const object = after !== undefined && isIn(watch, kind, after) ? after : undefined;
      if (wasIn || object) this.#events[watch].push({ key, object });
    }
  }

  deliver(watch: Watch, count: number): void {
    for (const { key, object } of this.#events[watch].splice(0, count)) {
      if (watch === 'volumes') this.#deliverTo(this.#volumes, key, object && readVolumeView(object));
      else {
        const index = this.#claims[watch === 'node' ? 0 : 1]!;
        this.#deliverTo(index, key, object && readClaimView(object, this.#world.settings));
      }
    }
  }

  add(key: string): void {
    this.#later.delete(key);
    this.due.add(key);
  }

  addAll(): void {
    for (const index of [...this.#claims, this.#volumes]) for (const key of index.keys()) this.add(key);
    if (!this.#world.isPoolAway) for (const path of this.#world.disk.ledger.keys()) this.add(path);
  }

  /** Whether its caches have this volume, as one that is nobody's to pass over. */
  respects(path: string, name: string): boolean {
    const volume = this.#volumes.at(path).find((each) => each.name === name);
    return volume !== undefined && (!volume.isDeleting || volume.hasFinalizer || volume.phase === 'Bound');
  }

  /** What has waited for this time. */
  wake(): void {
    this.#isLookDue = true;
    for (const [key, at] of this.#later) if (at <= this.#world.now) this.add(key);
  }

  /** One turn of the key. @returns whether the trouble came. @throws {Crash} where it says so */
  async reconcile(key: string, trouble?: Trouble): Promise<boolean> {
    this.due.delete(key);
    await this.look();
    this.#trouble = trouble;
    this.#effects = 0;
    try {
      await this.#reconciler.reconcile(key);
    } catch (error) {
      if (error instanceof Crash || !isExpected(error)) throw error;
      this.#addAfter(key, 1000);
    } finally {
      this.#trouble = undefined;
    }
    return trouble !== undefined && this.#effects > trouble.effect;
  }

  /** How much room there is, where that was not looked at for a while. */
  async look(): Promise<void> {
    const { classes, isPoolAway } = this.#world;
    if (!this.#isLookDue || isPoolAway) return;
    this.#isLookDue = false;
    this.#hasNotLooked = false;
    const wanted = storagesOf(classes.values());
    const failed = (_source: string, error: unknown): never => {
      throw error;
    };
    const what = { backends: this.#backends as unknown as Backends, entries: this.#ledger.all(), wanted };
    const seen = [await this.#measuring.pool(what), ...(await this.#measuring.others(what, failed))];
    this.room.look(seen.map(({ source, space, taken }) => ({ source, freeBytes: space.freeBytes, taken })));
    this.#world.looked();
  }

  /** What the scheduler is told of a class; until the first look, what was told before stands. */
  capacityOf(storageClass: string): number {
    const { classes, isPoolAway, lacking } = this.#world;
    const parameters = classes.get(storageClass)?.parameters;
    if (this.#hasNotLooked) return Infinity;
    if (isPoolAway || !parameters || 'fault' in parameters || lacking.has(parameters.backend)) return 0;
    return this.room.left(sourceNameOf(storageFor(parameters, 0)));
  }

  #deliverTo<T>(index: PathIndex<T>, key: string, view: T | undefined): void {
    if (view === undefined) index.remove(key);
    else index.upsert(key, view);
  }

  #addAfter(key: string, ms: number): void {
    const at = this.#world.now + ms;
    if (!this.due.has(key) && at < (this.#later.get(key) ?? Infinity)) this.#later.set(key, at);
  }

  /** Before every effect, whatever it is on. */
  #before(what: string): Trouble['kind'] | undefined {
    const { kind, effect } = this.#trouble ?? { kind: undefined, effect: -1 };
    const isNow = this.#effects++ === effect;
    if (isNow && kind === 'crash') throw new Crash(what);
    if (isNow && kind === 'power cut') throw new PowerCut(what);
    if (isNow && kind === 'meanwhile') this.#world.meanwhile();
    this.#world.effect(`${what}${isNow && kind !== 'meanwhile' ? ` (${kind})` : ''}`);
    return isNow ? kind : undefined;
  }

  /** A call may not arrive, or its answer may not come back. */
  async #call(what: string, work: () => void): Promise<Record<string, unknown>> {
    const trouble = this.#before(what);
    if (trouble === 'fail') throw lostConnection(what);
    this.#world.isByAgent = true;
    try {
      work();
    } finally {
      this.#world.isByAgent = false;
    }
    if (trouble === 'lost') throw lostConnection(what);
    return {};
  }

  #writer(): ApiWriter {
    const { api } = this.#world;
    const writer = {
      get: (path: string) => Promise.resolve(api.get(path)),
      create: (path: string, body: { metadata: { name: string } }) =>
        this.#call(`POST ${body.metadata.name}`, () => api.create(path, body)),
      patch: (path: string, body: { metadata?: object }) =>
        this.#call(`PATCH ${path}`, () => api.patch(path, body)),
      remove: (path: string, preconditions: Preconditions) =>
        this.#call(`DELETE ${path}`, () => api.remove(path, preconditions)),
    };
    return writer as unknown as ApiWriter;
  }

  #makeReconciler(): Reconciler {
    const world = this.#world;
    const api = new AgentApi(this.#writer(), world.settings, HASTY_CLOCK);
    const { room } = this;
    const [backends, ledger] = [this.#backends, this.#ledger];
    const events = { record: (_about: object, _type: string, reason: string) => world.said(reason) };
    const caches = {
      volumes: this.#volumes,
      claimsAt: (key: string) => this.#claimsAt(key),
      classes: world.classes,
    };
    const pool = { id: POOL, backends, ledger, room };
    const health = {
      get pool() {
        return world.isPoolAway ? undefined : pool;
      },
      why: 'its disk is away',
      report: ({ code }: DiskFault) => {
        if (code === 'ENOSPC') room.fill('pool');
      },
    };
    const hands = {
      api,
      backends,
      ledger,
      room,
      events,
      logger: silentLogger,
      published: async () => {},
      retired: () => {},
    };
    return new Reconciler({
      caches,
      health: health as unknown as PoolHealth,
      queue: { add: (key) => this.add(key), addAfter: (key, ms) => this.#addAfter(key, ms) },
      api,
      hands: () => hands,
      site: { node: NODE, hostname: HOSTNAME, root: ROOT },
      said: { events, logger: silentLogger },
      offerTtlMs: OFFER_TTL_MS,
      clock: { now: () => world.now, after: () => () => {} },
      spaceChanged: () => {},
      published: () => Promise.resolve(),
    });
  }

  #claimsAt(key: string): ClaimView[] {
    const byUid = new Map(this.#claims.flatMap((index) => index.at(key).map((claim) => [claim.uid, claim])));
    return [...byUid.values()].toSorted((one, other) => (one.createdAt < other.createdAt ? -1 : 1));
  }
}

function isIn(watch: Watch, kind: SimKind, { metadata: { labels } }: SimObject): boolean {
  if (watch === 'volumes') return kind === 'volume' && labels[HOSTNAME_LABEL] === HOSTNAME;
  if (kind !== 'claim') return false;
  return watch === 'node' ? labels[OURS.node] === NODE : OURS.namespace in labels;
}

function claimKey({ namespace, name, wanted }: ClaimView): string {
  return 'fault' in wanted ? `${CLAIM_KEY}${namespace}/${name}` : wanted.path;
}

/** What the queue retries; anything else is a bug of the agent or of the world. */
const isExpected = (error: unknown): boolean =>
  error instanceof Error &&
  ['ConnectionError', 'ApiStatusError', 'DiskFault', 'PoolLost', 'Outdated'].includes(error.name);
