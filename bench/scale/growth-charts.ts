import type { Bound } from '../bound/trial.ts';
import { processorText } from '../cluster/processor-time.ts';
import { total } from '../cluster/requests.ts';
import type { Chart } from '../frame/chart.ts';
import { figureOf, quantile } from '../frame/statistics.ts';
import { AGENTS, type AtRest } from './at-rest.ts';

/** What was measured on one number of nodes. */
export interface Stage {
  readonly nodes: number;
  /** Before there are agents, and with them. */
  readonly rest?: { readonly nodesAlone: AtRest; readonly withAgents: AtRest };
  readonly steps: readonly Step[];
}

/** In one way. */
export interface Step {
  readonly way: string;
  readonly bounds: readonly Bound[];
}

/** Whose processor time is shown: what a claim may cost more of with more nodes. */
const WORKERS = ['kube-apiserver', 'kube-scheduler', 'kube-controller-manager', AGENTS];

/** What there is of a run that is ended before its time: each takes long. */
export const summaryOf = (bound: Bound, claims: number): string =>
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
export function growthCharts(measured: readonly Stage[], claims: number): Chart[] {
  const stages = measured.toSorted((a, b) => a.nodes - b.nodes);
  const ofClaims = (
    title: string,
    unit: string,
    values: Readonly<Record<string, (bound: Bound) => number>>,
  ): Chart => {
    const ways = stages[0]?.steps.map(({ way }) => way) ?? [];
    const groups = Object.entries(values).flatMap(([name, valueOf]) =>
      ways.map((way) => ({
        name: `${name}, ${way}`,
        values: ({ steps }: Stage) => steps.find((step) => step.way === way)?.bounds.map(valueOf) ?? [],
      })),
    );
    return chartOf(stages, { title, unit, groups });
  };
  return [
    ofClaims(`From a claim to Bound, ${claims.toLocaleString('en-US')} claims at once`, 's', {
      'half of them': within(0.5),
      '99 of 100': within(0.99),
      'all of them': ({ seconds }) => seconds,
    }),
    ofClaims('What a claim asks of the API server', 'a claim', {
      'watch events': ({ watchEvents }) => watchEvents / claims,
      requests: ({ requests }) => total(requests) / claims,
    }),
    ofClaims(
      'Processor time',
      'ms a claim',
      Object.fromEntries(
        WORKERS.map((worker) => [
          worker,
          ({ processorTime }: Bound) => ((processorTime.get(worker) ?? 0) * 1000) / claims,
        ]),
      ),
    ),
    ...(stages.every(({ rest }) => rest) ? [restChart(stages)] : []),
  ];
}

/** What nodes cost while nobody asks for anything, the API server's part included. */
function restChart(stages: readonly Stage[]): Chart {
  const values = {
    'nodes alone': ({ rest }: Stage) => rest?.nodesAlone.all,
    'with an agent each': ({ rest }: Stage) => rest?.withAgents.all,
    'the agents of that': ({ rest }: Stage) => rest?.withAgents.agents,
  };
  return chartOf(stages, {
    title: 'Processor time at rest, in each second',
    unit: 'ms a node',
    groups: Object.entries(values).map(([name, valueOf]) => ({
      name,
      values: (stage) => [valueOf(stage)].filter((value) => value !== undefined),
    })),
  });
}

interface Figures {
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly { readonly name: string; readonly values: (stage: Stage) => number[] }[];
}

const nameOf = ({ nodes }: Stage): string => `${nodes.toLocaleString('en-US')} nodes`;

function chartOf(stages: readonly Stage[], { title, unit, groups }: Figures): Chart {
  return {
    title,
    unit,
    isLessBetter: true,
    ...(stages[0] ? { floor: nameOf(stages[0]) } : {}),
    groups: groups.map(({ name, values }) => ({
      name,
      bars: stages.flatMap((stage) => {
        const figures = values(stage);
        return figures.length > 0 ? [{ name: nameOf(stage), figure: figureOf(figures) }] : [];
      }),
    })),
  };
}
