import { asError } from '../cluster/faults.ts';
import { type Caches, isPathKey, pathBelow } from './caches.ts';
import type { Capacity } from './capacity.ts';
import type { ClassView } from './class-view.ts';
import type { Hands } from './execute.ts';
import { storagesOf } from './kept.ts';
import { findOrphans, type Orphan } from './orphans.ts';
import { Tools } from './os/tools.ts';
import { Pool } from './pool.ts';
import { PoolHealth } from './pool-health.ts';
import { Reconciler } from './reconciler.ts';
import { rememberedPool } from './remembered-pool.ts';
import { RootCaches } from './root-caches.ts';
import { placeOf } from './roots.ts';
import type { Parts } from './running.ts';
import { sourceNameOf, storageFor } from './storage.ts';
import { Trash } from './trash.ts';
import type { VolumeView } from './volume-view.ts';

/** What a root has from its node. */
export interface ServedRootParts extends Parts {
  readonly caches: Caches;
  readonly capacity: Pick<Capacity, 'publish' | 'refresh'>;
  /** The roots that come before this one. */
  readonly before: () => readonly ServedRoot[];
  /** What is known of discovered disks is not what it was; undefined where none are discovered. */
  readonly discovered?: () => void;
}

/** For how long volumes that come or go are waited for, before the scheduler is told. */
const SOON_MS = 1000;

/**
 * One root of an agent: its health, its ledger and its trash. What is wrong with it is no matter to the others.
 *
 * - Keys of the first root's work are paths below it, those of the others' are absolute: none begins as another's.
 */
export class ServedRoot {
  readonly root: string;
  readonly health: PoolHealth;
  readonly #parts: ServedRootParts;
  readonly #isFirst: boolean;
  readonly #prefix: string;
  readonly #caches: RootCaches;
  readonly #reconciler: Reconciler;
  #cancelLook: (() => void) | undefined;
  #device: number | undefined;
  /** Of the pool that was seen last: it goes on by itself while the pool is away. */
  #trash: { readonly id: string; readonly trash: Trash } | undefined;

