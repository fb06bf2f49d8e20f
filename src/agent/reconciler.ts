import { asError } from '../cluster/faults.ts';
import type { WorkQueue } from '../cluster/work-queue.ts';
import type { Clock } from '../cluster/clock.ts';
import { asVolumePath, type VolumePath } from '../tars/host-path.ts';
import { type AgentApi, Outdated, VolumeTaken } from './agent-api.ts';
import { BackendMissing } from './backends/backends.ts';
import { CLAIM_KEY, VOLUME_KEY } from './caches.ts';
import type { ClaimView } from './claim-view.ts';
import { execute, type Hands, tell } from './execute.ts';
import { handBack } from './hand-back.ts';
import { LedgerUnreadable } from './ledger.ts';
import { keptAt, lookAt, wantedStorage } from './kept.ts';
import { DiskFault, PathBlocked } from './os/errors.ts';
import { ToolFailed } from './os/tools.ts';
import { plan } from './plan.ts';
import type { HealthyPool, PoolHealth } from './pool-health.ts';
import type { RootCaches } from './root-caches.ts';
import type { Reason } from './reasons.ts';
import { NoRoom } from './room.ts';
import type { PathState, Site } from './state.ts';
import { aboutClaim, aboutVolume, type Decision } from './step.ts';
import type { VolumeView } from './volume-view.ts';

export interface ReconcilerObserver {
  /** A volume was made for a claim, or given back, so long after it was first seen to be due. */
  provisioned(seconds: number): void;
  reclaimed(seconds: number): void;
}

export interface ReconcilerOptions {
  readonly caches: Pick<RootCaches, 'volumes' | 'claimsAt' | 'classes'>;
  readonly health: PoolHealth;
  readonly queue: Pick<WorkQueue, 'add' | 'addAfter'>;
  readonly api: AgentApi;
  readonly hands: (pool: HealthyPool) => Hands;
  readonly site: Omit<Site, 'pool'>;
  /** Every root of this agent, where there are others beside that of the site. */
  readonly roots?: readonly string[];
  readonly said: Pick<Hands, 'events' | 'logger'>;
  /** A volume of a disk that was found is not what it was; undefined where this agent discovers none. */
  readonly discovered?: () => void;
  readonly offerTtlMs: number;
  readonly clock: Clock;
  readonly observer?: Partial<ReconcilerObserver>;
  /** A volume has come or gone. */
  readonly spaceChanged: () => void;
  /** Resolves when the scheduler has been told what there is now of a class. */
  readonly published: (storageClass: string) => Promise<void>;
}

/** How long a volume that was just made is as it was made. A watch that takes longer to bring it is broken, and a list comes. */
const NEW_MS = 5000;
/** Others are being bound in that very moment. */
const BOUND_MS = 1000;
/** How long something may go on being used before it is looked at again. */
const BUSY_MS = 15_000;

