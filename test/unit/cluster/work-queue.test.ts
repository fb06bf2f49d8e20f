import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { ApiStatusError } from '../../../src/cluster/faults.ts';
import { WorkQueue, type WorkQueueOptions } from '../../../src/cluster/work-queue.ts';
import { FakeClock } from './fake-clock.ts';

/** For so long a handler has a worker's place. */
const PATIENCE_MS = 150_000;

/** A queue whose handler ends when the test says so. */
class Bench {
  readonly clock = new FakeClock();
  readonly begun: string[] = [];
  readonly told: string[] = [];
  readonly queue: WorkQueue;
  readonly #ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();

  constructor(options: WorkQueueOptions = {}) {
    this.queue = new WorkQueue({
      clock: this.clock,
      random: () => 0.5,
      observer: {
        worked: (key, seconds, outcome) => void this.told.push(`${key} ${outcome} ${seconds} s`),
        retried: (key, error, waitMs) => void this.told.push(`${key} ${error.message} ${waitMs} ms`),
        hangs: (key, seconds) => void this.told.push(`${key} hangs after ${seconds} s`),
      },
      ...options,
    });
  }

  /** The delays of keys that come later. */
  get later(): number[] {
    return this.clock.pending.filter((ms) => ms !== PATIENCE_MS);
  }

  start(): void {
    this.queue.start((key) => {
      this.begun.push(key);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#ends.set(key, { resolve, reject });
      return promise;
    });
  }

  async end(key: string, error?: Error): Promise<void> {
    const { resolve, reject } = this.#ends.get(key)!;
    if (error) reject(error);
    else resolve();
    await turn();
  }
}

describe('work queue', () => {
  it('works on each key once, in the order of their coming, by so many at once', async () => {
    const bench = new Bench({ workers: 2 });
    for (const key of ['a', 'b', 'a', 'c', 'b']) bench.queue.add(key);
    expect(bench.queue.size).to.equal(3);
    bench.start();
    expect(bench.begun).to.deep.equal(['a', 'b']);
    bench.clock.advance(1500);
    await bench.end('b');
    expect(bench.begun).to.deep.equal(['a', 'b', 'c']);
    expect(bench.queue.size).to.equal(0);
    expect(bench.told).to.deep.equal(['b done 1.5 s']);
  });

  it('comes back once to a key that was added while it was worked on', async () => {
    const bench = new Bench();
    bench.start();
    bench.queue.add('a');
    for (let time = 0; time < 3; time++) bench.queue.add('a');
    expect(bench.begun).to.deep.equal(['a']);
    await bench.end('a');
    expect(bench.begun).to.deep.equal(['a', 'a']);
    await bench.end('a');
    expect(bench.begun).to.deep.equal(['a', 'a']);
    await bench.queue.idle();
  });

  it('waits for the earlier of two delays', async () => {
    const bench = new Bench();
    bench.start();
    bench.queue.addAfter('a', 1000);
    bench.queue.addAfter('a', 500);
    bench.queue.addAfter('a', 2000);
    expect(bench.later).to.deep.equal([500]);
    bench.clock.advance(499);
    expect(bench.begun).to.deep.equal([]);
    bench.clock.advance(1);
    expect(bench.begun).to.deep.equal(['a']);
    expect(bench.later).to.deep.equal([]);
  });

  it('waits no longer when the key is added meanwhile', () => {
    const bench = new Bench();
    bench.start();
    bench.queue.addAfter('a', 1000);
    bench.queue.add('a');
    expect(bench.begun).to.deep.equal(['a']);
    expect(bench.later).to.deep.equal([]);
  });

  it('brings a key that failed back, later each time, until it succeeds', async () => {
    const bench = new Bench();
    bench.start();
    bench.queue.add('a');
    for (const waitMs of [500, 1000, 2000, 4000]) {
      await bench.end('a', new Error('no'));
      expect(bench.told.at(-1)).to.equal(`a no ${waitMs} ms`);
      expect(bench.later).to.deep.equal([waitMs]);
      bench.clock.advance(waitMs);
    }
    await bench.end('a');
    bench.queue.add('a');
    await bench.end('a', new Error('no'));
    expect(bench.told.at(-1)).to.equal('a no 500 ms');
    await bench.end('a').catch(() => undefined);
  });

  it('waits five minutes at most', async () => {
    const bench = new Bench({ random: () => 1 });
    bench.start();
    bench.queue.add('a');
    for (let failure = 0; failure < 20; failure++) {
      await bench.end('a', new Error('no'));
      bench.clock.advance(300_000);
    }
    expect(bench.told.filter((told) => told === 'a no 300000 ms')).to.have.lengthOf(11);
  });

  it('comes no sooner than the API server asked for', async () => {
    const bench = new Bench();
    bench.start();
    bench.queue.add('a');
    await bench.end('a', new ApiStatusError(429, 'slow', { retryAfterMs: 60_000 }));
    expect(bench.later).to.deep.equal([60_000]);
  });

  it('takes a handler that throws at once as one that fails', async () => {
    const { queue, clock, told } = new Bench();
    queue.add('a');
    queue.start(() => {
      throw new Error('at once');
    });
    await queue.idle();
    expect(told).to.deep.equal(['a failed 0 s', 'a at once 500 ms']);
    expect(clock.pending).to.deep.equal([500]);
  });

  it('stops when what is under way has ended, and begins nothing more', async () => {
    const bench = new Bench({ workers: 1 });
    bench.start();
    for (const key of ['a', 'b']) bench.queue.add(key);
    bench.queue.addAfter('c', 1000);
    let isStopped = false;
    const stopped = bench.queue.stop().then(() => (isStopped = true));
    await turn();
    expect(isStopped).to.equal(false);
    bench.queue.add('a');
    await bench.end('a', new Error('no'));
    await stopped;
    bench.queue.add('d');
    bench.queue.addAfter('e', 1);
    expect(bench.later).to.deep.equal([]);
    bench.clock.advance(600_000);
    expect(bench.begun).to.deep.equal(['a']);
    await bench.queue.idle();
  });

  it('gives the place of a handler that hangs to another key, and not its key', async () => {
    const bench = new Bench({ workers: 1 });
    bench.start();
    for (const key of ['a', 'b', 'c']) bench.queue.add(key);
    bench.clock.advance(PATIENCE_MS - 1);
    expect(bench.begun).to.deep.equal(['a']);
    bench.clock.advance(1);
    expect(bench.begun).to.deep.equal(['a', 'b']);
    expect(bench.told).to.deep.equal(['a hangs after 150 s']);
    bench.queue.add('a');
    await bench.end('b');
    expect(bench.begun).to.deep.equal(['a', 'b', 'c']);
    await bench.end('c');
    expect(bench.begun).to.deep.equal(['a', 'b', 'c']);
    await bench.end('a');
    expect(bench.begun).to.deep.equal(['a', 'b', 'c', 'a']);
  });

  it('waits at its end for whoever works, and not for whoever hangs', async () => {
    const bench = new Bench({ workers: 1 });
    bench.start();
    for (const key of ['a', 'b']) bench.queue.add(key);
    bench.clock.advance(PATIENCE_MS);
    let isStopped = false;
    const stopped = bench.queue.stop().then(() => (isStopped = true));
    await turn();
    expect(isStopped).to.equal(false);
    await bench.end('b');
    await stopped;
    // What hangs may end after all, and is nobody's business any more.
    await bench.end('a', new Error('late'));
    expect(bench.begun).to.deep.equal(['a', 'b']);
  });

  it('tells the handler that it is being stopped', async () => {
    const queue = new WorkQueue();
    let reason: unknown;
    queue.start((_, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => {
        reason = signal.reason;
        resolve();
      });
      return promise;
    });
    queue.add('a');
    await queue.stop();
    expect(reason).to.have.property('message', 'stopped');
  });

  it('never lets two at one key, loses nothing, and looks after the last change', async () => {
    const keys = fc.constantFrom('a', 'b', 'c');
    const act = fc.oneof(
      { weight: 4, arbitrary: fc.record({ what: fc.constant('change' as const), key: keys }) },
      {
        weight: 2,
        arbitrary: fc.record({ what: fc.constant('later' as const), key: keys, ms: fc.nat(3000) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ what: fc.constant('end' as const), key: keys, fails: fc.boolean() }),
      },
      { weight: 2, arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.nat(5000) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (acts, workers) => {
          const world = new World(workers);
          for (const one of acts) await world.act(one);
          await world.settle();
          expect(world.faults).to.deep.equal([]);
          expect(world.seen).to.deep.equal(world.versions);
        },
      ),
    );
  });
});

