import { Counter, Gauge, Registry } from 'prom-client';
import type { ListWatchObserver } from '../cluster/observer.ts';
import { STEP_KINDS } from './plan.ts';
import type { SweepObserver } from './term.ts';

/** Everything that the sweeper tells Prometheus. */
export class SweepMetrics implements SweepObserver {
  readonly registry = new Registry();
  readonly watches: Partial<ListWatchObserver>;
  readonly #leader: Gauge;
  readonly #actions: Counter<'action'>;
  readonly #failures: Counter<'action'>;

  constructor(version: string) {
    const registers = [this.registry];
    this.#leader = new Gauge({
      name: 'tlv_sweep_leader',
      help: '1 in the replica that sweeps.',
      registers,
    });
    this.#actions = new Counter({
      name: 'tlv_sweep_actions_total',
      help: 'What was done for nodes and agents that are gone, by action.',
      labelNames: ['action'],
      registers,
    });
    this.#failures = new Counter({
      name: 'tlv_sweep_failures_total',
      help: 'What could not be done and is tried again, by action.',
      labelNames: ['action'],
      registers,
    });
    for (const action of STEP_KINDS) {
      this.#actions.inc({ action }, 0);
      this.#failures.inc({ action }, 0);
    }
    const restarts = new Counter({
      name: 'tlv_sweep_watch_restarts_total',
      help: 'Watches and lists that ended and were begun again, by what ended them.',
      labelNames: ['reason'],
      registers,
    });
    this.watches = { watchEnded: (reason) => restarts.inc({ reason }) };
    new Gauge({
      name: 'tlv_sweep_build_info',
      help: 'Always 1; the labels say what runs.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.versions.node }, 1);
  }

  readonly changed = (isLeader: boolean): void => this.#leader.set(Number(isLeader));

  acted(action: (typeof STEP_KINDS)[number]): void {
    this.#actions.inc({ action });
  }

  failed(action: (typeof STEP_KINDS)[number]): void {
    this.#failures.inc({ action });
  }
}