/**
 * Brings one key at a time to where it should be: gathers what is known, asks the plan, does the steps.
 *
 * - Nothing is done to the disk, and nothing published, while the pool is not seen to be there and ours.
 * - What fails is thrown, and comes again by the queue; what has changed under our hands is planned anew.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  /** Since when an offer has had no claim waiting. */
  readonly #idleSince = new Map<VolumePath, number>();
  /** When a volume was made, for as long as that is a moment ago. */
  readonly #createdAt = new Map<VolumePath, number>();
  /** Since when a path has had something to do. */
  readonly #dueSince = new Map<string, number>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string): Promise<void> {
    if (key.startsWith(CLAIM_KEY)) return this.#tellFaults(key);
    if (key.startsWith(VOLUME_KEY)) return this.#tellStrays(key);
    const path = asVolumePath(key);
    if (path === undefined) return undefined;
    const pool = this.#options.health.pool;
    if (!pool) {
      // When it is back, its volumes need not be as they were.
      this.#createdAt.delete(path);
      return this.#handBack(path, this.#options.health.why);
    }
    try {
      await this.#bring(path, pool);
    } catch (error) {
      await this.#failed(path, error);
    }
  }

  async #bring(path: VolumePath, pool: HealthyPool): Promise<void> {
    const { queue, clock } = this.#options;
    const known = this.#gather(path, pool);
    const laterMs = this.#lookLaterMs(path, known);
    if (laterMs !== undefined) return queue.addAfter(path, laterMs);
    const hands = this.#options.hands(pool);
    let state: PathState = { ...known, found: await lookAt(known, pool.backends) };
    let decision = plan(state);
    if (decision.kind === 'look') {
      const live = await hands.api.look(decision.volume, decision.claim, state.classes);
      state = { ...state, live };
      decision = plan(state);
    }
    if (decision.kind === 'look') throw new Error(`${path}: a live look was not enough`);
    if (isWork(decision) && !this.#dueSince.has(path)) this.#dueSince.set(path, clock.now());
    for (const step of decision.steps) await execute(step, state, hands);
    this.#done(path, decision);
    if (decision.againMs !== undefined) queue.addAfter(path, decision.againMs);
  }

  /**
   * Of a volume that was just made: in how long to look at it, where nothing is to be done about it if its disk is as the
   * ledger has it. The watches bring the volume, then in three more events that it is bound: one look after them is enough.
   */
  #lookLaterMs(path: VolumePath, known: Known): number | undefined {
    const createdAt = this.#createdAt.get(path);
    if (createdAt === undefined) return undefined;
    const newMs = createdAt + NEW_MS - this.#options.clock.now();
    const { volumes, claims, entry } = known;
    if (newMs <= 0 || !entry) return undefined;
    // Else each claim would be tried twice.
    if (volumes.length === 0) return newMs;
    const decision = plan({ ...known, found: { kind: 'empty', owner: entry.owner } });
    if (decision.kind === 'look' || decision.steps.length > 0) return undefined;
    const isBound = [...volumes, ...claims].every(({ phase }) => phase === 'Bound');
    if (isBound) this.#createdAt.delete(path);
    return Math.min(decision.againMs ?? Infinity, isBound ? BOUND_MS : newMs);
  }

  /** All that is known without a look at the disk. */
  #gather(path: VolumePath, pool: HealthyPool): Known {
    const { caches, site, offerTtlMs } = this.#options;
    const volumes = caches.volumes.at(path);
    const entry = pool.ledger.get(path);
    const names = new Set([...volumes.map(({ name }) => name), ...(entry ? [entry.volume] : [])]);
    const claims = caches.claimsAt(path).filter((claim) => isForUs(claim, site.node, names));
    return {
      site: { ...site, pool: pool.id },
      path,
      claims,
      volumes,
      entry,
      ...keptAt(path, pool, entry, wantedStorage(claims, caches.classes)),
      classes: caches.classes,
      offer: { idleMs: this.#idleMs(path, volumes, caches.claimsAt(path)), ttlMs: offerTtlMs },
    };
  }

  /** By our own clock, from when we first saw it: a restart begins anew, which only makes an offer stand longer. */
  #idleMs(path: VolumePath, volumes: readonly VolumeView[], claims: readonly ClaimView[]): number {
    const isOffer = volumes.some(({ claim, hasFinalizer }) => claim === undefined && hasFinalizer);
    const isWanted = claims.some(({ way, volumeName }) => way === 'per-node' && volumeName === undefined);
    if (!isOffer || isWanted) {
      this.#idleSince.delete(path);
      return 0;
    }
    const now = this.#options.clock.now();
    const since = this.#idleSince.get(path) ?? now;
    this.#idleSince.set(path, since);
    return now - since;
  }

  #done(path: VolumePath, { steps }: Extract<Decision, { kind: 'steps' }>): void {
    const { queue, observer, spaceChanged, clock } = this.#options;
    const did = new Set(steps.map((step) => step.do));
    const seconds = (clock.now() - (this.#dueSince.get(path) ?? clock.now())) / 1000;
    this.#dueSince.delete(path);
    this.#createdAt.delete(path);
    if (did.has('create-volume')) {
      this.#createdAt.set(path, clock.now());
      observer?.provisioned?.(seconds);
    }
    if (did.has('retire')) observer?.reclaimed?.(seconds);
    if (did.has('make') || did.has('retire') || did.has('grow')) spaceChanged();
    // The path is free, and somebody may wait for it.
    if (did.has('forget')) queue.add(path);
  }

  async #failed(path: VolumePath, error: unknown): Promise<void> {
    const { health, queue } = this.#options;
    if (error instanceof DiskFault) {
      health.report(error);
      await this.#handBack(path, error.message);
      throw error;
    }
    if (error instanceof Outdated) return queue.addAfter(path, 500);
    // Planned anew, it is told of, and the scheduler looks elsewhere.
    if (error instanceof NoRoom) return queue.addAfter(path, 100);
    if (OF_THE_PATH.some((kind) => error instanceof kind)) {
      this.#refuse(path, asError(error).message);
      // Nothing tells when a pod lets go of it.
      if (error instanceof PathBlocked && error.code === 'EBUSY') queue.addAfter(path, BUSY_MS);
      return;
    }
    // It may go better next time, and people can see why it did not.
    if (error instanceof ToolFailed) this.#refuse(path, error.message);
    throw asError(error);
  }

  /** A fault of this path alone: it stays until somebody mends it, and is looked at again when something changes. */
  #refuse(path: VolumePath, message: string): void {
    const { caches, site, said } = this.#options;
    const volumes = caches.volumes.at(path);
    for (const claim of caches.claimsAt(path)) {
      const reason = claim.volumeName === undefined ? waitsHere(claim, site.node) : hasHere(claim, volumes);
      if (reason !== undefined) tell(said, aboutClaim(claim), reason, message, { path });
    }
    for (const volume of volumes) {
      if (volume.phase === 'Released' && volume.hasFinalizer) {
        tell(said, aboutVolume(volume), 'ReclaimRefused', message, { path });
      }
    }
  }

  async #handBack(path: VolumePath, why: string): Promise<void> {
    const { caches, site, said, api, published } = this.#options;
    const asked = { path, claims: caches.claimsAt(path), volumes: caches.volumes.at(path) };
    const { node } = site;
    await handBack(asked, () => `cannot serve it: ${why}`, { node, api, said, published });
  }

  /** Claims that no volume could be made for anywhere. */
  #tellFaults(key: string): void {
    const { caches, site, said } = this.#options;
    for (const claim of caches.claimsAt(key)) {
      if (!('fault' in claim.wanted) || claim.volumeName !== undefined) continue;
      // Of those that wait for offers every agent would say the same.
      if (claim.selectedNode !== site.node) continue;
      tell(said, aboutClaim(claim), 'ProvisioningFailed', claim.wanted.fault);
    }
  }

  /** Volumes that look like ours and lead out of the root. */
  #tellStrays(key: string): void {
    const { caches, site, roots = [site.root], said, discovered } = this.#options;
    // Also when it has just gone: then its disk is free.
    discovered?.();
    for (const volume of caches.volumes.at(key)) {
      if (!volume.hasFinalizer && volume.pool === undefined) continue;
      if (volume.isDiscovered && discovered) continue;
      const message = volume.isDiscovered
        ? `its disk at ${volume.path} was discovered, and this agent runs without --discovery-config: it is neither served nor cleaned; give it one, or remove the finalizer if it is not needed`
        : `its path ${volume.path} is no directory of a volume below ${roots.join(' or ')}, so it is neither served nor reclaimed; remove the finalizer if it is not needed`;
      tell(said, aboutVolume(volume), 'VolumeNotOurs', message);
    }
  }
}

