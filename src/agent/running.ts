import type { ApiReader } from '../cluster/api-reader.ts';
import type { ApiWriter } from '../cluster/api-writer.ts';
import { type Clock, doneWithin } from '../cluster/clock.ts';
import type { EventRecorder } from '../cluster/event-recorder.ts';
import { Heartbeat } from '../cluster/lease.ts';
import type { WorkQueue } from '../cluster/work-queue.ts';
import { agentLabels, agentLeaseName } from '../tars/agent-lease.ts';
import { asVolumePath } from '../tars/host-path.ts';
import { PROVISIONER } from '../tars/vocabulary.ts';
import type { AgentApi } from './agent-api.ts';
import type { AgentOptions } from './agent.ts';
import { Caches } from './caches.ts';
import { Capacity } from './capacity.ts';
import { Discovery } from './discovery/discovery.ts';
import type { NodeIdentity } from './node-identity.ts';
import type { PoolHealth } from './pool-health.ts';
import { toRemember } from './remembered-pool.ts';
import { refuseRootless } from './rootless.ts';
import { placeOf, type Roots } from './roots.ts';
import { ServedRoot } from './served-root.ts';

export interface Parts extends Omit<AgentOptions, 'root' | 'otherRoots'> {
  readonly roots: Roots;
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly writer: ApiWriter;
  readonly reader: ApiReader;
  readonly api: AgentApi;
  readonly events: EventRecorder;
  readonly queue: WorkQueue;
}

/** For how long at most a root's first look holds up the others: its disk may never answer. Longer than any other source is waited for. */
const FIRST_LOOK_MS = 60_000;

/** What an agent is made of once it knows its node: one of each for the node, and its roots. */
export class Running {
  readonly caches: Caches;
  readonly capacity: Capacity;
  /** In the order in which they were given. */
  readonly roots: readonly ServedRoot[];
  /** Undefined where the agent was told of no disks to discover. */
  readonly discovery: Discovery | undefined;
  readonly #first: ServedRoot;
  readonly #others: readonly ServedRoot[];
  readonly #heartbeat: Heartbeat;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { identity, node, roots, namespace, settings, reader, writer, clock, logger, observer } = parts;
    const { hostname } = identity;
    this.caches = new Caches({
      reader,
      settings,
      node,
      hostname,
      roots,
      clock,
      logger,
      ...(observer ? { observer: observer.watches } : {}),
      changed: (key) => this.roots.forEach((root) => root.add(key)),
      classesChanged: () => this.#classesChanged(),
    });
    this.capacity = new Capacity({
      writer,
      namespace,
      node,
      hostname,
      clock,
      logger,
      classes: () => this.#onDemandClasses(),
      freeBytes: (storageClass) => this.#freeBytes(storageClass),
    });
    const [first, ...others] = roots;
    this.#first = this.#serve(first, 0);
    this.#others = others.map((root, index) => this.#serve(root, index + 1));
    this.roots = [this.#first, ...this.#others];
    this.discovery = this.#newDiscovery();
    this.#heartbeat = this.#newHeartbeat();
  }

  /** Of the first root. */
  get health(): PoolHealth {
    return this.#first.health;
  }

  at(path: string): ServedRoot | undefined {
    return this.roots.find(({ root }) => root === path);
  }

  async start(): Promise<void> {
    this.caches.start();
    await this.caches.synced();
    // In their order: of two roots on one filesystem, the first one has its room.
    for (const { health } of this.roots) await doneWithin(this.#parts.clock, FIRST_LOOK_MS, health.start());
    this.#heartbeat.start();
    this.discovery?.start();
    // Who cannot tell of its room serves the volumes that it has.
    await this.capacity.publish().catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.capacity.stop();
    await this.discovery?.stop();
    await Promise.all([...this.roots, this.#heartbeat, this.caches].map((part) => part.stop()));
  }

  /** Everything that there is to look after. */
  addAll(): void {
    for (const root of this.roots) root.addAll();
  }

  async reconcile(key: string): Promise<void> {
    const other = this.#others.find((root) => root.has(key));
    if (other) return other.reconcile(key);
    await this.#refuseRootless(key);
    await this.#first.reconcile(key);
  }

  #serve(root: string, index: number): ServedRoot {
    const { caches, capacity } = this;
    return new ServedRoot(root, {
      ...this.#parts,
      caches,
      capacity,
      before: () => this.roots.slice(0, index),
      ...(this.#parts.discovery ? { discovered: () => this.discovery?.wake() } : {}),
    });
  }

  /** Its records are at the first root. */
  #newDiscovery(): Discovery | undefined {
    const { discovery: config, beforeEffect: before } = this.#parts;
    if (!config) return undefined;
    return new Discovery({ ...this.#parts, caches: this.caches, health: this.health, config, before });
  }

  #newHeartbeat(): Heartbeat {
    const { writer, namespace, node, clock } = this.#parts;
    return new Heartbeat({
      writer,
      namespace,
      name: agentLeaseName(node),
      holder: node,
      labels: agentLabels(node),
      // While there is a fault, what is remembered is left as it is: people may have written it.
      annotations: () => toRemember(this.roots.map(({ root, health }) => ({ root, id: health.pool?.id }))),
      clock,
      observer: this.#heartbeats(),
    });
  }

  async #refuseRootless(key: string): Promise<void> {
    const path = asVolumePath(key);
    if (path === undefined) return;
    const { node, roots, api, events, logger } = this.#parts;
    const published = (storageClass: string): Promise<void> => this.capacity.publish(storageClass);
    const said = { events, logger };
    await refuseRootless(path, { caches: this.caches, roots, node, api, said, published });
  }

  /** Who was silent for long may have been swept: what the scheduler is told has to be there again. */
  #heartbeats(): { beaten(): void; failed(error: Error): void } {
    let wasSilent = false;
    return {
      beaten: () => {
        if (wasSilent) void this.capacity.republish();
        wasSilent = false;
      },
      failed: (error) => {
        wasSilent = true;
        this.#parts.logger.warn({}, `the heartbeat failed: ${error.message}`);
      },
    };
  }

  #classesChanged(): void {
    const { logger, node, roots } = this.#parts;
    for (const storageClass of this.caches.classes.values()) {
      const place = placeOf(storageClass, roots);
      if ('fault' in place) logger.warn({ storageClass: storageClass.name }, `node ${node} ${place.fault}`);
    }
    for (const root of this.roots) root.tellUnserved();
    void this.capacity.publish();
    this.discovery?.wake();
    this.addAll();
  }

  #freeBytes(name: string): number {
    const storageClass = this.caches.classes.get(name);
    const place = placeOf(storageClass, this.#parts.roots);
    if (!storageClass || 'fault' in place) return 0;
    return this.at(place.root)?.freeBytes(storageClass) ?? 0;
  }

  /** Those that are what the settings say. */
  #onDemandClasses(): string[] {
    const { settings } = this.#parts;
    return [...this.caches.classes.values()]
      .filter(
        ({ name, provisioner }) =>
          settings.classes.get(name)?.way === 'on-demand' && provisioner === PROVISIONER,
      )
      .map(({ name }) => name);
  }
}
