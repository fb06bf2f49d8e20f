import { PROVISIONER } from '../../src/tars/vocabulary.ts';
import { pinnedVersion } from '../../test/controlplane/binaries.ts';
import { Served } from '../../test/controlplane/served.ts';
import { FLOOR, handMadeClass } from '../bound/objects.ts';
import { type Bound, Trial } from '../bound/trial.ts';
import { processorText } from '../cluster/processor-time.ts';
import { total } from '../cluster/requests.ts';
import type { BenchOptions, Measured, Say } from '../frame/bench.ts';
import type { Chart } from '../frame/chart.ts';
import { figureOf, quantile } from '../frame/statistics.ts';
import { inBatches } from '../in-batches.ts';
import { AgentProcesses } from './agent-processes.ts';
import { AGENTS_RIGHTS, AGENTS_USER } from './agents-user.ts';

const CSI_DRIVER = `/apis/storage.k8s.io/v1/csidrivers/${PROVISIONER}`;

/** How claims come to their volumes. */
export interface Way {
  readonly name: string;
  /** Whether the scheduler looks for room before it chooses a node. */
  readonly looksForRoom: boolean;
  readonly bind: (trial: Trial, claims: number, nodes: readonly string[]) => Promise<Bound>;
}

const AGENTS = 'agents';
/** Whose processor time is shown: what a claim may cost more of with more nodes. */
const WORKERS = ['kube-apiserver', 'kube-scheduler', 'kube-controller-manager', AGENTS];

const ours: Way['bind'] = (trial, claims) => trial.ours(claims);
export const ROOM_LOOKED_AT: Way = { name: 'room looked at', looksForRoom: true, bind: ours };
export const ROOM_LEFT_OUT: Way = { name: 'room left out', looksForRoom: false, bind: ours };
/** What grows here grows with no product at all. */
export const BY_HAND: Way = {
  name: FLOOR,
  looksForRoom: false,
  bind: (trial, claims, nodes) => trial.handMade(claims, nodes),
};

export interface Growth {
  readonly ways: readonly Way[];
  /** Controllers and scheduler keep to the rates that Kubernetes gives them. */
  readonly throttled: boolean;
  /** All at once, unless other numbers are asked for. */
  readonly claims: number;
  readonly nodes: readonly number[];
}

interface Step {
  readonly way: string;
  readonly nodes: number;
  readonly bounds: readonly Bound[];
}

interface Told {
  readonly say: Say;
  readonly detail: Say;
}

/** The same number of claims on ever more nodes, each with an agent, in each of the ways. */
export async function measureGrowth(
  growth: Growth,
  { quick, rounds = 1, replicas, nodes }: BenchOptions,
  told: Told,
): Promise<Measured> {
  const { ways } = growth;
  const claims = replicas?.[0] ?? (quick ? 50 : growth.claims);
  const steps: Step[] = [];
  for (const count of nodes ?? (quick ? [3, 6] : growth.nodes))
    steps.push(...(await measureOn(count, { ...growth, claims, rounds }, told)));
  return { charts: chartsOf(steps, ways, claims), versions: { Kubernetes: pinnedVersion() } };
}

/** In a cluster of its own: what thousands of claims leave behind would take as long to go as they took to come. */
async function measureOn(
  count: number,
  { ways, throttled, claims, rounds }: Growth & { readonly rounds: number },
  { say, detail }: Told,
): Promise<Step[]> {
  say(`a control plane with ${count} nodes`);
  const nodes = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const plane = { throttled, identities: [AGENTS_USER] };
  const served = await Served.start({ nodes: [], asksForRoom: true, plane });
  const agents = new AgentProcesses(served.plane.kubeconfig(AGENTS_USER.name));
  try {
    await served.installed.apply([handMadeClass, ...AGENTS_RIGHTS]);
    await inBatches(nodes, (node) => served.plane.addNodes([node]));
    await agents.start(nodes);
    const workers = () => new Map([[AGENTS, agents.pids]]);
    const trial = await Trial.start(served, { workers, detail });
    const steps: Step[] = [];
    for (const { name, looksForRoom, bind } of ways) {
      await served.patch(CSI_DRIVER, { spec: { storageCapacity: looksForRoom } });
      const bounds: Bound[] = [];
      while (bounds.length < rounds) {
        say(`${claims} claims on ${count} nodes, ${name}`);
        const bound = await bind(trial, claims, nodes);
        say(summaryOf(bound, claims));
        bounds.push(bound);
      }
      steps.push({ way: name, nodes: count, bounds });
    }
    await trial.stop();
    return steps;
  } finally {
    await agents.stop();
    await served.stop();
  }
}

/** What there is of a run that is ended before its time: each takes long. */
const summaryOf = (bound: Bound, claims: number): string =>
  `all Bound after ${bound.seconds.toFixed(1)} s, half within ${within(0.5)(bound).toFixed(1)} s, ` +
  `99 of 100 within ${within(0.99)(bound).toFixed(1)} s; a claim: ` +
  `${(bound.watchEvents / claims).toFixed(1)} watch events, ${(total(bound.requests) / claims).toFixed(1)} requests, ` +
  `ms of processor time: ${processorText(bound.processorTime, claims)}`;

/** Seconds in which that share of the claims was bound. */
const within =
  (share: number) =>
  ({ claimMs }: Bound): number =>
    quantile(claimMs, share) / 1000;

/** The smallest number of nodes is what the others are set in proportion to. */
function chartsOf(steps: readonly Step[], ways: readonly Way[], claims: number): Chart[] {
  const nameOf = ({ nodes }: Step): string => `${nodes.toLocaleString('en-US')} nodes`;
  const chart = (
    title: string,
    unit: string,
    values: Readonly<Record<string, (bound: Bound) => number>>,
  ): Chart => ({
    title,
    unit,
    isLessBetter: true,
    ...(steps[0] ? { floor: nameOf(steps[0]) } : {}),
    groups: Object.entries(values).flatMap(([name, valueOf]) =>
      ways.map(({ name: way }) => ({
        name: `${name}, ${way}`,
        bars: steps
          .filter((step) => step.way === way)
          .map((step) => ({ name: nameOf(step), figure: figureOf(step.bounds.map(valueOf)) })),
      })),
    ),
  });
  return [
    chart(`From a claim to Bound, ${claims.toLocaleString('en-US')} claims at once`, 's', {
      'half of them': within(0.5),
      '99 of 100': within(0.99),
      'all of them': ({ seconds }) => seconds,
    }),
    chart('What a claim asks of the API server', 'a claim', {
      'watch events': ({ watchEvents }) => watchEvents / claims,
      requests: ({ requests }) => total(requests) / claims,
    }),
    chart(
      'Processor time',
      'ms a claim',
      Object.fromEntries(
        WORKERS.map((worker) => [
          worker,
          ({ processorTime }: Bound) => ((processorTime.get(worker) ?? 0) * 1000) / claims,
        ]),
      ),
    ),
  ];
}
