import { PROVISIONER } from '../../src/tars/vocabulary.ts';
import { pinnedVersion } from '../../test/controlplane/binaries.ts';
import { Served } from '../../test/controlplane/served.ts';
import { FLOOR, handMadeClass } from '../bound/objects.ts';
import { type Bound, Trial } from '../bound/trial.ts';
import { componentsOf } from '../cluster/processor-time.ts';
import type { BenchOptions, Measured, Say } from '../frame/bench.ts';
import { inBatches } from '../in-batches.ts';
import { AgentProcesses } from './agent-processes.ts';
import { AGENTS_RIGHTS, AGENTS_USER } from './agents-user.ts';
import { AGENTS, type AtRest, measureRest } from './at-rest.ts';
import { growthCharts, type Stage, type Step, summaryOf } from './growth-charts.ts';

const CSI_DRIVER = `/apis/storage.k8s.io/v1/csidrivers/${PROVISIONER}`;

/** How claims come to their volumes. */
export interface Way {
  readonly name: string;
  /** Whether the scheduler looks for room before it chooses a node. */
  readonly looksForRoom: boolean;
  readonly bind: (trial: Trial, claims: number, nodes: readonly string[]) => Promise<Bound>;
}

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
  /** What the cluster does while nobody asks anything of it is measured too, before and after there are agents. */
  readonly looksAtRest: boolean;
  /** All at once, unless other numbers are asked for. */
  readonly claims: number;
  readonly nodes: readonly number[];
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
  const claims = replicas?.[0] ?? (quick ? 50 : growth.claims);
  const stages: Stage[] = [];
  for (const count of nodes ?? (quick ? [3, 6] : growth.nodes))
    stages.push(await measureOn(count, { ...growth, claims, rounds, quick }, told));
  return { charts: growthCharts(stages, claims), versions: { Kubernetes: pinnedVersion() } };
}

interface StageOptions extends Growth {
  readonly rounds: number;
  readonly quick: boolean;
}

/** In a cluster of its own: what thousands of claims leave behind would take as long to go as they took to come. */
async function measureOn(count: number, options: StageOptions, { say, detail }: Told): Promise<Stage> {
  const { throttled, looksAtRest, quick } = options;
  say(`a control plane with ${count} nodes`);
  const nodes = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const plane = { throttled, identities: [AGENTS_USER] };
  const served = await Served.start({ nodes: [], asksForRoom: true, plane });
  const agents = new AgentProcesses(served.plane.kubeconfig(AGENTS_USER.name));
  const workers = () => new Map([[AGENTS, agents.pids]]);
  const atRest = async (who: string): Promise<AtRest | undefined> => {
    if (!looksAtRest) return undefined;
    say(`${who}, at rest`);
    const rest = await measureRest(new Map([...componentsOf(served.plane), ...workers()]), count, quick);
    say(
      `ms of processor time in each second, a node: ${rest.all.toFixed(2)}, agents ${rest.agents.toFixed(2)}`,
    );
    return rest;
  };
  try {
    await served.installed.apply([handMadeClass, ...AGENTS_RIGHTS]);
    await inBatches(nodes, (node) => served.plane.addNodes([node]));
    const nodesAlone = await atRest(`${count} nodes alone`);
    await agents.start(nodes);
    const withAgents = await atRest(`${count} nodes with agents`);
    const trial = await Trial.start(served, { workers, detail });
    const steps = await measureWays(trial, served, nodes, { ...options, say });
    await trial.stop();
    return { nodes: count, steps, ...(nodesAlone && withAgents ? { rest: { nodesAlone, withAgents } } : {}) };
  } finally {
    await agents.stop();
    await served.stop();
  }
}

async function measureWays(
  trial: Trial,
  served: Served,
  nodes: readonly string[],
  { ways, claims, rounds, say }: StageOptions & Pick<Told, 'say'>,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const { name, looksForRoom, bind } of ways) {
    await served.patch(CSI_DRIVER, { spec: { storageCapacity: looksForRoom } });
    const bounds: Bound[] = [];
    while (bounds.length < rounds) {
      say(`${claims} claims on ${nodes.length} nodes, ${name}`);
      const bound = await bind(trial, claims, nodes);
      say(summaryOf(bound, claims));
      bounds.push(bound);
    }
    steps.push({ way: name, bounds });
  }
  return steps;
}
