import { BACKENDS } from '../src/tars/class-parameters.ts';
import { pinnedVersion } from '../test/controlplane/binaries.ts';
import { type GroundOptions, openGround } from './bound/ground.ts';
import { FLOOR } from './bound/objects.ts';
import { type Bound, Trial } from './bound/trial.ts';
import { processorText } from './cluster/processor-time.ts';
import { perClaimText, total } from './cluster/requests.ts';
import type { BenchOptions, Measured, Say } from './frame/bench.ts';
import { type Bar, type Chart, OURS } from './frame/chart.ts';
import { figureOf } from './frame/statistics.ts';
import { inTurn } from './frame/turns.ts';

/**
 * How long it takes from a StatefulSet's creation until all its claims are bound, and what that costs the API server:
 * a real control plane, played nodes and pods, a real agent for each node (all in this process), real volumes.
 *
 * The floor is as many volumes made by hand beforehand: the binding alone, as with a static provisioner. What is made
 * beforehand is not in its time, and ours are made from nothing.
 */

const REPLICAS = [50, 200, 1000];
const MAX_PODS_A_NODE = 100;
const FEW_NODES = 10;

/** One cluster, and how many replicas its StatefulSets have, one after the other. */
interface Situation extends Pick<GroundOptions, 'way' | 'backend'> {
  readonly nodes: number;
  readonly replicas: readonly number[];
}

/** What was measured of so many replicas. */
interface Trials {
  readonly name: string;
  readonly replicas: number;
  readonly bounds: ReadonlyMap<string, readonly Bound[]>;
}

export async function measure(options: BenchOptions, say: Say, detail: Say): Promise<Measured> {
  const trials: Trials[] = [];
  for (const situation of situationsFor(options))
    trials.push(...(await measureSituation(situation, options, { say, detail })));
  const chart = (
    title: string,
    unit: string,
    valueOf: (bound: Bound, replicas: number) => number,
  ): Chart => ({
    title,
    unit,
    isLessBetter: true,
    floor: FLOOR,
    groups: trials.map(({ name, replicas, bounds }) => ({
      name,
      bars: [...bounds].map(([contender, all]): Bar => ({
        name: contender,
        figure: figureOf(all.map((bound) => valueOf(bound, replicas))),
      })),
    })),
  });
  return {
    charts: [
      chart('From the StatefulSet to all claims Bound', 's', ({ seconds }) => seconds),
      chart('Requests to the API server a claim', 'requests', perClaim('all')),
      chart('Writes to the API server a claim', 'writes', perClaim('writes')),
    ],
    notes: trials.map(noteOf),
    versions: { Kubernetes: pinnedVersion() },
  };
}

const perClaim =
  (which: 'all' | 'writes') =>
  ({ requests }: Bound, replicas: number): number =>
    total(requests, which) / replicas;

/** Of the last round: what a claim has asked for, and who has worked how long for it. */
function noteOf({ name, replicas, bounds }: Trials): string {
  const ofEach = [...bounds].flatMap(([contender, all]) => {
    const last = all.at(-1);
    if (!last) return [];
    const requests = perClaimText(last.requests, replicas);
    return `${contender} ${requests}, and ms of processor time: ${processorText(last.processorTime, replicas)}`;
  });
  return `${name}, requests a claim: ${ofEach.join('; ')}.`;
}

/** On demand with few nodes; with other backends, fewer replicas; per node, as many nodes as replicas. */
function situationsFor({ quick, replicas, backends, nodes }: BenchOptions): Situation[] {
  const counts = replicas ?? (quick ? [10] : REPLICAS);
  const few = Math.min(...counts);
  const enough = Math.max(
    nodes?.[0] ?? (quick ? 2 : FEW_NODES),
    Math.ceil(Math.max(...counts) / MAX_PODS_A_NODE),
  );
  const wanted = BACKENDS.filter((backend) => backends?.includes(backend) ?? backend === 'directory');
  const onDemand = wanted.map((backend): Situation => {
    const all = backend === 'directory' ? counts : [few];
    return { way: 'on-demand', backend, nodes: enough, replicas: all };
  });
  const perNode = counts.slice(0, 2).map((count): Situation => {
    return { way: 'per-node', backend: 'directory', nodes: count, replicas: [count] };
  });
  return [...onDemand, ...(wanted.includes('directory') ? perNode : [])];
}

async function measureSituation(
  { way, backend, nodes: count, replicas }: Situation,
  options: BenchOptions,
  { say, detail }: { readonly say: Say; readonly detail: Say },
): Promise<Trials[]> {
  const kind = way === 'per-node' ? 'per node' : `on demand${backend === 'directory' ? '' : `, ${backend}`}`;
  say(`${kind}: a control plane with ${count} nodes`);
  const nodes = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const served = await openGround({ way, backend, nodes });
  try {
    const trial = await Trial.start(served, {
      workers: () => new Map([['agents, with this bench', [process.pid]]]),
      detail,
    });
    const all: Trials[] = [];
    for (const each of replicas) {
      const name = `${each} replicas, ${kind}`;
      say(name);
      const bounds = await inTurn(
        [
          { name: FLOOR, measure: () => trial.handMade(each, nodes) },
          { name: OURS, measure: () => trial.ours(each) },
        ],
        roundsFor(each, options),
      );
      all.push({ name, replicas: each, bounds });
    }
    await trial.stop();
    return all;
  } finally {
    await served.stop();
  }
}

/** Many replicas average by themselves, and take their time. */
function roundsFor(replicas: number, { quick, rounds }: BenchOptions) {
  const counted = rounds ?? (quick || replicas > 500 ? 1 : replicas > 100 ? 3 : 5);
  return { warmUp: quick || replicas > 100 ? 0 : 1, counted };
}
