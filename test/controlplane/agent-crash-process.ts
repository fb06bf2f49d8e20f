/*
 * The agents of some nodes in one process, each of which comes to its point: there it is stopped dead, so that nothing
 * it does reaches disk or cluster any more. When all of them stand at their points, the process kills itself. With one
 * agent in it, that is a SIGKILL at the very point.
 */
import { appendFileSync } from 'node:fs';
import { Agent } from '../../src/agent/agent.ts';
import { Reserve } from '../../src/agent/reserve.ts';
import { loadKubeConfig } from '../../src/cluster/kube-config.ts';
import { DEFAULT_SETTINGS, parseClasses } from '../../src/tars/settings.ts';
import type { AgentPlan, FromAgents, ProcessPlan, ToAgents } from './agent-crash-plan.ts';

const { kubeconfig, agents: plans } = JSON.parse(process.argv[2] ?? '') as ProcessPlan;

class DoomedAgent {
  readonly agent: Agent;
  readonly dead = Promise.withResolvers<void>();
  isDead = false;
  isDone = false;
  readonly #plan: AgentPlan;
  #isCounting: boolean;
  #count = 0;

  constructor(plan: AgentPlan) {
    this.#plan = plan;
    this.#isCounting = plan.countsFromStart;
    const log = (_fields: object, message: string) => this.#log(`# ${message}`);
    this.agent = new Agent({
      ...plan,
      config: loadKubeConfig(kubeconfig),
      namespace: 't-local-volume-system',
      settings: { ...DEFAULT_SETTINGS, classes: parseClasses(plan.classes) },
      reserve: Reserve.parse(plan.reserve)!,
      tools: { path: '/usr/sbin:/usr/bin:/sbin:/bin' },
      memoryBytes: 2 ** 30,
      lookUpMs: 600_000,
      maxDeleteRate: 100_000,
      requireMountPoint: false,
      allowOtherHostname: false,
      logger: { info: () => {}, warn: log, error: log },
      beforeEffect: (what) => this.#beforeEffect(what),
    });
    this.#log('# started');
  }

  get node(): string {
    return this.#plan.node;
  }

  arm(): void {
    this.#isCounting = true;
  }

  #beforeEffect(what: string): void {
    if (this.isDead) throw new Error('stopped dead');
    if (this.#isCounting) this.#count += 1;
    this.#log(this.#isCounting ? `${this.#count} ${what}` : `- ${what}`);
    if (!this.#isCounting || this.#count !== this.#plan.stopAt) return;
    this.#log('# stopped dead');
    this.isDead = true;
    tell({ stopped: this.node, before: what });
    this.dead.resolve();
    killIfAllStand();
    throw new Error('stopped dead');
  }

  #log(line: string): void {
    appendFileSync(this.#plan.log, `${line}\n`);
  }
}

const agents = plans.map((plan) => new DoomedAgent(plan));

/** Of one that is done, or has no point to come to, there is nothing to wait for. */
function killIfAllStand(): void {
  const isAnyDead = agents.some(({ isDead }) => isDead);
  if (isAnyDead && agents.every(({ isDead, isDone }) => isDead || isDone))
    process.kill(process.pid, 'SIGKILL');
}

function tell(message: FromAgents): void {
  process.send!(message);
}

process.on('message', ({ arm, done, end }: ToAgents) => {
  for (const agent of agents) {
    if (agent.node === arm) agent.arm();
    if (agent.node === done) agent.isDone = true;
  }
  killIfAllStand();
  if (end === true)
    void Promise.all(agents.map(({ agent }) => agent.stop())).then(() => process.disconnect());
});
process.on('disconnect', () => process.exit());

await Promise.all(
  agents.map(({ agent, dead }) => Promise.race([agent.start().then(() => agent.idle()), dead.promise])),
);
tell({ ready: true });