  constructor(root: string, parts: ServedRootParts) {
    this.root = root;
    this.#parts = parts;
    this.#isFirst = root === parts.roots[0];
    this.#prefix = this.#isFirst ? '' : `${root}/`;
    this.#caches = new RootCaches(parts.caches, root, parts.roots);
    const { node, namespace, writer, clock, logger } = parts;
    const hook = parts.beforeEffect ? { before: parts.beforeEffect } : {};
    this.health = new PoolHealth({
      root,
      node,
      clock,
      logger,
      pool: { requireMountPoint: parts.requireMountPoint, ...hook },
      reserve: parts.reserve,
      kit: { tools: new Tools({ ...parts.tools, ...hook }), memoryBytes: parts.memoryBytes },
      wanted: () => storagesOf(this.#classes()),
      remembered: () =>
        rememberedPool({
          writer,
          namespace,
          node,
          root,
          isFirst: this.#isFirst,
          volumes: this.#ownVolumes(),
        }),
      hasVolumes: () => this.#knownVolumes().length > 0,
      objection: () => this.#objection(),
      changed: (what) => this.#poolChanged(what),
    });
    this.#reconciler = this.#newReconciler();
  }

  get trash(): Trash | undefined {
    return this.#trash?.trash;
  }

  async stop(): Promise<void> {
    this.#cancelLook?.();
    await Promise.all([this.health.stop(), this.trash?.stop()]);
  }

  /** Something has changed at this key, be it here or at another root. */
  add(key: string): void {
    // What has no path is looked at once.
    if (this.#isFirst || isPathKey(key)) this.#parts.queue.add(`${this.#prefix}${key}`);
  }

  /** Everything that there is to look after. */
  addAll(): void {
    for (const key of this.#parts.caches.keys()) this.add(key);
    for (const { path } of this.health.pool?.ledger.all() ?? []) this.add(path);
  }

  has(key: string): boolean {
    return key.startsWith(this.#prefix);
  }

  async reconcile(key: string): Promise<void> {
    await this.#reconciler.reconcile(key.slice(this.#prefix.length));
  }

  async orphans(): Promise<readonly Orphan[]> {
    const { pool } = this.health;
    if (!pool) return [];
    return findOrphans(pool, (path) => this.#caches.volumes.at(path).length > 0);
  }

  /** What one volume of a class that is kept here may get: nothing where not even the smallest has room. */
  freeBytes({ parameters }: ClassView): number {
    const { pool } = this.health;
    if (!pool || 'fault' in parameters) return 0;
    const kept = storageFor(parameters, 0);
    if (pool.backends.missing(kept.backend) !== undefined) return 0;
    const left = pool.room.left(sourceNameOf(kept));
    return left < kept.size ? 0 : Math.min(left, parameters.maxBytes);
  }

  /** What of its classes it cannot serve, for people to see before anybody waits for it. */
  tellUnserved(): void {
    const { logger, node } = this.#parts;
    for (const { name, parameters } of this.#classes()) {
      const why =
        'fault' in parameters ? parameters.fault : this.health.pool?.backends.missing(parameters.backend);
      if (why !== undefined) logger.warn({ storageClass: name }, `node ${node} cannot serve it: ${why}`);
    }
  }

  /** Those whose volumes are here. */
  #classes(): ClassView[] {
    const { caches, roots } = this.#parts;
    return [...caches.classes.values()].filter((each) => {
      const place = placeOf(each, roots);
      return 'root' in place && place.root === this.root;
    });
  }

  #newReconciler(): Reconciler {
    const { root } = this;
    const { identity, node, roots, capacity, api, events, queue, clock } = this.#parts;
    const { logger, offerTtlMs, observer, discovered } = this.#parts;
    const published = (storageClass: string): Promise<void> => capacity.publish(storageClass);
    return new Reconciler({
      api,
      clock,
      offerTtlMs,
      queue: {
        add: (path) => queue.add(`${this.#prefix}${path}`),
        addAfter: (path, ms) => queue.addAfter(`${this.#prefix}${path}`, ms),
      },
      caches: this.#caches,
      health: this.health,
      hands: ({ backends, ledger, room }): Hands => ({
        api,
        backends,
        ledger,
        room,
        events,
        logger,
        published,
        retired: () => this.trash?.wake(),
      }),
      site: { node, hostname: identity.hostname, root },
      roots,
      said: { events, logger },
      ...(discovered ? { discovered } : {}),
      ...(observer ? { observer: observer.work } : {}),
      spaceChanged: () => this.#lookSoon(),
      published,
    });
  }

  /** Volumes come and go together, with the replicas of a server: one look, and one word, for all of them. */
  #lookSoon(): void {
    const { clock, capacity } = this.#parts;
    this.#cancelLook ??= clock.after(SOON_MS, () => {
      this.#cancelLook = undefined;
      void this.health.look().then(() => void capacity.publish());
    });
  }

  /** Two roots on one filesystem would promise its room twice: it is the first one's. */
  async #objection(): Promise<string | undefined> {
    const { root } = this;
    if (this.#parts.roots.length === 1) return undefined;
    this.#device = await Pool.device(root);
    const other = this.#parts.before().find((each) => each.health.pool && each.#device === this.#device);
    return (
      other &&
      `${root} is on the same filesystem as ${other.root}, whose room would be promised twice: mount a disk of its own at ${root}`
    );
  }

  #poolChanged(what: 'health' | 'space'): void {
    const { events, identity, capacity, roots } = this.#parts;
    if (what === 'space') return void capacity.refresh();
    const { root } = this;
    const { pool, why } = this.health;
    // As the kubelet's Events do, it names the node in place of its uid, which is another when the node registers again.
    const node = { apiVersion: 'v1', kind: 'Node', name: identity.name, uid: identity.name };
    if (pool) {
      this.#keepTrash(pool.id);
      this.tellUnserved();
      events.record(node, 'Normal', 'VolumePoolReady', `pool ${pool.id} at ${root} serves local volumes`);
    } else {
      const where = roots.length > 1 ? ` at ${root}` : '';
      const message = `no local volume is provisioned, deleted or promised${where}: ${why}`;
      events.record(node, 'Warning', 'VolumePoolLost', message);
    }
    void capacity.publish();
    this.#parts.discovered?.();
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
      removers: () => this.health.pool?.backends.removers(),
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

  /** By which this root is not new; of disks that are discovered, the first root has the records. */
  #knownVolumes(): VolumeView[] {
    return [...this.#parts.caches.volumes.all()].filter(
      ({ path, isDiscovered }) => (this.#isFirst && isDiscovered) || pathBelow(this.root, path) !== undefined,
    );
  }

  #ownVolumes(): VolumeView[] {
    return this.#knownVolumes().filter(({ hasFinalizer }) => hasFinalizer);
  }
}
