import { pinnedVersion } from '../test/controlplane/binaries.ts';
import { startClusters, WITHOUT } from './apiserver/clusters.ts';
import { type Created, creating } from './apiserver/creating.ts';
import { KINDS } from './apiserver/objects.ts';
import type { BenchOptions, Measured, Say } from './frame/bench.ts';
import type { Bar, Chart } from './frame/chart.ts';
import { figureOf, quantile } from './frame/statistics.ts';
import { inTurn } from './frame/turns.ts';

/**
 * What a create of a StatefulSet costs those who wait for it: API servers with and without the product, asked in turn
 * by clients that create one after the other.
 */

const CLIENTS = 8;

/** Of StatefulSets of one kind, by API server. */
interface Trial {
  readonly kind: string;
  readonly created: ReadonlyMap<string, readonly Created[]>;
}

export async function measure({ quick, rounds }: BenchOptions, say: Say): Promise<Measured> {
  const pace = { warmUp: 1, counted: rounds ?? (quick ? 1 : 5) };
  const load = { clients: CLIENTS, seconds: quick ? 1 : 3 };
  say('three API servers');
  const clusters = await startClusters();
  try {
    const trials: Trial[] = [];
    for (const [kind, objectOf] of Object.entries(KINDS)) {
      say(`StatefulSets ${kind}`);
      const contenders = clusters.map(({ name, plane }) => ({
        name,
        measure: () => creating(plane, objectOf, load),
      }));
      trials.push({ kind, created: await inTurn(contenders, pace) });
    }
    return {
      charts: [
        chartOf(trials, `Half of the creates within, ${CLIENTS} clients`, 'p50'),
        chartOf(trials, `99 of 100 creates within, ${CLIENTS} clients`, 'p99'),
        chartOf(trials, `Creates, ${CLIENTS} clients`, 'perSecond'),
      ],
      notes: trials.map(addedText),
      versions: { Kubernetes: pinnedVersion() },
    };
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
  }
}

const chartOf = (trials: readonly Trial[], title: string, what: keyof Created): Chart => ({
  title,
  unit: what === 'perSecond' ? 'a second' : 'ms',
  isLessBetter: what !== 'perSecond',
  floor: WITHOUT,
  groups: trials.map(({ kind, created }) => ({
    name: kind,
    bars: [...created].map(([name, all]): Bar => ({ name, figure: figureOf(all.map((each) => each[what])) })),
  })),
});

/** What is added, for that is what one waits longer. */
function addedText({ kind, created }: Trial): string {
  const median = (name: string, what: 'p50' | 'p99'): number =>
    quantile(
      (created.get(name) ?? []).map((each) => each[what]),
      0.5,
    );
  const added = (name: string, what: 'p50' | 'p99'): string =>
    `${(median(name, what) - median(WITHOUT, what)).toFixed(1)} ms`;
  const texts = [...created.keys()]
    .filter((name) => name !== WITHOUT)
    .map((name) => `${name} ${added(name, 'p50')} (99 of 100: ${added(name, 'p99')})`);
  return `StatefulSets ${kind}, added to half of the creates: ${texts.join(', ')}.`;
}
