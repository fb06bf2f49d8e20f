import { expect } from 'chai';
import { Tools, type ToolsOptions } from '../../../src/agent/os/tools.ts';
import { PoolHealth } from '../../../src/agent/pool-health.ts';
import { Reserve } from '../../../src/agent/reserve.ts';
import { silentLogger } from '../../../src/cluster/observer.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { FakeClock } from '../cluster/fake-clock.ts';

export const REST_MS = 10_000;
export const SILENCE_MS = 150_000;

const TOOLS: ToolsOptions = { path: '/usr/sbin:/usr/bin:/sbin:/bin' };

interface Watched {
  /** For how long what is to come is waited for. */
  readonly timeoutMs?: number;
  readonly tools?: ToolsOptions;
  /** Has its say in a look, and may take its time as a disk does. */
  readonly objection?: () => Promise<undefined>;
}

/** The health of the pool at one root, whose time is the test's. */
export class WatchedHealth {
  readonly clock = new FakeClock();
  readonly health: PoolHealth;
  /** What was told of it. */
  readonly told: string[] = [];
  readonly #timeoutMs: number;

  constructor(root: string, { timeoutMs = 5000, tools = TOOLS, objection }: Watched = {}) {
    this.#timeoutMs = timeoutMs;
    this.health = new PoolHealth({
      root,
      node: 'node-1',
      pool: {},
      kit: { tools: new Tools(tools), memoryBytes: 0 },
      wanted: () => [],
      reserve: Reserve.parse('1%')!,
      clock: this.clock,
      logger: silentLogger,
      remembered: () => Promise.resolve(undefined),
      hasVolumes: () => false,
      ...(objection ? { objection } : {}),
      changed: (what) => this.told.push(what === 'space' ? 'looked at' : this.health.pool ? 'found' : 'lost'),
    });
  }

  async isWaitedFor(ms: number): Promise<void> {
    await waitFor(`a wait of ${ms} ms`, () => this.clock.pending.includes(ms), {
      timeoutMs: this.#timeoutMs,
    });
  }

  /** It looks again after each rest where it is lost, and after three where it is there. */
  async rest(times: number): Promise<void> {
    for (let time = 0; time < times; time++) {
      await this.isWaitedFor(REST_MS);
      this.clock.advance(REST_MS);
    }
  }

  async isTold(...words: string[]): Promise<void> {
    await waitFor(words.join(', '), () => this.told.length >= words.length, { timeoutMs: this.#timeoutMs });
    expect(this.told).to.deep.equal(words);
  }
}