type Act =
  | { readonly what: 'change'; readonly key: string }
  | { readonly what: 'later'; readonly key: string; readonly ms: number }
  | { readonly what: 'end'; readonly key: string; readonly fails: boolean }
  | { readonly what: 'pass'; readonly ms: number };

/** Things with versions, and a queue whose handler reads the version when it begins and knows it when it succeeds. */
class World {
  readonly clock = new FakeClock();
  readonly versions = new Map<string, number>();
  readonly seen = new Map<string, number>();
  readonly faults: string[] = [];
  readonly #underWay = new Map<string, { readonly since: number; readonly end: (fails: boolean) => void }>();
  readonly #workers: number;
  readonly #queue: WorkQueue;

  constructor(workers: number) {
    this.#workers = workers;
    this.#queue = new WorkQueue({ workers, clock: this.clock, random: () => 0.7 });
    this.#queue.start((key) => this.#work(key));
  }

  async #work(key: string): Promise<void> {
    if (this.#underWay.has(key)) this.faults.push(`two at ${key}`);
    const since = this.clock.now();
    const isWaitedFor = (work: { readonly since: number }) => since - work.since < PATIENCE_MS;
    const before = [...this.#underWay.values()].filter(isWaitedFor);
    if (before.length >= this.#workers) this.faults.push('too many at once');
    const version = this.versions.get(key)!;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#underWay.set(key, { since, end: resolve });
    const fails = await promise;
    this.#underWay.delete(key);
    if (fails) throw new Error('no');
    if (version < (this.seen.get(key) ?? 0)) this.faults.push(`${key} went back`);
    this.seen.set(key, version);
  }

  async act(act: Act): Promise<void> {
    if (act.what === 'pass') this.clock.advance(act.ms);
    else if (act.what === 'end') this.#underWay.get(act.key)?.end(act.fails);
    else this.#change(act);
    await turn();
  }

  #change(act: Act & { readonly key: string }): void {
    this.versions.set(act.key, (this.versions.get(act.key) ?? 0) + 1);
    if (act.what === 'later') this.#queue.addAfter(act.key, act.ms);
    else this.#queue.add(act.key);
  }

  /** From here on everything succeeds, and time passes, until nothing is left to do. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0 || this.clock.pending.length > 0) {
      this.clock.advance(600_000);
      for (const { end } of this.#underWay.values()) end(false);
      await turn();
    }
  }
}
