import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Backend } from '../src/agent/backends/backend.ts';
import { Backends } from '../src/agent/backends/backends.ts';
import { Tools } from '../src/agent/os/tools.ts';
import { Pool } from '../src/agent/pool.ts';
import { unmountBelow } from '../test/controlplane/disks.ts';
import { storagePrograms } from '../test/storage/programs.ts';
import { CASES, type Case, pathAt } from './backends/cases.ts';
import { Deleter } from './backends/deleter.ts';
import type { BenchOptions, Measured, Say } from './frame/bench.ts';
import { type Chart, type Group, OURS } from './frame/chart.ts';
import { figureOf } from './frame/statistics.ts';
import { type Contender, inTurn } from './frame/turns.ts';

/**
 * A volume is made and deleted again by each backend, beside the programs that a person would call for the same: empty
 * volumes, on one filesystem, in one run. What a backend does more (its mount point is made immutable, everything is on
 * the disk before it counts, deleted volumes go through the trash) is in its time.
 */

const FLOOR = 'by hand';
const ROUNDS = 21;

interface Times {
  readonly create: number;
  readonly remove: number;
}

export async function measure(
  { quick, backends: wanted, rounds = quick ? 3 : ROUNDS }: BenchOptions,
  say: Say,
): Promise<Measured> {
  const tools = new Tools(await storagePrograms());
  const creates: Group[] = [];
  const removes: Group[] = [];
  const notes: string[] = [];
  for (const one of CASES.filter(({ backend }) => wanted?.includes(backend) ?? true)) {
    say(one.name);
    const times = await measureCase(one, tools, { warmUp: quick ? 1 : 3, counted: rounds });
    if (typeof times === 'string') {
      notes.push(`Not measured: ${one.name} (${times}).`);
      continue;
    }
    creates.push({ name: one.name, bars: barsOf(times, ({ create }) => create) });
    removes.push({ name: one.name, bars: barsOf(times, ({ remove }) => remove) });
  }
  const chart = (title: string, groups: readonly Group[]): Chart => ({
    title,
    unit: 'ms',
    isLessBetter: true,
    floor: FLOOR,
    groups,
  });
  return { charts: [chart('Make a volume', creates), chart('Delete an empty volume', removes)], notes };
}

function barsOf(times: ReadonlyMap<string, readonly Times[]>, pick: (times: Times) => number) {
  return [...times].map(([name, all]) => ({ name, figure: figureOf(all.map(pick)) }));
}

/** Or why this machine cannot have it. */
async function measureCase(
  one: Case,
  tools: Tools,
  rounds: Parameters<typeof inTurn>[1],
): Promise<ReadonlyMap<string, readonly Times[]> | string> {
  const folder = mkdtempSync(join(tmpdir(), 'tlv-bench-'));
  const ground = join(folder, 'ground');
  const root = join(ground, 'root');
  mkdirSync(ground);
  try {
    await one.prepare?.(tools, ground);
    mkdirSync(root);
    const pool = new Pool(root, await Pool.init(root, 'node-1'));
    const backends = await Backends.open({ pool, tools, memoryBytes: totalmem() / 4 });
    const missing = backends.missing(one.backend);
    if (missing !== undefined) return missing;
    const deleter = new Deleter(pool, backends);
    const times = await inTurn(
      [byHand(one, tools, ground), byBackend(one, backends.get(one.backend), deleter)],
      rounds,
    );
    await deleter.stop();
    return times;
  } finally {
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

function byHand(one: Case, tools: Tools, ground: string): Contender<Times> {
  const type = async (commands: readonly (readonly [string, ...string[]])[]) => {
    for (const [program, ...argv] of commands) await tools.change(program, argv);
  };
  return {
    name: FLOOR,
    measure: async (round) => {
      const at = join(ground, 'hand', pathAt(round));
      mkdirSync(dirname(at), { recursive: true });
      const { make, remove } = one.byHand({ at, image: `${at}.img` });
      const create = await timed(() => type(make));
      return { create, remove: await timed(() => type(remove)) };
    },
  };
}

function byBackend(one: Case, backend: Backend, deleter: Deleter): Contender<Times> {
  const owner = { uid: 1000, gid: 1000, mode: 0o750 };
  const { size, options } = one;
  return {
    name: OURS,
    measure: async (round) => {
      const path = pathAt(round);
      const create = await timed(() => backend.make(path, { owner, size, ...(options ? { options } : {}) }));
      return { create, remove: await timed(() => deleter.delete(backend, path, `round-${round}`)) };
    },
  };
}

/** Milliseconds that the work takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
