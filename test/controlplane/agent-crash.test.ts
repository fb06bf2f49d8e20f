import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Point, type Result, runBatch } from './agent-crash-run.ts';
import type { Scenario } from './agent-crash-scenario.ts';
import { SCENARIOS } from './agent-crash-scenarios.ts';
import { ClusterView } from './agent-crash-view.ts';
import { ControlPlane } from './control-plane.ts';

/**
 * The agent is killed between every two effects of every scenario, and started again. The points are those that a run
 * without a kill has shown, so that nobody has to list them; a sync has none of its own.
 */

const SOAK = process.env['TLV_SOAK'] !== undefined;
/** Agents in one process. With one, it is killed at the very point; more share what a start takes. */
const BATCH = Number(process.env['TLV_CRASH_BATCH'] ?? 24);
const AT_ONCE = 2;
/** A kill takes nothing of what was written, so it leaves the same before a sync as after it. */
const CHANGES_NOTHING = /^sync /;

describe('the agent, killed between every two of its effects', function () {
  this.timeout(1_500_000);
  this.slow(60_000);
  let plane: ControlPlane;
  let view: ClusterView;
  let folder: string;
  const effects = new Map<Scenario, readonly string[]>();
  let points = 0;

  before(async () => {
    plane = await ControlPlane.start({ components: ['kube-controller-manager'] });
    const metadata = { name: 't-local-volume-system' };
    await plane.api('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
    view = new ClusterView(plane);
    folder = mkdtempSync(join(tmpdir(), 'tlv-crash-'));
  });
  after(async () => {
    await view?.stop();
    await plane?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    console.log(`      crash matrix: ${points} points in ${SCENARIOS.length} scenarios`);
  });

  const run = (batch: readonly Point[]) => runBatch({ plane, view, folder }, batch);

  function assertWell(results: readonly Result[]): void {
    const faults = results.filter(({ fault }) => fault !== undefined);
    const words = faults.map(
      ({ point, before, fault }) => `killed before effect ${point.kills.join(' and ')} (${before}): ${fault}`,
    );
    if (words.length > 0)
      throw new Error(`${words.length} of ${results.length} points:\n${words.join('\n\n')}`);
    expect([...view.faults]).to.deep.equal([]);
  }

  it('needs no kill to play them', async () => {
    const results = await run(SCENARIOS.map((scenario) => ({ scenario, kills: [] })));
    assertWell(results);
    for (const { point, effects: words } of results) effects.set(point.scenario, words);
  });

  for (const scenario of SCENARIOS) {
    it(scenario.name, async () => {
      const all = pointsOf(scenario, effects.get(scenario) ?? []);
      const results = await inBatches(all, run);
      assertWell(results);
      const reached = results.filter(({ before }) => before !== undefined).length;
      points += reached;
      // The order is not quite the same each time, and what a late cache makes it write twice are some effects more.
      const least = Math.max(1, Math.floor(all.length * 0.8) - 2);
      expect(reached, `points of ${all.length} that were come to`).to.be.at.least(least);
    });
  }
});

function pointsOf(scenario: Scenario, effects: readonly string[]): Point[] {
  const numbers = effects.flatMap((words, index) => (CHANGES_NOTHING.test(words) ? [] : [index + 1]));
  const once = numbers.map((number) => ({ scenario, kills: [number] }));
  if (!SOAK) return once;
  // Again while it is mending what the first kill has left: soon, and later.
  return [...once, ...numbers.map((number) => ({ scenario, kills: [number, 1 + ((number * 7) % 40)] }))];
}

/** Two batches at a time, in order. */
async function inBatches(
  points: readonly Point[],
  run: (batch: readonly Point[]) => Promise<Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  const batches = Array.from({ length: Math.ceil(points.length / BATCH) }, (_, index) =>
    points.slice(index * BATCH, (index + 1) * BATCH),
  );
  const work = async (): Promise<void> => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) results.push(...(await run(batch)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}
