import type { ApiReader } from '../cluster/api-reader.ts';
import type { ApiWriter } from '../cluster/api-writer.ts';
import type { Clock } from '../cluster/clock.ts';
import type { EventRecorder } from '../cluster/event-recorder.ts';
import { asError } from '../cluster/faults.ts';
import { Heartbeat } from '../cluster/lease.ts';
import type { WorkQueue } from '../cluster/work-queue.ts';
import { agentLabels, agentLeaseName } from '../tars/agent-lease.ts';
import { OURS, PROVISIONER } from '../tars/vocabulary.ts';
import type { AgentApi } from './agent-api.ts';
import type { AgentOptions } from './agent.ts';
import { Caches, pathBelow } from './caches.ts';
import { Capacity } from './capacity.ts';
import type { Hands } from './execute.ts';
import type { NodeIdentity } from './node-identity.ts';
import { findOrphans, type Orphan } from './orphans.ts';
import { Tools } from './os/tools.ts';
import { PoolHealth } from './pool-health.ts';
import { storagesOf } from './kept.ts';
import { Reconciler } from './reconciler.ts';
import { rememberedPool } from './remembered-pool.ts';
import { sourceNameOf, storageFor } from './storage.ts';
import { Trash } from './trash.ts';
import type { VolumeView } from './volume-view.ts';

export interface Parts extends AgentOptions {
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly writer: ApiWriter;
  readonly reader: ApiReader;
  readonly api: AgentApi;
  readonly events: EventRecorder;
  readonly queue: WorkQueue;
}

/** For how long volumes that come or go are waited for, before the scheduler is told. */
const SOON_MS = 1000;
const noAnnotations: Readonly<Record<string, string>> = {};

/** What an agent is made of once it knows its node. */
export class Running {
  readonly caches: Caches;
  readonly health: PoolHealth;
  readonly capacity: Capacity;
  readonly reconciler: Reconciler;
  readonly #heartbeat: Heartbeat;
  readonly #parts: Parts;
  #cancelLook: (() => void) | undefined;
  /** Of the pool that was seen last: it goes on by itself while the pool is away. */
  #trash: { readonly id: string; readonly trash: Trash } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { identity, node, root, namespace, settings, reader, writer, clock, logger, observer } = parts;
    const { hostname } = identity;
    const hook = parts.beforeEffect ? { before: parts.beforeEffect } : {};
    this.caches = new Caches({
      reader,
      settings,
      node,
      hostname,
      root,
      clock,
      logger,
      ...(observer ? { observer: observer.watches } : {}),
      changed: (key) => parts.queue.add(key),
      classesChanged: () => this.#classesChanged(),
    });
    this.health = new PoolHealth({
      root,
      node,
      clock,
      logger,
      pool: { requireMountPoint: parts.requireMountPoint, ...hook },
      reserve: parts.reserve,
      kit: { tools: new Tools({ ...parts.tools, ...hook }), memoryBytes: parts.memoryBytes },
      wanted: () => storagesOf(this.caches.classes.values()),
      remembered: () => rememberedPool({ writer, namespace, node, volumes: this.#ownVolumes() }),
      hasVolumes: () => this.#volumesBelowRoot().length > 0,
      changed: (what) => this.#poolChanged(what),
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
    this.reconciler = this.#reconciler();
    this.#heartbeat = new Heartbeat({
      writer,
      namespace,
      name: agentLeaseName(node),
      holder: node,
      labels: agentLabels(node),
      // While there is a fault, what is remembered is left as it is: people may have written it.
      annotations: () => (this.health.pool ? { [OURS.pool]: this.health.pool.id } : noAnnotations),
      clock,
      observer: this.#heartbeats(),
    });
  }

  get trash(): Trash | undefined {
    return this.#trash?.trash;
  }

  async start(): Promise<void> {
    this.caches.start();
    await this.caches.synced();
    await this.health.start();
    this.#heartbeat.start();
    await this.capacity.publish();
  }

  async stop(): Promise<void> {
    this.#cancelLook?.();
    this.capacity.stop();
    await Promise.all([this.health.stop(), this.#heartbeat.stop(), this.caches.stop(), this.trash?.stop()]);
  }

  /** Everything that there is to look after. */
  addAll(): void {
    const { queue } = this.#parts;
    for (const key of this.caches.keys()) queue.add(key);
    for (const { path } of this.health.pool?.ledger.all() ?? []) queue.add(path);
  }

  async orphans(): Promise<readonly Orphan[]> {
    const { pool } = this.health;
    if (!pool) return [];
    return findOrphans(pool, (path) => this.caches.volumes.at(path).length > 0);
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

  #reconciler(): Reconciler {
    const { identity, node, root, api, events, queue, clock, logger, offerTtlMs, observer } = this.#parts;
    return new Reconciler({
      api,
      queue,
      clock,
      offerTtlMs,
      caches: this.caches,
      health: this.health,
      hands: ({ backends, ledger, room }): Hands => ({
        api,
        backends,
        ledger,
        room,
        events,
        logger,
        published: () => this.capacity.publish(),
        retired: () => this.trash?.wake(),
      }),
      site: { node, hostname: identity.hostname, root },
      said: { events, logger },
      ...(observer ? { observer: observer.work } : {}),
      spaceChanged: () => this.#lookSoon(),
      published: () => this.capacity.publish(),
    });
  }

  /** Volumes come and go together, with the replicas of a server: one look, and one word, for all of them. */
  #lookSoon(): void {
    this.#cancelLook ??= this.#parts.clock.after(SOON_MS, () => {
      this.#cancelLook = undefined;
      void this.health.look().then(() => this.capacity.publish());
    });
  }

