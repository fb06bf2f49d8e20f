import { randomUUID } from 'node:crypto';
import type { KubeConfig } from '@kubernetes/client-node';
import { ApiReader } from '../cluster/api-reader.ts';
import { ApiWriter } from '../cluster/api-writer.ts';
import { type Clock, systemClock } from '../cluster/clock.ts';
import type { BeforeEffect } from '../cluster/effect.ts';
import { EventRecorder } from '../cluster/event-recorder.ts';
import { LeaderElection } from '../cluster/leader.ts';
import type { ListWatchObserver, Logger } from '../cluster/observer.ts';
import { PRODUCT_LABEL } from '../tars/agent-lease.ts';
import type { Settings } from '../tars/settings.ts';
import { Followers } from './followers.ts';
import { type SweepObserver, Term } from './term.ts';

export interface SweeperOptions {
  readonly config: KubeConfig;
  /** The product's own: of its Lease, and of the agents' Leases and capacities. */
  readonly namespace: string;
  readonly settings: Pick<Settings, 'classes'>;
  /** Of this process, for people who look at the Lease. */
  readonly host: string;
  /** For how long a node must be gone, or an agent silent. */
  readonly delayMs: number;
  readonly logger: Logger;
  readonly observer?: Partial<SweepObserver>;
  readonly watches?: Partial<ListWatchObserver>;
  readonly onLeader?: (isLeader: boolean) => void;
  readonly beforeEffect?: BeforeEffect;
}

const COMPONENT = 't-local-volume-sweeper';
/** As client-go names them. */
const RATE = { qps: 20, burst: 40 };
const EVERY_MS = 5000;

/**
 * Does what only someone else can when a node or its agent is gone: lets the scheduler choose again, and lets go what
 * that agent would have let go. Several may run, one of them leads; the others look at nothing but its Lease.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #clock: Clock = systemClock;
  readonly #reader: ApiReader;
  readonly #writer: ApiWriter;
  /** Its own, so that the Lease is renewed however many steps wait for their turn. */
  readonly #leaseWriter: ApiWriter;
  readonly #events: EventRecorder;
  readonly #election: LeaderElection;

  constructor(options: SweeperOptions) {
    this.#options = options;
    const { config, namespace, host, logger, beforeEffect, onLeader } = options;
    this.#reader = new ApiReader(config);
    this.#writer = new ApiWriter(config, { rate: RATE, ...(beforeEffect && { beforeEffect }) });
    this.#leaseWriter = new ApiWriter(config);
    this.#events = new EventRecorder({ writer: this.#leaseWriter, component: COMPONENT, host, logger });
    this.#election = new LeaderElection({
      writer: this.#leaseWriter,
      namespace,
      name: COMPONENT,
      labels: { ...PRODUCT_LABEL, 'app.kubernetes.io/component': 'sweeper' },
      identity: `${host}_${randomUUID()}`,
      lead: (signal) => this.#lead(signal),
      logger,
      ...(onLeader && { onChange: onLeader }),
    });
  }

  start(): void {
    this.#election.start();
  }

  /** Returns when nothing is under way, the Lease is free, and what is to be said is said. */
  async stop(): Promise<void> {
    await this.#election.stop();
    await this.#events.flush();
    this.#writer.close();
    this.#leaseWriter.close();
  }

  #lead(signal: AbortSignal): Promise<void> {
    const { namespace, settings, delayMs, logger, observer = {}, watches = {} } = this.#options;
    const followers = new Followers({ reader: this.#reader, namespace, settings, logger, observer: watches });
    const tools = {
      writer: this.#writer,
      events: this.#events,
      namespace,
      delaySeconds: delayMs / 1000,
      clock: this.#clock,
    };
    const term = new Term({
      followers,
      tools,
      isLeader: () => this.#election.isLeader,
      delayMs,
      everyMs: Math.min(EVERY_MS, Math.max(delayMs / 5, 100)),
      clock: this.#clock,
      logger,
      observer,
    });
    return term.serve(signal);
  }
}
