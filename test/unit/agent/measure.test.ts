import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { Source } from '../../../src/agent/backends/backend.ts';
import type { Backends } from '../../../src/agent/backends/backends.ts';
import { Measuring, type ToMeasure } from '../../../src/agent/measure.ts';
import type { Storage } from '../../../src/agent/storage.ts';
import { FakeClock } from '../cluster/fake-clock.ts';

const SPACE = { totalBytes: 100, freeBytes: 50, freeInodes: undefined };
const inGroup = (volumeGroup: string): Storage => ({ backend: 'lvm', options: { volumeGroup }, size: 1 });

/** What each source is asked, which answers when the test says so. */
class Asked {
  readonly times: string[] = [];
  readonly #answers = new Map<string, () => void>();

  readonly backends = {
    missing: () => undefined,
    get: (name: string) => ({
      source: (options?: { volumeGroup?: string }): Source => {
        const source = options?.volumeGroup ?? name;
        return { name: source, taken: async () => new Map(), space: () => this.#ask(source) };
      },
    }),
  } as unknown as Backends;

  async #ask(source: string): Promise<typeof SPACE> {
    this.times.push(source);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answers.set(source, resolve);
    await promise;
    return SPACE;
  }

  async answer(source: string): Promise<void> {
    this.#answers.get(source)?.();
    await turn();
  }
}

describe('measuring what volumes are made from', () => {
  let clock: FakeClock;
  let asked: Asked;
  let what: ToMeasure;
  let measuring: Measuring;
  const failures: string[] = [];

  beforeEach(() => {
    clock = new FakeClock();
    asked = new Asked();
    what = {
      backends: asked.backends,
      entries: [],
      wanted: [inGroup('fast'), inGroup('slow'), inGroup('fast')],
    };
    measuring = new Measuring(clock);
    failures.length = 0;
  });

  const others = async () => {
    const seen = await measuring.others(what, (source, error) =>
      failures.push(`${source}: ${String(error)}`),
    );
    return seen.map(({ source }) => source);
  };

  it('asks each source once, the pool by itself', async () => {
    const pool = measuring.pool(what);
    await asked.answer('directory');
    expect((await pool).space).to.equal(SPACE);
    const seen = others();
    for (const source of ['fast', 'slow']) await asked.answer(source);
    expect(await seen).to.have.length(2);
    expect(asked.times).to.deep.equal(['directory', 'fast', 'slow']);
    expect(clock.pending).to.deep.equal([]);
  });

  it('leaves out one that hangs after a while, and asks it again once it has answered', async () => {
    const first = others();
    await asked.answer('fast');
    clock.advance(30_000);
    expect(await first).to.have.length(1);
    expect(failures).to.have.length(1);
    expect(failures[0]).to.match(/slow.*: Error: no answer within 30 s/);
    const second = others();
    await asked.answer('fast');
    clock.advance(30_000);
    expect(await second).to.have.length(1);
    expect(asked.times).to.deep.equal(['fast', 'slow', 'fast']);
    await asked.answer('slow');
    const third = others();
    await asked.answer('fast');
    await asked.answer('slow');
    expect(await third).to.have.length(2);
  });
});