/** A path, before its disk is looked at. */
type Known = Omit<PathState, 'found'>;

/** What fails for a claim that the scheduler has sent here. */
const waitsHere = ({ selectedNode }: ClaimView, node: string): Reason | undefined =>
  selectedNode === node ? 'ProvisioningFailed' : undefined;

/** What fails for a claim that has one of these volumes: to become as large as it asks, or to be there at all. */
function hasHere(
  { volumeName, requestBytes }: ClaimView,
  volumes: readonly VolumeView[],
): Reason | undefined {
  const own = volumes.find(({ name }) => name === volumeName);
  if (!own) return undefined;
  return own.capacityBytes < requestBytes ? 'ExpansionFailed' : 'VolumeFaulty';
}

/** Faults of one path that stay until somebody mends them. */
const OF_THE_PATH = [PathBlocked, LedgerUnreadable, VolumeTaken, BackendMissing];

/** What this node may serve: sent here, waiting for offers, or bound to a volume that is here. */
function isForUs(claim: ClaimView, node: string, volumes: ReadonlySet<string>): boolean {
  // Their volumes are there before anybody asks.
  if (claim.way === 'discovery') return false;
  if (claim.volumeName !== undefined) return volumes.has(claim.volumeName);
  return claim.way === 'on-demand' ? claim.selectedNode === node : true;
}

const isWork = ({ steps }: Extract<Decision, { kind: 'steps' }>): boolean =>
  steps.some((step) => step.do !== 'say');
