import { BACKENDS, type BackendName } from '../src/tars/class-parameters.ts';
import { INSTALLED } from '../src/commands/installed.ts';
import { pinnedVersion } from '../test/controlplane/binaries.ts';
import { ControlPlane } from '../test/controlplane/control-plane.ts';
import type { BenchOptions, Measured, Say } from './frame/bench.ts';
import { type Bar, type Chart, OURS } from './frame/chart.ts';
import { figureOf } from './frame/statistics.ts';
import { AgentUnderWatch } from './memory/agent.ts';
import { WebhookUnderWatch } from './memory/webhook.ts';
import { startBareNode } from './processes/bare-node.ts';
import type { MeasuredProcess } from './processes/measured-process.ts';
import { Shipped } from './processes/shipped.ts';

/**
 * What agent and webhook take of a node's memory as they are shipped (bundled), beside a Node that does nothing; how
 * long they take to be ready; and whether they grow while volumes and TServers come and go: as many as in a day.
 */

const FLOOR = 'bare Node';

interface Sizes {
  readonly starts: number;
  /** As many pods as a node has room for, one volume each. */
  readonly volumes: number;
  readonly tservers: number;
  /** One every five minutes. */
  readonly churn: number;
  readonly rest: { readonly restMs: number; readonly samples: number };
}

const FULL: Sizes = {
  starts: 5,
  volumes: 110,
  tservers: 5000,
  churn: 288,
  rest: { restMs: 2000, samples: 5 },
};
const SMALL: Sizes = { starts: 2, volumes: 10, tservers: 100, churn: 8, rest: { restMs: 400, samples: 2 } };
/** How often a look is taken while volumes come and go. */
const LOOKS = 4;

interface Watch {
  readonly plane: ControlPlane;
  readonly shipped: Shipped;
  readonly sizes: Sizes;
  readonly say: Say;
}

/** One program in several states. */
interface Watched {
  readonly name: string;
  readonly secondsToReady: readonly number[];
  readonly megabytes: ReadonlyMap<string, readonly number[]>;
}

interface Running {
  readonly process: MeasuredProcess;
  stop(): Promise<void>;
}

export async function measure({ quick, backends, rounds }: BenchOptions, say: Say): Promise<Measured> {
  const sizes = quick ? SMALL : { ...FULL, starts: rounds ?? FULL.starts };
  const wanted = BACKENDS.filter((backend) => backends?.includes(backend) ?? backend === 'directory');
  const shipped = await Shipped.make();
  const plane = await ControlPlane.start({ components: ['kube-controller-manager', 'kwok'] });
  try {
    await plane.kubectl(['create', 'namespace', INSTALLED.namespace]);
    const watch: Watch = { plane, shipped, sizes, say };
    say('bare Node');
    const bare = await started(FLOOR, sizes, async () => {
      const process = await startBareNode();
      return { process, stop: () => process.stop() };
    });
    const programs: Watched[] = [];
    for (const backend of wanted) programs.push(await watchAgent(watch, backend));
    programs.push(await watchWebhook(watch));
    return {
      charts: [memoryChart(bare, programs), startChart(bare, programs)],
      versions: { Kubernetes: pinnedVersion() },
    };
  } finally {
    await plane.stop();
    shipped.remove();
  }
}

async function watchAgent({ plane, shipped, sizes, say }: Watch, backend: BackendName): Promise<Watched> {
  const name = backend === 'directory' ? 'agent' : `agent, ${backend}`;
  say(`${name}: starts`);
  const start = () => AgentUnderWatch.start({ plane, shipped, backend });
  const idle = await started(name, sizes, start);
  const megabytes = new Map(idle.megabytes);
  const agent = await start();
  try {
    const look = async (state: string) =>
      megabytes.set(state, await agent.process.residentAtRest(sizes.rest));
    say(`${name}: ${sizes.volumes} volumes`);
    await agent.make(sizes.volumes);
    await look(`${sizes.volumes} volumes`);
    await agent.clear();
    const each = sizes.churn / LOOKS;
    for (let made = each; made <= sizes.churn; made += each) {
      say(`${name}: ${made} volumes made and deleted`);
      await agent.make(each);
      await agent.clear();
      await look(`${made} more made and deleted`);
    }
    return { ...idle, megabytes };
  } finally {
    await agent.stop();
  }
}

async function watchWebhook({ plane, shipped, sizes, say }: Watch): Promise<Watched> {
  say('webhook: starts');
  const start = () => WebhookUnderWatch.start(plane, shipped);
  const idle = await started('webhook', sizes, start);
  const megabytes = new Map(idle.megabytes);
  const webhook = await start();
  try {
    const look = async (state: string) =>
      megabytes.set(state, await webhook.process.residentAtRest(sizes.rest));
    say(`webhook: ${sizes.tservers} TServers`);
    await webhook.makeTServers(sizes.tservers);
    await look(`${sizes.tservers} TServers`);
    for (let round = 1; round <= LOOKS; round += 1) {
      say(`webhook: each TServer written ${round} times more`);
      await webhook.touchTServers(sizes.tservers, round);
      await look(`each written ${round} times more`);
    }
    return { ...idle, megabytes };
  } finally {
    await webhook.stop();
  }
}

/** Starts it several times, and looks at it when nothing is to be done. */
async function started(
  name: string,
  { starts, rest }: Sizes,
  start: () => Promise<Running>,
): Promise<Watched> {
  const secondsToReady: number[] = [];
  const megabytes: number[] = [];
  while (secondsToReady.length < starts) {
    const running = await start();
    secondsToReady.push(running.process.secondsToReady);
    megabytes.push(...(await running.process.residentAtRest({ ...rest, samples: 1 })));
    await running.stop();
  }
  return { name, secondsToReady, megabytes: new Map([['idle', megabytes]]) };
}

const CHART = { isLessBetter: true, floor: FLOOR } as const;
const barOf = (name: string, values: readonly number[]): Bar => ({ name, figure: figureOf(values) });

const memoryChart = (bare: Watched, programs: readonly Watched[]): Chart => ({
  ...CHART,
  title: 'Resident memory',
  unit: 'MB',
  groups: programs.map(({ name, megabytes }) => ({
    name,
    bars: [
      ...[...bare.megabytes].map(([, values]) => barOf(FLOOR, values)),
      ...[...megabytes].map(([state, values]) => barOf(state, values)),
    ],
  })),
});

const startChart = (bare: Watched, programs: readonly Watched[]): Chart => ({
  ...CHART,
  title: 'From start to ready',
  unit: 's',
  groups: programs.map(({ name, secondsToReady }) => ({
    name,
    bars: [barOf(FLOOR, bare.secondsToReady), barOf(OURS, secondsToReady)],
  })),
});