  #poolChanged(what: 'health' | 'space'): void {
    if (what === 'space') return void this.capacity.refresh();
    const { events, identity, root } = this.#parts;
    const { pool, why } = this.health;
    // As the kubelet's Events do, it names the node in place of its uid, which is another when the node registers again.
    const node = { apiVersion: 'v1', kind: 'Node', name: identity.name, uid: identity.name };
    if (pool) {
      this.#keepTrash(pool.id);
      this.#tellUnserved();
      events.record(node, 'Normal', 'VolumePoolReady', `pool ${pool.id} at ${root} serves local volumes`);
    } else {
      const message = `no local volume is provisioned, deleted or promised: ${why}`;
      events.record(node, 'Warning', 'VolumePoolLost', message);
    }
    void this.capacity.publish();
    this.addAll();
  }

  #keepTrash(id: string): void {
    if (this.#trash?.id === id) return;
    const { pool } = this.health;
    if (!pool) return;
    void this.#trash?.trash.stop();
    const { clock, maxDeleteRate, logger, observer } = this.#parts;
    const trash = new Trash(pool.pool, {
      clock,
      maxDeleteRate,
      removers: () => this.health.pool?.backends.removers() ?? [],
      observer: {
        deleted: (count) => observer?.trash.deleted(count),
        itemDone: (name) => logger.info({ volume: name }, `the data of volume ${name} is removed`),
        stuck: (name, why) =>
          logger.warn({ volume: name }, `the data of volume ${name} cannot be removed: ${why}`),
        progress: (figures) => logger.info({ ...figures }, 'removing the data of volumes that are gone'),
        failed: (error) => logger.warn({}, `the trash cannot be worked on: ${asError(error).message}`),
      },
    });
    this.#trash = { id, trash };
    trash.start();
  }

  #classesChanged(): void {
    this.#tellUnserved();
    void this.capacity.publish();
    this.addAll();
  }

  /** What one volume of the class may get here: nothing where not even the smallest has room. */
  #freeBytes(storageClass: string): number {
    const parameters = this.caches.classes.get(storageClass)?.parameters;
    const { pool } = this.health;
    if (!pool || !parameters || 'fault' in parameters) return 0;
    const kept = storageFor(parameters, 0);
    if (pool.backends.missing(kept.backend) !== undefined) return 0;
    const left = pool.room.left(sourceNameOf(kept));
    return left < kept.size ? 0 : Math.min(left, parameters.maxBytes);
  }

  /** What of the classes this node cannot serve, for people to see before anybody waits for it. */
  #tellUnserved(): void {
    const { logger, node } = this.#parts;
    for (const { name, parameters } of this.caches.classes.values()) {
      const why =
        'fault' in parameters ? parameters.fault : this.health.pool?.backends.missing(parameters.backend);
      if (why !== undefined) logger.warn({ storageClass: name }, `node ${node} cannot serve it: ${why}`);
    }
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

  #volumesBelowRoot(): VolumeView[] {
    return [...this.caches.volumes.all()].filter(
      ({ path }) => pathBelow(this.#parts.root, path) !== undefined,
    );
  }

  #ownVolumes(): VolumeView[] {
    return this.#volumesBelowRoot().filter(({ hasFinalizer }) => hasFinalizer);
  }
}
