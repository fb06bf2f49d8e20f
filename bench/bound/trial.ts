import { nameOf } from '../../src/tars/claim-template.ts';
import { claimsOf } from '../../src/tars/claims-of.ts';
import { STORAGE_CLASS } from '../../src/tars/vocabulary.ts';
import { CLAIMS, PODS, STATEFUL_SETS, VOLUMES } from '../../test/controlplane/paths.ts';
import { type Served, statefulSetOf } from '../../test/controlplane/served.ts';
import { Counting, phaseIs } from '../cluster/counting.ts';
import {
  componentsOf,
  type ProcessorTime,
  processorTimeBetween,
  processorTimeOf,
  type Workers,
} from '../cluster/processor-time.ts';
import { requestsBetween, requestsIn, type Requests } from '../cluster/requests.ts';
import { watchEventsIn } from '../cluster/watch-events.ts';
import type { Say } from '../frame/bench.ts';
import { inBatches } from '../in-batches.ts';
import { HAND_MADE, handMadeVolume } from './objects.ts';

export interface Bound {
  /** From the StatefulSet's creation to the last claim Bound. */
  readonly seconds: number;
  /** Until all pods run, too: by then everything that a replica causes has been asked for. */
  readonly requests: Requests;
  readonly watchEvents: number;
  readonly processorTime: ProcessorTime;
  /** Of each claim, from when it was there until it was Bound. */
  readonly claimMs: readonly number[];
}

interface Leftover {
  readonly set: ReturnType<typeof statefulSetOf>;
  /** Names of volumes that nobody deletes but who made them. */
  readonly handMade: readonly string[];
}

interface TrialOptions {
  /** Who works beside the components of the control plane, when a trial begins. */
  readonly workers: () => Workers;
  /** Is told how many claims are Bound whenever that changes. */
  readonly detail: Say;
}

/** Makes StatefulSets in one cluster and looks when their claims are bound; everything is gone before the next. */
export class Trial {
  readonly #served: Served;
  readonly #claims: Counting;
  readonly #pods: Counting;
  readonly #volumes: Counting;
  readonly #workers: () => Workers;
  #runs = 0;
  #leftover: Leftover | undefined;

  static async start(served: Served, { workers, detail }: TrialOptions): Promise<Trial> {
    const kubeconfig = served.plane.kubeconfig();
    const [claims, pods, volumes] = await Promise.all([
      Counting.start(kubeconfig, CLAIMS, phaseIs('Bound'), ({ wanted, size }) =>
        detail(`${wanted} of ${size} claims are Bound`),
      ),
      Counting.start(kubeconfig, PODS, phaseIs('Running')),
      Counting.start(kubeconfig, VOLUMES, phaseIs('Available')),
    ]);
    return new Trial(served, { claims, pods, volumes }, workers);
  }

  private constructor(
    served: Served,
    { claims, pods, volumes }: Record<'claims' | 'pods' | 'volumes', Counting>,
    workers: () => Workers,
  ) {
    this.#served = served;
    this.#workers = workers;
    this.#claims = claims;
    this.#pods = pods;
    this.#volumes = volumes;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#claims, this.#pods, this.#volumes].map((counting) => counting.stop()));
  }

  /** With volumes that were made beforehand, on each node as many: what binding alone costs. */
  async handMade(replicas: number, nodes: readonly string[]): Promise<Bound> {
    await this.#clear();
    const volumes = Array.from({ length: replicas }, (_, index) => `hand-made-${this.#runs}-${index}`);
    await inBatches(volumes, async (name, index) => {
      const node = nodes[index % nodes.length] ?? '';
      await this.#served.create(VOLUMES, handMadeVolume(name, node));
    });
    await this.#volumes.reach(replicas, timeoutFor(replicas));
    return this.#run(HAND_MADE, replicas, volumes);
  }

  /** With volumes that are made from nothing. */
  async ours(replicas: number): Promise<Bound> {
    await this.#clear();
    return this.#run(STORAGE_CLASS, replicas);
  }

  async #run(storageClass: string, replicas: number, handMade: readonly string[] = []): Promise<Bound> {
    const set = statefulSetOf(`bench-${++this.#runs}`, { replicas, storageClass, request: '16Mi' });
    const workers = new Map([...componentsOf(this.#served.plane), ...this.#workers()]);
    const before = await this.#metrics();
    const worked = processorTimeOf(workers);
    const started = performance.now();
    await this.#served.create(STATEFUL_SETS, set);
    this.#leftover = { set, handMade };
    const ended = await this.#claims.reach(replicas, timeoutFor(replicas));
    await this.#pods.reach(replicas, timeoutFor(replicas));
    const processorTime = processorTimeBetween(worked, processorTimeOf(workers));
    const after = await this.#metrics();
    return {
      seconds: (ended - started) / 1000,
      requests: requestsBetween(requestsIn(before), requestsIn(after)),
      watchEvents: watchEventsIn(after) - watchEventsIn(before),
      processorTime,
      claimMs: this.#claims.latencies,
    };
  }

  /** What the trial before has left. The last one's goes with its cluster, which takes no time. */
  async #clear(): Promise<void> {
    if (!this.#leftover) return;
    const { set, handMade } = this.#leftover;
    const { name } = set.metadata;
    const { replicas } = set.spec;
    const timeoutMs = timeoutFor(replicas);
    await this.#served.remove(`${STATEFUL_SETS}/${name}`);
    // The garbage collector would do it, in its own time.
    const pods = Array.from({ length: replicas }, (_, index) => `${PODS}/${name}-${index}`);
    await inBatches(pods, (pod) => this.#served.plane.api('DELETE', pod));
    await this.#pods.reach(0, timeoutMs);
    // One by one: a request for ten thousand at once is not answered in time.
    await inBatches(claimsOf(set), (claim) => this.#served.remove(`${CLAIMS}/${nameOf(claim)}`));
    await this.#claims.reach(0, timeoutMs);
    await inBatches(handMade, (volume) => this.#served.remove(`${VOLUMES}/${volume}`));
    await this.#volumes.reach(0, timeoutMs);
    this.#leftover = undefined;
  }

  async #metrics(): Promise<string> {
    return (await this.#served.plane.api<string>('GET', '/metrics')).body;
  }
}

/** Nobody waits for ever, however slow the machine. */
const timeoutFor = (replicas: number): number => 60_000 + 1000 * replicas;
