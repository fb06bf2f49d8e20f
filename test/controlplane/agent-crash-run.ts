import { AgentsProcess } from './agent-crash-child.ts';
import type { Scenario } from './agent-crash-scenario.ts';
import { type Expected, World, type WorldOptions } from './agent-crash-world.ts';

export interface Point {
  readonly scenario: Scenario;
  /** The numbers of the effects before which its agent is killed: those of its first life, its second one… */
  readonly kills: readonly number[];
}

export interface Result {
  readonly point: Point;
  /** The words of the effect that the first life ended before; undefined where it was not come to. */
  readonly before: string | undefined;
  /** In words; undefined where all is well. */
  readonly fault: string | undefined;
  /** In words, the effects that its first life had, as far as they count: the first one is number 1. */
  readonly effects: readonly string[];
}

/** One of the points, with its world and what has become of it. */
class Run {
  readonly point: Point;
  readonly world: World;
  before: string | undefined;
  fault: string | undefined;
  isPlayed = false;
  expected: Expected | undefined;

  constructor(point: Point, world: World) {
    this.point = point;
    this.world = world;
  }

  failed(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.fault ??= `${why}\n  its last effects:\n${this.world.lastWords(25)}`;
  }
}

type Site = Pick<WorldOptions, 'plane' | 'view' | 'folder'>;

/**
 * Plays some points at once: their agents share a process, which is killed when each of them stands at its point. Then
 * all are started again, until they have no more points to come to.
 */
export async function runBatch(site: Site, points: readonly Point[]): Promise<Result[]> {
  const runs = await Promise.all(points.map((point) => prepare(site, point)));
  try {
    await new Batch(site, runs).live();
    return runs.map((run) => resultOf(run));
  } finally {
    await Promise.all(runs.map(({ world }) => world.remove()));
  }
}

let count = 0;

async function prepare(site: Site, point: Point): Promise<Run> {
  const { scenario } = point;
  const world = await World.make({ ...site, node: `crash-${++count}`, ...scenario.world });
  if (scenario.isHeld) world.hold();
  await scenario.before?.(world);
  return new Run(point, world);
}

function resultOf({ point, before, fault, world }: Run): Result {
  // Of the first life: later ones count from their start.
  const [, firstLife = ''] = world.lastWords(Infinity).split('# started\n');
  const effects = [...firstLife.matchAll(/^\d+ (.*)$/gm)].map(([, words = '']) => words);
  return { point, before, fault, effects };
}

class Batch {
  readonly #site: Site;
  readonly #runs: readonly Run[];
  #agents: AgentsProcess | undefined;

  constructor(site: Site, runs: readonly Run[]) {
    this.#site = site;
    this.#runs = runs;
  }

  async live(): Promise<void> {
    const lives = Math.max(...this.#runs.map(({ point }) => point.kills.length)) + 1;
    let played: Promise<unknown> | undefined;
    for (let life = 0; life < lives; life++) {
      const agents = this.#start(life);
      try {
        await agents.ready;
        played ??= Promise.all(this.#runs.map((run) => this.#play(run)));
        if ((await this.#outcome(agents, played)) === 'ended') return await this.#look();
      } finally {
        agents.kill();
      }
      for (const { world } of this.#runs) world.isStopped = true;
      await Promise.all(this.#runs.map(({ world }) => world.held()));
    }
  }

  #start(life: number): AgentsProcess {
    const { plane } = this.#site;
    const plans = this.#runs.map(({ point, world, isPlayed }) => {
      const countsFromStart = life > 0 || (point.scenario.countsFromStart ?? false);
      return world.plan(isPlayed ? undefined : point.kills[life], countsFromStart, life > 0);
    });
    const agents = new AgentsProcess({ kubeconfig: plane.kubeconfig(), agents: plans }, (node, before) => {
      const run = this.#runs.find(({ world }) => world.node === node);
      if (life === 0 && run) run.before = before;
      if (run) run.world.isStopped = true;
    });
    this.#agents = agents;
    for (const { world, isPlayed } of this.#runs) {
      world.arm = () => agents.tell({ arm: world.node });
      if (isPlayed) agents.tell({ done: world.node });
    }
    return agents;
  }

  /** Never fails, but remembers how it did. */
  async #play(run: Run): Promise<void> {
    try {
      run.expected = await run.point.scenario.play(run.world);
    } catch (error) {
      run.failed(error);
    }
    run.isPlayed = true;
    run.world.release();
    this.#agents?.tell({ done: run.world.node });
  }

  async #outcome(agents: AgentsProcess, played: Promise<unknown>): Promise<'killed' | 'ended'> {
    const how = await Promise.race([agents.ended, played.then(() => 'played' as const)]);
    if (how !== 'played') return how;
    // Some may still stand at their points, and are killed now that nobody comes to another.
    await Promise.race([agents.ended, Promise.all(this.#runs.map((run) => settleAgain(run)))]);
    await agents.end();
    return agents.ended;
  }

  /** Nothing runs any more: what is there now is what stays. */
  async #look(): Promise<void> {
    await this.#site.view.fresh();
    for (const run of this.#runs) {
      const { expected, world } = run;
      const wrong = expected ? [...world.check(expected), ...(await world.checkOrphans(expected))] : [];
      if (wrong.length > 0) run.failed(new Error(`when the agent had ended: ${wrong.join('; ')}`));
    }
  }
}

async function settleAgain({ expected, world, fault }: Run): Promise<void> {
  if (!expected || fault !== undefined) return;
  // What does not come to be is found out at the last look.
  await world.settle(expected).catch(() => undefined);
}
