import type { BenchOptions, Measured } from './frame/bench.ts';
import { figureOf } from './frame/statistics.ts';
import { inTurn } from './frame/turns.ts';
import { statefulSetText } from './statefulset-text.ts';
import { TSERVER } from './tserver.ts';
import { mutateStatefulSet } from '../src/mutate/statefulset.ts';
import { patchBetween } from '../src/mutate/patch.ts';
import type { StatefulSetContext } from '../src/tars/context.ts';
import { DEFAULT_SETTINGS } from '../src/tars/settings.ts';
import { readStatefulSet, readTServer } from '../src/validate/read.ts';
import { validateStatefulSet } from '../src/validate/statefulset.ts';

/**
 * What the webhook computes for one CREATE of a StatefulSet with a TServer, beside the floor: one
 * JSON.parse of the same text, which no webhook can do without. Both are timed in turn, in the same
 * process.
 */

const SIZES = [6, 100, 1000] as const;
const ROUNDS = 31;
const ROUND_MS = 25;

const server = readTServer(TSERVER);
if (!server.ok) throw new Error('the TServer of the benchmark is not one');
const context: StatefulSetContext = {
  namespace: 'default',
  settings: DEFAULT_SETTINGS,
  server: server.object,
};

const FLOOR = 'JSON.parse';

export async function measure({ quick, rounds = quick ? 5 : ROUNDS }: BenchOptions): Promise<Measured> {
  const groups = [];
  for (const kilobytes of SIZES) {
    const text = statefulSetText(kilobytes * 1000);
    const json: unknown = JSON.parse(text);
    const times = await inTurn(
      [
        { name: FLOOR, measure: () => timeOf(() => JSON.parse(text)) },
        { name: 'mutate, validate, compare', measure: () => timeOf(() => answer(json, false)) },
        { name: 'the same, with the shape check', measure: () => timeOf(() => answer(json, true)) },
      ],
      { warmUp: Math.ceil(rounds / 4), counted: rounds },
    );
    const bars = [...times].map(([name, values]) => ({ name, figure: figureOf(values) }));
    groups.push({ name: `${kilobytes} KB`, bars });
  }
  return { charts: [{ title: 'One CREATE', unit: 'µs', isLessBetter: true, floor: FLOOR, groups }] };
}

/** One admission: the patch and the verdict; the shape check is what zod does at the edge. */
function answer(json: unknown, checked: boolean): unknown {
  const read = checked ? readStatefulSet(json) : { ok: true as const, object: json as never };
  if (!read.ok) throw new Error('the StatefulSet of the benchmark is not one');
  const { object } = mutateStatefulSet(read.object, context);
  const verdict = validateStatefulSet(object, context);
  if (verdict.violations.length > 0) throw new Error('the StatefulSet of the benchmark is refused');
  return patchBetween(read.object, object);
}

/** Microseconds that one call takes, of as many as there is time for. */
function timeOf(call: () => unknown): number {
  const started = process.hrtime.bigint();
  let calls = 0;
  let elapsed = 0n;
  while (elapsed < ROUND_MS * 1e6) {
    for (let index = 0; index < 8; index += 1) call();
    calls += 8;
    elapsed = process.hrtime.bigint() - started;
  }
  return Number(elapsed) / calls / 1000;
}
