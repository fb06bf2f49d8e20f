import type { ApiReader } from '../../cluster/api-reader.ts';
import type { ApiWriter } from '../../cluster/api-writer.ts';
import { type Clock, sleep } from '../../cluster/clock.ts';
import type { BeforeEffect } from '../../cluster/effect.ts';
import type { EventRecorder } from '../../cluster/event-recorder.ts';
import { asError } from '../../cluster/faults.ts';
import type { Logger } from '../../cluster/observer.ts';
import { type AgentApi, Outdated, VolumeTaken } from '../agent-api.ts';
import type { Caches } from '../caches.ts';
import type { NodeIdentity } from '../node-identity.ts';
import { FileFault } from '../os/errors.ts';
import type { HealthyPool, PoolHealth } from '../pool-health.ts';
import type { VolumeView } from '../volume-view.ts';
import { classFor } from './class-for.ts';
import { Cleanings } from './cleanings.ts';
import type { DiscoveryConfig } from './config.ts';
import { DiscoverySayings } from './sayings.ts';
import { elsewhereOf } from './elsewhere.ts';
import { execute, type Hands } from './execute.ts';
import { lookAround, type SeenPlace } from './look-around.ts';
import { lookAtNode } from './node-look.ts';
import { type Place, placeAt } from './place.ts';
import { plan } from './plan.ts';
import { type Recorded, Records } from './records.ts';
import type { PlaceState } from './state.ts';
import { type Decision, say } from './step.ts';
import { unlabelledVolumes } from './unlabelled.ts';

export interface DiscoveryOptions {
  readonly config: DiscoveryConfig;
  readonly identity: NodeIdentity;
  readonly caches: Pick<Caches, 'volumes' | 'classes'>;
  readonly health: Pick<PoolHealth, 'pool'>;
  readonly api: AgentApi;
  readonly writer: Pick<ApiWriter, 'get'>;
  readonly reader: ApiReader;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly maxDeleteRate: number;
  readonly before?: BeforeEffect | undefined;
}

/** How often the directories are looked at: a few calls for each disk, none of which has to wait for the disk. */
const LOOK_MS = 10_000;
/** After what the cluster is about to tell, or has told. */
const SOON_MS = 500;

type DiscoveryNode = PlaceState['node'];

/** What one look goes by. */
interface Look {
  readonly node: DiscoveryNode;
  readonly hands: Hands;
  readonly records: ReadonlyMap<string, Recorded>;
  readonly byPath: ReadonlyMap<string, readonly VolumeView[]>;
  /** Asked for once, and only where it matters. */
  readonly unlabelled: () => Promise<readonly VolumeView[]>;
}

