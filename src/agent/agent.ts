import type { KubeConfig } from '@kubernetes/client-node';
import { ApiReader } from '../cluster/api-reader.ts';
import { Connections } from '../cluster/api-request.ts';
import { ApiWriter } from '../cluster/api-writer.ts';
import { type Clock, doneWithin, jittered, sleep, systemClock } from '../cluster/clock.ts';
import type { BeforeEffect } from '../cluster/effect.ts';
import { EventRecorder } from '../cluster/event-recorder.ts';
import { asError } from '../cluster/faults.ts';
import type { Logger } from '../cluster/observer.ts';
import { WorkQueue } from '../cluster/work-queue.ts';
import type { Settings } from '../tars/settings.ts';
import { AgentApi } from './agent-api.ts';
import type { DiscoveryConfig } from './discovery/config.ts';
import { routeUnrouted } from './look-up.ts';
import type { AgentObserver } from './metrics.ts';
import { type NodeIdentity, nodeIdentity } from './node-identity.ts';
import type { ToolsOptions } from './os/tools.ts';
import type { Reserve } from './reserve.ts';
import type { Roots } from './roots.ts';
import { type Parts, Running } from './running.ts';
import type { ServedRoot } from './served-root.ts';

export interface AgentOptions {
  readonly config: KubeConfig;
  readonly node: string;
  readonly root: string;
  /** More of them, for classes that name them. */
  readonly otherRoots?: readonly string[];
  /** Where its Lease and its capacities are. */
  readonly namespace: string;
  readonly settings: Settings;
  readonly reserve: Reserve;
  /** Of the node, for backends that are more than directories. */
  readonly tools: Pick<ToolsOptions, 'path' | 'environment'>;
  /** What volumes in memory may hold together. */
  readonly memoryBytes: number;
  readonly offerTtlMs: number;
  readonly lookUpMs: number;
  /** Entries a second. */
  readonly maxDeleteRate: number;
  readonly requireMountPoint: boolean;
  readonly allowOtherHostname: boolean;
  /** Disks that are mounted on the node, and are to be offered as they are. */
  readonly discovery?: DiscoveryConfig | undefined;
  readonly logger: Logger;
  readonly observer?: AgentObserver;
  readonly clock?: Clock;
  readonly beforeEffect?: BeforeEffect;
}

const COMPONENT = 't-local-volume-agent';
/** As client-go's defaults for a controller of its size. */
const RATE = { qps: 20, burst: 40 };
/** More than it ever follows and lists at once: each watch has a connection for as long as it lasts. */
const READERS_MAX = 16;
/** At the end nobody waits longer for a disk: the kubelet gives 30 s, and Events have to be sent. */
const HANGING_MS = 15_000;

