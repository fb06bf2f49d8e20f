import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinnedVersion } from '../test/controlplane/binaries.ts';
import { ControlPlane } from '../test/controlplane/control-plane.ts';
import { crdsEstablished } from '../test/controlplane/crds.ts';
import { TSERVERS } from '../test/controlplane/paths.ts';
import { waitFor } from '../test/controlplane/wait.ts';
import { ROOT } from '../test/offline/tlv.ts';
import {
  type Contender,
  CONTENDERS,
  type Deed,
  serve,
  type Serving,
  type Site,
} from './admission/contenders.ts';
import { cannonade, type Load, oneByOne } from './admission/load.ts';
import { comesOut, isApproved, outcomeOf } from './admission/outcome.ts';
import { PEPR_OBJECTS } from './admission/pepr-store.ts';
import { reviewText } from './admission/review.ts';
import { EXPRESS, writeServerFiles } from './admission/server-files.ts';
import type { BenchOptions, Measured, Say } from './frame/bench.ts';
import type { Bar, Chart } from './frame/chart.ts';
import { figureOf } from './frame/statistics.ts';
import { inTurn } from './frame/turns.ts';
import { installPeer, type Peer } from './peers.ts';
import type { MeasuredProcess } from './processes/measured-process.ts';
import { Shipped } from './processes/shipped.ts';
import { statefulSetText } from './statefulset-text.ts';
import { TSERVER } from './tserver.ts';

/**
 * Reviews of the creation of a StatefulSet, asked of the shipped webhook, of the least that can be written on Node, and
 * of pepr, which is given what comes out ready-made. Servers on one processor, whoever asks on another.
 */

const AUTOCANNON: Peer = { name: 'autocannon', version: '8.0.0' };
const CONNECTIONS = 50;
/** Kilobytes. */
const ASKED: readonly { readonly deed: Deed; readonly size: number }[] = [
  { deed: 'mutate', size: 6 },
  { deed: 'mutate', size: 100 },
  { deed: 'validate', size: 6 },
];
const SERVER_PROCESSOR = 0;
const CLIENT_PROCESSOR = 1;

interface Pace {
  readonly seconds: number;
  readonly warmUp: number;
  readonly counted: number;
}

interface Named extends Serving {
  readonly name: string;
}

interface Asking {
  readonly name: string;
  readonly deed: Deed;
  /** A file. */
  readonly body: string;
  /** The folder that autocannon is in. */
  readonly cannon: string;
  readonly pace: Pace;
  readonly say: Say;
}

/** By contender. */
type Loads = ReadonlyMap<string, readonly Load[]>;

/** Of reviews of one kind and size. */
interface Asked {
  readonly name: string;
  readonly many: Loads;
  readonly one: Loads;
}

export async function measure({ quick, rounds }: BenchOptions, say: Say): Promise<Measured> {
  // Short turns and many, for this is about speed; and V8 takes tens of thousands of reviews to compile what it runs.
  const pace: Pace = { seconds: quick ? 1 : 2, warmUp: quick ? 1 : 5, counted: rounds ?? (quick ? 1 : 7) };
  const cannon = await installPeer(AUTOCANNON, say);
  const folder = mkdtempSync(join(tmpdir(), 'tlv-admission-'));
  const shipped = await Shipped.make();
  const plane = await ControlPlane.start();
  const started: MeasuredProcess[] = [];
  const servings: Named[] = [];
  try {
    await prepare(plane);
    const site = siteIn(folder, { plane, shipped, say });
    const notes: string[] = [];
    for (const contender of CONTENDERS.flatMap((each) => Array<Contender>(each.processes ?? 1).fill(each))) {
      const { name, isPeer } = contender;
      say(`${name}: starts`);
      try {
        const serving = { name, ...(await serve(contender, site)) };
        started.push(serving.process);
        await pauseWhenRight(serving);
        servings.push(serving);
      } catch (error) {
        if (!isPeer) throw error;
        notes.push(`Not measured: ${name} (${(error as Error).message}).`);
      }
    }
    const asked: Asked[] = [];
    for (const { deed, size } of ASKED) {
      const name = `${deed}, ${size} KB`;
      const body = join(folder, `${deed}-${size}.json`);
      const text = statefulSetText(size * 1000);
      writeFileSync(body, reviewText(deed === 'mutate' ? text : outcomeText(text)));
      asked.push(await askAll(servings, { name, deed, body, cannon, pace, say }));
    }
    const versions = { Kubernetes: pinnedVersion(), autocannon: AUTOCANNON.version };
    return { charts: chartsOf(asked, servings), notes, versions };
  } finally {
    for (const process of started) await process.stop('SIGKILL');
    await plane.stop();
    shipped.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From then on it rests until it is asked, and if it answers wrongly, for good. */
async function pauseWhenRight({ name, urls, process }: Named): Promise<void> {
  const text = statefulSetText(6000);
  try {
    await waitFor(`${name} to answer`, () => comesOut(urls.mutate, text));
    await waitFor(`${name} to approve`, () => isApproved(urls.validate, outcomeText(text)));
  } finally {
    process.pause();
  }
}

/** What is validated is what was changed. */
const outcomeText = (text: string): string => JSON.stringify(outcomeOf(text).outcome);

async function prepare(plane: ControlPlane): Promise<void> {
  await plane.kubectl(['apply', '-f', `${ROOT}deploy/crd/tservers.k8s.tars.io.yaml`]);
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: PEPR_OBJECTS });
  await plane.kubectl(['apply', '-f', '-'], { input: list });
  await crdsEstablished(plane);
  const { status, body } = await plane.api('POST', TSERVERS, TSERVER);
  if (status !== 201) throw new Error(`the TServer: ${status} ${JSON.stringify(body)}`);
}