/**
 * Offers the disks that people mount in the configured directories, as the static provisioner does, and cleans them
 * when their claims are gone.
 *
 * - One look at a time, and within it one place after the other; only cleaning goes on beside it.
 * - Nothing is done while the pool, which has the records, is not seen to be there.
 * - What fails at one place is told, tried again at the next look, and keeps no other from its turn.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #stopped = new AbortController();
  readonly #cleanings: Cleanings;
  readonly #sayings: DiscoverySayings;
  #waking = new AbortController();
  #running: Promise<void> | undefined;
  #node: { readonly node: Omit<DiscoveryNode, 'pool'>; readonly until: number } | undefined;
  /** Whose left-overs were cleared away. */
  #opened: string | undefined;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { clock, logger, maxDeleteRate, before, events, identity } = options;
    this.#sayings = new DiscoverySayings({ events, logger, node: identity.name });
    const changed = () => this.wake();
    this.#cleanings = new Cleanings({ clock, logger, maxDeleteRate, before, changed });
  }

  get figures(): { readonly cleaning: number; readonly refused: number } {
    return { cleaning: this.#cleanings.count, refused: this.#sayings.count('DiscoveryRefused') };
  }

  start(): void {
    const { config, logger } = this.#options;
    for (const words of config.ignored) logger.warn({}, `the discovery's configuration: ${words}`);
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('stopped'));
    this.#waking.abort();
    await this.#running;
    await this.#cleanings.stopAll();
  }

  /** Something has changed that it should look at. */
  wake(): void {
    this.#waking.abort();
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      this.#waking = new AbortController();
      let isSoon = false;
      try {
        isSoon = await this.#look();
      } catch (error) {
        if (!signal.aborted) logger.warn({}, `the look for disks failed: ${asError(error).message}`);
      }
      await sleep(clock, isSoon ? SOON_MS : LOOK_MS, this.#waking.signal);
      // Volumes come and go together: one look for all of them.
      if (this.#waking.signal.aborted) await sleep(clock, SOON_MS, signal);
    }
  }

  /** Returns whether there is more to do soon. */
  async #look(): Promise<boolean> {
    const { health, config, caches } = this.#options;
    const { pool } = health;
    if (!pool) return false;
    const look = await this.#begin(pool);
    const volumes = [...caches.volumes.all()].filter(({ isDiscovered }) => isDiscovered);
    const { node, records } = look;
    const asksForUse = (place: Place): boolean => this.#asksForUse(place, look);
    const around = { classes: config.classes, node: node.name, volumes, records, asksForUse };
    const { places, faults } = await lookAround(around);
    for (const fault of faults) look.hands.say(say('node', 'DiscoveryRefused', fault));
    for (const volume of volumes) this.#tellStray(volume, look);
    let isSoon = false;
    for (const place of places) {
      if (this.#stopped.signal.aborted) break;
      isSoon = (await this.#bring(place, places, look)) || isSoon;
    }
    this.#sayings.ended();
    return isSoon;
  }

  async #begin(pool: HealthyPool): Promise<Look> {
    const { api, events, logger, reader, identity, caches } = this.#options;
    const records = new Records(pool.pool);
    if (this.#opened !== pool.id) await records.open();
    this.#opened = pool.id;
    const node = { ...(await this.#nodeNow()), pool: pool.id };
    let listed: Promise<readonly VolumeView[]> | undefined;
    return {
      node,
      hands: {
        api,
        records,
        events,
        logger,
        node: node.name,
        cleanings: this.#cleanings,
        say: (saying) => this.#sayings.say(saying),
      },
      records: await records.all(),
      byPath: Map.groupBy(caches.volumes.all(), ({ path }) => path),
      unlabelled: () => (listed ??= unlabelledVolumes(reader, identity.hostname, this.#stopped.signal)),
    };
  }

  /** As it was at most a period ago; what is said again and again is said once in that time. */
  async #nodeNow(): Promise<Omit<DiscoveryNode, 'pool'>> {
    const { clock, identity, writer, config } = this.#options;
    if (this.#node && clock.now() < this.#node.until) return this.#node.node;
    const node = await lookAtNode(writer, identity, this.#stopped.signal);
    // As the static provisioner: not all nodes at once.
    this.#node = { node, until: clock.now() + config.minResyncMs * (1 + Math.random()) };
    this.#sayings.clear();
    return node;
  }

  /** While its pod or its cleaner may want it, nobody else must take it. */
  #asksForUse(place: Place, { byPath }: Look): boolean {
    const isWanted = (byPath.get(place.path) ?? []).some(({ phase }) => phase !== 'Released');
    return !isWanted && this.#cleanings.of(place)?.kind !== 'running';
  }

  async #bring(found: SeenPlace, places: readonly SeenPlace[], look: Look): Promise<boolean> {
    const { place, seen, rival } = found;
    const { config, caches } = this.#options;
    const state: PlaceState = {
      place,
      seen,
      rival,
      config,
      node: look.node,
      volumes: look.byPath.get(place.path) ?? [],
      storageClass: classFor(place.of.storageClass, caches.classes),
      record: look.records.get(place.hash),
      recordFile: look.hands.records.fileOf(place.hash),
      cleaning: this.#cleanings.of(place),
      elsewhere: elsewhereOf(found, {
        places,
        records: look.records,
        byPath: look.byPath,
        fileOf: (hash) => look.hands.records.fileOf(hash),
      }),
    };
    try {
      const decision = await this.#decide(state, look);
      for (const step of decision.steps) await execute(step, place, look.hands);
      return decision.isSoon === true || decision.steps.some(({ do: what }) => what === 'forget');
    } catch (error) {
      // What has changed under our hands is planned anew.
      if (error instanceof Outdated) return true;
      this.#failed(place, error, look);
      return false;
    }
  }

  /** People are told of what they have to mend; what the next look may do better is for the log. */
  #failed({ path }: Place, error: unknown, { hands }: Look): void {
    if (this.#stopped.signal.aborted) return;
    const message = `${path}: ${asError(error).message}`;
    if (error instanceof VolumeTaken || error instanceof FileFault) {
      hands.say(say('node', 'DiscoveryRefused', message));
    } else {
      this.#options.logger.warn({ path }, message);
    }
  }

  async #decide(state: PlaceState, look: Look): Promise<Extract<Decision, { kind: 'steps' }>> {
    let decision = plan(state);
    if (decision.kind === 'look') {
      const live = await this.#options.api.look(decision.volume, decision.claim);
      decision = plan({ ...state, live });
    }
    if (decision.kind === 'look') throw new Error('a live look was not enough');
    if (!decision.steps.some((step) => step.do === 'create-volume')) return decision;
    const foreign = (await look.unlabelled()).filter(({ path }) => path === state.place.path);
    if (foreign.length === 0) return decision;
    return { kind: 'steps', steps: [] };
  }

  /** Volumes that no class of the configuration leads to. */
  #tellStray(volume: VolumeView, { node, hands }: Look): void {
    if (placeAt(this.#options.config.classes, volume, node.name) || !volume.hasFinalizer) return;
    const message = `no class of this node's discovery leads to ${volume.path} for class ${volume.storageClass}, so it is neither served nor cleaned; put the class back into storageClassMap, or remove the finalizer if it is not needed`;
    hands.say(say(volume, 'VolumeNotOurs', message));
  }
}
