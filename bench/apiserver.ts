import { pinnedVersion } from '../test/controlplane/binaries.ts';
import { startClusters, WITHOUT } from './apiserver/clusters.ts';
import { type Created, creating, type Load } from './apiserver/creating.ts';
import { KINDS } from './apiserver/objects.ts';
import type { BenchOptions, Measured, Say } from './frame/bench.ts';
import type { Bar, Chart } from './frame/chart.ts';
import { figureOf, quantile } from './frame/statistics.ts';
import { inTurn } from './frame/turns.ts';

/**
 * What a create of a StatefulSet costs those who wait for it: API servers with and without the product, asked in turn
 * by clients that create one after the other. How long one waits is measured where nobody queues, and how many get
 * through where everybody does.
 */

const CLIENTS = 8;
/** Creates a second that each of the API servers has no trouble with. */
const RATE = 40;

type Turns = ReadonlyMap<string, readonly Created[]>;

/** Of StatefulSets of one kind, by API server. */
interface Trial {
  readonly kind: string;
  readonly steady: Turns;
  readonly flatOut: Turns;
}

export async function measure({ quick, rounds }: BenchOptions, say: Say): Promise<Measured> {
  const pace = { warmUp: 1, counted: rounds ?? (quick ? 1 : 5) };
  const flatOut = { clients: CLIENTS, seconds: quick ? 1 : 3 };
  const steady = { ...flatOut, seconds: quick ? 1 : 5, rate: RATE };
  say('API servers');
  const clusters = await startClusters();
  try {
    const trials: Trial[] = [];
    for (const [kind, objectOf] of Object.entries(KINDS)) {
      const turns = (load: Load): Promise<Turns> =>
        inTurn(
          clusters.map(({ name, plane }) => ({ name, measure: () => creating(plane, objectOf, load) })),
          pace,
        );
      say(`StatefulSets ${kind}, as fast as they are answered`);
      const fast = await turns(flatOut);
      say(`StatefulSets ${kind}, ${RATE} a second`);
      trials.push({ kind, steady: await turns(steady), flatOut: fast });
    }
    return {
      charts: [
        chartOf(trials, `Half of the creates within, ${AT_RATE}`, 'steady', 'p50'),
        chartOf(trials, `99 of 100 creates within, ${AT_RATE}`, 'steady', 'p99'),
        chartOf(trials, `Creates, ${CLIENTS} clients as fast as they are answered`, 'flatOut', 'perSecond'),
      ],
      notes: trials.map(addedText),
      versions: { Kubernetes: pinnedVersion() },
    };
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
  }
}

const AT_RATE = `${CLIENTS} clients, ${RATE} a second`;

const chartOf = (
  trials: readonly Trial[],
  title: string,
  load: 'steady' | 'flatOut',
  what: keyof Created,
): Chart => ({
  title,
  unit: what === 'perSecond' ? 'a second' : 'ms',
  isLessBetter: what !== 'perSecond',
  floor: WITHOUT,
  groups: trials.map((trial) => ({
    name: trial.kind,
    bars: [...trial[load]].map(([name, all]): Bar => ({
      name,
      figure: figureOf(all.map((each) => each[what])),
    })),
  })),
});

/** What is added, for that is what one waits longer. */
function addedText({ kind, steady }: Trial): string {
  const median = (name: string, what: 'p50' | 'p99'): number =>
    quantile(
      (steady.get(name) ?? []).map((each) => each[what]),
      0.5,
    );
  const added = (name: string, what: 'p50' | 'p99'): string =>
    `${(median(name, what) - median(WITHOUT, what)).toFixed(1)} ms`;
  const texts = [...steady.keys()]
    .filter((name) => name !== WITHOUT)
    .map((name) => `${name} ${added(name, 'p50')} (99 of 100: ${added(name, 'p99')})`);
  return `StatefulSets ${kind}, added to half of the creates at ${RATE} a second: ${texts.join(', ')}.`;
}