/**
 * The agent of one node: follows its claims and volumes, and brings them and its disk together.
 *
 * - It begins to work when its caches are filled and its disk was looked at, and not before; for one that hangs it does not wait.
 * - Everything it does goes by one queue of paths; what is periodic only adds paths to it.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  readonly #writer: ApiWriter;
  /** For reading: else each list and each watch would be a TLS handshake, which a thousand agents feel, and the API server. */
  readonly #connections = new Connections(READERS_MAX);
  readonly #reader: ApiReader;
  readonly #api: AgentApi;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  #running: Running | undefined;
  #lookUps: Promise<void> | undefined;
  /** The roots whose orphans are being looked for. */
  readonly #counting = new Set<string>();

  constructor(options: AgentOptions) {
    const { config, node, settings, logger, observer, clock = systemClock, beforeEffect } = options;
    this.#options = options;
    this.#clock = clock;
    this.#writer = new ApiWriter(config, { rate: RATE, clock, ...(beforeEffect ? { beforeEffect } : {}) });
    this.#reader = new ApiReader(config, clock, this.#connections);
    this.#api = new AgentApi(this.#writer, settings, clock);
    this.#events = new EventRecorder({
      writer: this.#writer,
      component: COMPONENT,
      host: node,
      logger,
      clock,
    });
    this.#queue = new WorkQueue({
      clock,
      observer: {
        ...observer?.queue,
        retried: (key, error, waitMs) => {
          observer?.queue.retried?.(key, error, waitMs);
          logger.warn({ path: key, retryInMs: Math.round(waitMs) }, `${key}: ${error.message}`);
        },
        hangs: (key, seconds) => {
          logger.warn(
            { path: key },
            `${key}: not done after ${seconds} s; other work goes on without waiting for it`,
          );
          for (const { health } of this.#running?.roots ?? []) health.suspect();
        },
      },
    });
  }

  get roots(): Roots {
    const { root, otherRoots = [] } = this.#options;
    return [root, ...otherRoots];
  }

  /** What keeps the agent from doing its work; undefined when nothing does. Other roots than the first have no part in it. */
  missing(): string | undefined {
    return this.#running?.caches.missing() ?? this.faultAt(this.#options.root);
  }

  /** What keeps it from serving one of its roots. */
  faultAt(root: string): string | undefined {
    if (!this.#running) return 'it is starting';
    const health = this.#running.at(root)?.health;
    return health?.pool ? undefined : health?.why;
  }

  /** What metrics are read from; undefined until it runs. */
  get running(): Pick<Running, 'caches' | 'health' | 'at' | 'discovery'> | undefined {
    return this.#running;
  }

  /** Resolves when nothing is due; for tests. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** Returns when it works, which takes as long as its node and the API server take. */
  async start(): Promise<void> {
    const { node, allowOtherHostname, logger } = this.#options;
    const identity = await nodeIdentity({
      writer: this.#writer,
      node,
      allowOtherHostname,
      logger,
      clock: this.#clock,
      signal: this.#stopped.signal,
    });
    const running = new Running(this.#parts(identity));
    this.#running = running;
    await running.start();
    if (this.#stopped.signal.aborted) return;
    this.#queue.start((key) => running.reconcile(key));
    running.addAll();
    this.#lookUps = this.#lookUp(running);
  }

  /** Ends what is under way in good order, and sends what was said, be it that something hangs. */
  async stop(): Promise<void> {
    await doneWithin(systemClock, HANGING_MS, this.#end());
    await this.#events.flush();
    this.#writer.close();
    this.#connections.close();
  }

  async #end(): Promise<void> {
    this.#stopped.abort(new Error('stopped'));
    // Whoever waits for the scheduler to be told waits no longer.
    this.#running?.capacity.stop();
    await this.#queue.stop();
    await this.#lookUps;
    await this.#running?.stop();
  }

  #parts(identity: NodeIdentity): Parts {
    return {
      ...this.#options,
      roots: this.roots,
      identity,
      clock: this.#clock,
      writer: this.#writer,
      reader: this.#reader,
      api: this.#api,
      events: this.#events,
      queue: this.#queue,
    };
  }

  /** The slow round: what no watch brings. */
  async #lookUp(running: Running): Promise<void> {
    const { settings, node, lookUpMs, logger } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const found = await routeUnrouted({ reader: this.#reader, api: this.#api, settings, node, signal });
        if (found > 0)
          logger.warn(
            { claims: found },
            `${found} claims came without the routing label: is the webhook up?`,
          );
        void running.capacity.republish();
        for (const each of running.roots) void this.#tellOrphans(each);
        running.addAll();
      } catch (error) {
        if (!signal.aborted) logger.warn({}, `the periodic look-up failed: ${asError(error).message}`);
      }
      await sleep(this.#clock, jittered(lookUpMs, Math.random), signal);
    }
  }

  /** A root that is just being lost, or whose disk does not answer, is no matter to the others. */
  async #tellOrphans(served: ServedRoot): Promise<void> {
    const { logger, observer } = this.#options;
    const { root } = served;
    if (this.#counting.has(root)) return;
    this.#counting.add(root);
    try {
      observer?.orphans(await served.orphans(), root);
    } catch (error) {
      logger.warn({ root }, `orphans at ${root} cannot be looked for: ${asError(error).message}`);
    } finally {
      this.#counting.delete(root);
    }
  }
}