function siteIn(
  folder: string,
  { plane, shipped, say }: { readonly plane: ControlPlane; readonly shipped: Shipped; readonly say: Say },
): Site {
  const files = writeServerFiles(folder, plane);
  return { shipped, files, kubeconfig: plane.kubeconfig(), processor: SERVER_PROCESSOR, say };
}

async function askAll(
  servings: readonly Named[],
  { name, deed, body, cannon, pace, say }: Asking,
): Promise<Asked> {
  const { seconds } = pace;
  const target = ({ urls }: Serving) => ({ url: urls[deed], body });
  say(`${name}, ${CONNECTIONS} connections`);
  const cannonOptions = { folder: cannon, connections: CONNECTIONS, seconds, processor: CLIENT_PROCESSOR };
  const many = await inTurn(
    servings.map((serving) => ({
      name: serving.name,
      measure: () => alone(serving, () => cannonade(target(serving), cannonOptions)),
    })),
    pace,
  );
  say(`${name}, one connection`);
  // By then everybody is warm.
  const one = await inTurn(
    servings.map((serving) => ({
      name: serving.name,
      measure: () => alone(serving, () => oneByOne(target(serving), seconds, CLIENT_PROCESSOR)),
    })),
    { ...pace, warmUp: 1 },
  );
  return { name, many, one };
}

/** While all others are paused. */
async function alone<T>({ process }: Serving, work: () => Promise<T>): Promise<T> {
  process.resume();
  try {
    return await work();
  } finally {
    process.pause();
  }
}

function chartsOf(asked: readonly Asked[], servings: readonly Named[]): Chart[] {
  const contenders = Map.groupBy(servings, ({ name }) => name);
  const loads = (title: string, which: 'many' | 'one', what: keyof Load): Chart => ({
    title,
    unit: what === 'perSecond' ? 'a second' : 'ms',
    isLessBetter: what !== 'perSecond',
    floor: EXPRESS,
    groups: asked.map((each) => ({
      name: each.name,
      bars: [...each[which]].map(([name, all]) =>
        barOf(
          name,
          all.map((load) => load[what]),
        ),
      ),
    })),
  });
  const processes = (title: string, unit: string, valueOf: (serving: Named) => number): Chart => ({
    title,
    unit,
    isLessBetter: true,
    floor: EXPRESS,
    groups: [{ name: '', bars: [...contenders].map(([name, all]) => barOf(name, all.map(valueOf))) }],
  });
  return [
    loads(`Reviews answered, ${CONNECTIONS} connections`, 'many', 'perSecond'),
    loads(`Half of them within, ${CONNECTIONS} connections`, 'many', 'p50'),
    loads(`99 of 100 within, ${CONNECTIONS} connections`, 'many', 'p99'),
    loads(`999 of 1,000 within, ${CONNECTIONS} connections`, 'many', 'p999'),
    loads('Half of them within, one connection', 'one', 'p50'),
    loads('99 of 100 within, one connection', 'one', 'p99'),
    processes('Resident memory after the run', 'MB', ({ process }) => process.residentMegabytes()),
    processes('From start to ready', 's', ({ process }) => process.secondsToReady),
  ];
}

const barOf = (name: string, values: readonly number[]): Bar => ({ name, figure: figureOf(values) });
