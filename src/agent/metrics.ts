import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ListWatchObserver } from '../cluster/observer.ts';
import type { WorkQueueObserver } from '../cluster/work-queue.ts';
import type { Agent } from './agent.ts';
import type { Orphan } from './orphans.ts';
import type { ReconcilerObserver } from './reconciler.ts';
import type { ServedRoot } from './served-root.ts';

/** What an agent tells of itself. Its methods must not throw. */
export interface AgentObserver {
  readonly queue: Partial<WorkQueueObserver>;
  readonly watches: Partial<ListWatchObserver>;
  readonly work: ReconcilerObserver;
  readonly trash: { deleted(entries: number): void };
  orphans(found: readonly Orphan[], root: string): void;
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const PHASES = ['Pending', 'Available', 'Bound', 'Released', 'Failed'] as const;
const ORPHANS = ['kept', 'unknown', 'unreadable'] as const;

/** A value, by what it is of. */
type Read<Label extends string> = readonly [Partial<Record<Label, string>>, number | undefined];

/** Everything that an agent tells Prometheus. No label has a claim's or a volume's name. */
export class AgentMetrics implements AgentObserver {
  readonly registry = new Registry();
  readonly queue: Partial<WorkQueueObserver>;
  readonly watches: Partial<ListWatchObserver>;
  readonly work: ReconcilerObserver;
  readonly trash: { deleted(entries: number): void };
  readonly #orphans: Gauge<'kind' | 'root'>;

  constructor(version: string) {
    const registers = [this.registry];
    const depth = new Gauge({
      name: 'tlv_agent_queue_depth',
      help: 'Paths that wait for a worker.',
      registers,
    });
    const worked = new Counter({
      name: 'tlv_agent_reconciles_total',
      help: 'Paths that were looked at, by outcome (done, failed).',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['done', 'failed']) worked.inc({ outcome }, 0);
    this.queue = {
      depth: (keys) => depth.set(keys),
      worked: (_key, _seconds, outcome) => worked.inc({ outcome }),
    };
    const restarts = new Counter({
      name: 'tlv_agent_watch_restarts_total',
      help: 'Watches and lists that ended and were begun again, by what ended them.',
      labelNames: ['reason'],
      registers,
    });
    this.watches = {
      watchEnded: (reason) => restarts.inc({ reason }),
      failed: (reason) => restarts.inc({ reason }),
    };
    this.work = {
      provisioned: this.#seconds(
        'tlv_agent_provision_seconds',
        'Time from a claim being seen to its volume being made.',
      ),
      reclaimed: this.#seconds(
        'tlv_agent_reclaim_seconds',
        'Time from a released volume being seen to its data being out of the way.',
      ),
    };
    const deleted = new Counter({
      name: 'tlv_agent_trash_entries_deleted_total',
      help: 'Files and directories of volumes that are gone, removed in the background.',
      registers,
    });
    this.trash = { deleted: (entries) => deleted.inc(entries) };
    this.#orphans = new Gauge({
      name: 'tlv_agent_orphans',
      help: 'Directories with no volume at the last look-up, by kind (kept, unknown, unreadable); see tlv orphans list.',
      labelNames: ['kind', 'root'],
      registers,
    });
    new Gauge({
      name: 'tlv_agent_build_info',
      help: 'Always 1; the labels say what runs.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.versions.node }, 1);
  }

  orphans(found: readonly Orphan[], root: string): void {
    for (const kind of ORPHANS)
      this.#orphans.set({ kind, root }, found.filter((orphan) => orphan.kind === kind).length);
  }

  /** What is read from the agent at each scrape. */
  watch(agent: Pick<Agent, 'running' | 'roots'>): void {
    this.#watchRoots(agent);
    this.#read(
      'tlv_agent_watch_age_seconds',
      'Time since the quietest watch last heard from the API server.',
      () => agent.running?.caches.ageSeconds(),
    );
    const all = () => [...(agent.running?.caches.volumes.all() ?? [])];
    this.#phases('tlv_agent_volumes', 'Volumes of this node by phase.', all);
    const discovered = () => all().filter(({ isDiscovered }) => isDiscovered);
    this.#phases('tlv_agent_discovered_volumes', 'Disks that were found and offered, by phase.', discovered);
    this.#read(
      'tlv_agent_discovery_cleaning',
      'Disks whose data is still being removed, so that they are offered to nobody.',
      () => agent.running?.discovery?.figures.cleaning,
    );
    this.#read(
      'tlv_agent_discovery_refused',
      'What is in the directories of disks and cannot be offered; Events of the node say why.',
      () => agent.running?.discovery?.figures.refused,
    );
  }

  #watchRoots(agent: Pick<Agent, 'running' | 'roots'>): void {
    const read = (
      name: string,
      help: string,
      value: (served: ServedRoot | undefined) => number | undefined,
    ) => {
      const values = () => agent.roots.map((root) => [{ root }, value(agent.running?.at(root))] as const);
      this.#gauge(name, help, { labelNames: ['root'], values });
    };
    read(
      'tlv_agent_pool_healthy',
      '1 while the storage at that root is there and can be written to.',
      (served) => Number(served?.health.pool !== undefined),
    );
    read(
      'tlv_agent_pool_size_bytes',
      'Size of the filesystem below the root.',
      (served) => served?.health.pool?.space.totalBytes,
    );
    read(
      'tlv_agent_pool_free_bytes',
      'Free space of the filesystem below the root.',
      (served) => served?.health.pool?.space.freeBytes,
    );
    read(
      'tlv_agent_pool_available_bytes',
      'Free space that may still be promised: without the reserve.',
      (served) => served?.health.pool?.room.left('pool'),
    );
    read(
      'tlv_agent_pool_reserved_bytes',
      'What is never promised of the filesystem below the root.',
      (served) => served?.health.pool?.reservedBytes,
    );
    read(
      'tlv_agent_trash_items',
      'Volumes whose data is still being removed.',
      (served) => served?.trash?.figures.items,
    );
    read(
      'tlv_agent_trash_stuck',
      'Volumes whose data cannot be removed; the log says why.',
      (served) => served?.trash?.figures.stuck,
    );
  }

  #read(name: string, help: string, value: () => number | undefined): void {
    this.#gauge(name, help, { labelNames: [], values: () => [[{}, value()]] });
  }

  /** What has no value now is left out. */
  #gauge<Label extends string>(
    name: string,
    help: string,
    {
      labelNames,
      values,
    }: { readonly labelNames: readonly Label[]; readonly values: () => readonly Read<Label>[] },
  ): void {
    const gauge: Gauge<Label> = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect: () => {
        for (const [labels, now] of values()) {
          if (now === undefined) gauge.remove(labels);
          else gauge.set(labels, now);
        }
      },
    });
  }

  #phases(name: string, help: string, all: () => readonly { readonly phase: string }[]): void {
    const volumes: Gauge<'phase'> = new Gauge({
      name,
      help,
      labelNames: ['phase'],
      registers: [this.registry],
      collect: () => {
        for (const phase of PHASES)
          volumes.set({ phase }, all().filter((volume) => volume.phase === phase).length);
      },
    });
  }

  #seconds(name: string, help: string): (seconds: number) => void {
    const histogram = new Histogram({ name, help, buckets: BUCKETS, registers: [this.registry] });
    return (seconds) => histogram.observe(seconds);
  }
}
