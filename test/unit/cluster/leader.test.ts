import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { ApiWriter, type CallOptions } from '../../../src/cluster/api-writer.ts';
import { ApiStatusError, ConnectionError } from '../../../src/cluster/faults.ts';
import { LeaderElection, type LeaderElectionOptions } from '../../../src/cluster/leader.ts';
import { eventually, refuse } from './fake-api.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeStore } from './fake-store.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/tlv/leases/sweeper';

/** One process that would like to lead. */
class Contender {
  readonly log: string[] = [];
  isLeading = false;
  readonly election: LeaderElection;

  constructor(
    identity: string,
    options: Pick<LeaderElectionOptions, 'writer'> & Partial<LeaderElectionOptions>,
  ) {
    this.election = new LeaderElection({
      namespace: 'tlv',
      name: 'sweeper',
      identity,
      random: () => 0.5,
      lead: async (signal) => {
        this.isLeading = true;
        this.log.push('begins');
        await aborted(signal);
        this.log.push('ends');
        this.isLeading = false;
      },
      ...options,
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener('abort', () => resolve());
  return promise;
}

describe('leader election', () => {
  let store: FakeStore;
  let clock: FakeClock;
  const writers: ApiWriter[] = [];
  const contenders: Contender[] = [];

  beforeEach(async () => {
    store = await FakeStore.start();
    clock = new FakeClock();
  });
  afterEach(async () => {
    for (const writer of writers.splice(0)) writer.close();
    await store.stop();
    await Promise.all(contenders.splice(0).map(({ election }) => election.stop()));
  });

  const contender = (identity: string, options: Partial<LeaderElectionOptions> = {}): Contender => {
    const writer = new ApiWriter(store.config(), { clock });
    writers.push(writer);
    const one = new Contender(identity, { writer, clock, ...options });
    contenders.push(one);
    return one;
  };
  const spec = () => store.objects.get(LEASE)!['spec'] as Record<string, unknown>;
  /** Lets this time pass when somebody waits for the next attempt. */
  const retries = async (times: number, waiting = 1) => {
    for (let time = 0; time < times; time++) {
      await eventually(
        'a wait for the next attempt',
        () => clock.pending.filter((ms) => ms === 2000).length >= waiting,
      );
      clock.advance(2000);
    }
    await eventually(
      'a wait for the next attempt',
      () => clock.pending.filter((ms) => ms === 2000).length >= waiting,
    );
  };
  const held = (holder: string, more: object = {}) =>
    store.put(LEASE, {
      metadata: { name: 'sweeper' },
      spec: { holderIdentity: holder, leaseDurationSeconds: 15, leaseTransitions: 3, ...more },
    });

  it('takes a lease that is not there, keeps it, and lets it go', async () => {
    const a = contender('a', {
      wallClock: () => new Date('2026-03-01T10:00:00.001Z'),
      labels: { team: 'x' },
    });
    a.election.start();
    await eventually('a to lead', () => a.isLeading);
    expect(a.election.isLeader).to.equal(true);
    expect(spec()).to.deep.equal({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-03-01T10:00:00.001000Z',
      renewTime: '2026-03-01T10:00:00.001000Z',
      leaseTransitions: 0,
    });
    expect(store.objects.get(LEASE)).to.have.deep.nested.property('metadata.labels', { team: 'x' });
    await retries(20);
    expect(a.log).to.deep.equal(['begins']);
    // One look, one creation, and a renewal each time.
    expect(store.calls).to.have.lengthOf(22);

    await a.election.stop();
    expect(a.log).to.deep.equal(['begins', 'ends']);
    expect(a.election.isLeader).to.equal(false);
    expect(spec()).to.include({ holderIdentity: '', leaseTransitions: 0 });
  });

  it('waits for another that lives, and takes over at once what it lets go', async () => {
    const [a, b] = [contender('a'), contender('b')];
    a.election.start();
    await eventually('a to lead', () => a.isLeading);
    b.election.start();
    await retries(30, 2);
    expect([a.log, b.log]).to.deep.equal([['begins'], []]);
    await a.election.stop();
    clock.advance(2000);
    await eventually('b to lead', () => b.isLeading);
    expect(spec()).to.include({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it('takes over a lease that has not changed for its time, by its own clock', async () => {
    // Renewed in the far future, says the dead holder's wall clock.
    held('dead', { renewTime: '2099-01-01T00:00:00.000000Z' });
    const b = contender('b');
    b.election.start();
    await retries(7);
    expect(b.log).to.deep.equal([]);
    await retries(1);
    await eventually('b to lead', () => b.isLeading);
    expect(spec()).to.include({ holderIdentity: 'b', leaseTransitions: 4 });
  });

  it('waits anew whenever the lease has changed, however old it says it is', async () => {
    held('slow', { renewTime: '2001-01-01T00:00:00.000000Z' });
    const b = contender('b');
    b.election.start();
    for (let renewal = 0; renewal < 5; renewal++) {
      await retries(7);
      held('slow', { renewTime: '2001-01-01T00:00:00.000000Z' });
    }
    expect(b.log).to.deep.equal([]);
  });

  it('waits for as long as the holder asked for', async () => {
    held('slow', { leaseDurationSeconds: 60 });
    const b = contender('b');
    b.election.start();
    await retries(29);
    expect(b.log).to.deep.equal([]);
    await retries(1);
    await eventually('b to lead', () => b.isLeading);
  });

  it('is not taken by two who look at the same time', async () => {
    held('');
    const all = ['a', 'b', 'c', 'd'].map((identity) => contender(identity));
    for (const { election } of all) election.start();
    await retries(3, 4);
    expect(all.filter(({ isLeading }) => isLeading)).to.have.lengthOf(1);
    expect(all.flatMap(({ log }) => log)).to.deep.equal(['begins']);
  });

  it('stops leading when it cannot renew in time, before anybody else may lead', async () => {
    const a = contender('a');
    a.election.start();
    await eventually('a to lead', () => a.isLeading);
    store.intercept = () => refuse(503, 'no');
    await retries(4);
    expect(a.election.isLeader).to.equal(true);
    clock.advance(1999);
    expect(a.election.isLeader).to.equal(true);
    clock.advance(1);
    expect(a.election.isLeader).to.equal(false);
    await eventually('a to end', () => !a.isLeading);
    store.intercept = () => undefined;
    await retries(1);
    await eventually('a to lead again', () => a.isLeading);
  });

  it('stops leading at its deadline though a renewal is on its way', async () => {
    const a = contender('a');
    a.election.start();
    await eventually('a to lead', () => a.isLeading);
    store.intercept = () => () => undefined;
    await eventually('a wait', () => clock.pending.includes(2000));
    clock.advance(2000);
    await eventually('a renewal', () => store.calls.length === 3);
    clock.advance(8000);
    expect(a.election.isLeader).to.equal(false);
    await eventually('a to end', () => !a.isLeading);
  });

  it('goes on when the answer to a renewal is lost', async () => {
    const a = contender('a');
    a.election.start();
    await eventually('a to lead', () => a.isLeading);
    for (let time = 0; time < 10; time++) {
      store.loseAnswer = ({ method }) => method === 'PUT' && time % 2 === 0;
      await retries(1);
    }
    expect(a.log).to.deep.equal(['begins']);
  });

  it('stops leading as soon as it sees that another holds the lease', async () => {
    const a = contender('a');
    a.election.start();
    await eventually('a to lead', () => a.isLeading);
    held('usurper');
    await retries(1);
    await eventually('a to end', () => !a.isLeading);
    await retries(2);
    expect(a.log).to.deep.equal(['begins', 'ends']);
    expect(spec()).to.include({ holderIdentity: 'usurper' });
  });

  it('makes the lease again that somebody deleted', async () => {
    const a = contender('a');
    a.election.start();
    await eventually('a to lead', () => a.isLeading);
    store.objects.delete(LEASE);
    await retries(3);
    expect(a.log).to.deep.equal(['begins']);
    expect(spec()).to.include({ holderIdentity: 'a' });
  });

  it('tries again when what was led fails, and lets others try first', async () => {
    const a = contender('a', { lead: () => Promise.reject(new Error('bad day')) });
    a.election.start();
    await eventually(
      'the lease to be free',
      () => store.said.length === 3 && spec()['holderIdentity'] === '',
    );
    await retries(1);
    expect(a.election.isLeader).to.equal(false);
    await eventually('another try', () => store.said.length >= 5);
  });

  it('is told a deadline that is too late', () => {
    expect(() => contender('a', { leaseDurationMs: 10_000 })).to.throw(RangeError, 'renewDeadlineMs');
  });

  it('has never two leaders, whatever is lost, late or asleep, and one in the end', async () => {
    const fate = fc.record({
      beforeMs: fc.nat(12_000),
      afterMs: fc.nat(12_000),
      lost: fc.constantFrom('no' as const, 'no' as const, 'request' as const, 'answer' as const),
    });
    const quick = fc.record({ beforeMs: fc.nat(50), afterMs: fc.nat(50), lost: fc.constant('no' as const) });
    const sleep = fc.record({ who: fc.nat(2), fromMs: fc.nat(60_000), forMs: fc.nat(30_000) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 4, arbitrary: quick }, fate), { minLength: 1, maxLength: 80 }),
        fc.array(sleep, { maxLength: 4 }),
        async (fates, sleeps) => {
          const world = new Network(fates, sleeps);
          await world.run(90_000);
          expect(world.faults.join('; ')).to.equal('');
          world.heal();
          await world.run(60_000);
          expect(world.faults).to.deep.equal([]);
          expect(world.leaders).to.equal(1);
          await world.stop();
        },
      ),
      { numRuns: 60 },
    );
  });
});

interface Fate {
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly lost: 'no' | 'request' | 'answer';
}

interface Sleep {
  readonly who: number;
  readonly fromMs: number;
  readonly forMs: number;
}

/** The timers of a process that is stopped at times; what is due meanwhile comes when it goes on. */
class SleepyClock extends FakeClock {
  isAsleep = false;
  #missedMs = 0;

  override advance(ms: number): void {
    this.#missedMs += ms;
    if (this.isAsleep) return;
    const passed = this.#missedMs;
    this.#missedMs = 0;
    super.advance(passed);
  }

  /** The time does not stop for a process that is. */
  override now(): number {
    return super.now() + this.#missedMs;
  }
}

const STEP_MS = 250;

/** Three contenders, with wall clocks years apart, at one Lease behind a network of given fates. */
class Network {
  readonly faults: string[] = [];
  readonly #clock = new FakeClock();
  readonly #contenders: { readonly clock: SleepyClock; readonly contender: Contender }[];
  readonly #fates: Fate[];
  #sleeps: readonly Sleep[];
  #lease: Record<string, unknown> | undefined;
  #version = 0;
  #passedMs = 0;

  constructor(fates: readonly Fate[], sleeps: readonly Sleep[]) {
    this.#fates = [...fates];
    this.#sleeps = sleeps;
    this.#contenders = ['a', 'b', 'c'].map((identity, index) => {
      const clock = new SleepyClock();
      const wallClock = () => new Date(Date.UTC(2020 + 5 * index));
      const writer = this.#writer(clock);
      return { clock, contender: new Contender(identity, { writer, clock, wallClock }) };
    });
    for (const { contender } of this.#contenders) contender.election.start();
  }

  get leaders(): number {
    return this.#contenders.filter(({ contender }) => contender.election.isLeader).length;
  }

  heal(): void {
    this.#fates.length = 0;
    this.#sleeps = [];
  }

  async run(ms: number): Promise<void> {
    const end = this.#passedMs + ms;
    while (this.#passedMs < end) {
      this.#passedMs += STEP_MS;
      for (const [index, { clock }] of this.#contenders.entries()) {
        clock.isAsleep = this.#sleeps.some(
          ({ who, fromMs, forMs }) =>
            who === index && this.#passedMs > fromMs && this.#passedMs <= fromMs + forMs,
        );
        clock.advance(STEP_MS);
      }
      this.#clock.advance(STEP_MS);
      await turn();
      this.#judge();
    }
  }

  async stop(): Promise<void> {
    const stopped = Promise.all(this.#contenders.map(({ contender }) => contender.election.stop()));
    await this.run(20_000);
    await stopped;
  }

  #judge(): void {
    if (this.leaders > 1) this.faults.push(`${this.leaders} lead at ${this.#passedMs} ms`);
    for (const { clock, contender } of this.#contenders) {
      if (!clock.isAsleep && contender.isLeading && !contender.election.isLeader) {
        this.faults.push(`one was not told at ${this.#passedMs} ms`);
      }
    }
  }

  #writer(clock: SleepyClock): LeaderElectionOptions['writer'] {
    const call = (apply: () => Record<string, unknown> | undefined, options: CallOptions = {}) =>
      this.#call(apply, options, clock);
    return {
      get: (_path, options) => call(() => this.#lease, options),
      create: (_path, body, options) => call(() => this.#store(body, undefined), options) as never,
      replace: (_path, body, options) => {
        const { metadata } = body as { metadata: { resourceVersion: string } };
        return call(() => this.#store(body, metadata.resourceVersion), options) as never;
      },
    };
  }

  #store(body: unknown, condition: string | undefined): Record<string, unknown> {
    const { metadata } = (this.#lease ?? {}) as { metadata?: { resourceVersion: string } };
    if (metadata?.resourceVersion !== condition) throw new ApiStatusError(409, '409 conflict');
    const version = String(++this.#version);
    this.#lease = { ...(body as object), metadata: { name: 'sweeper', resourceVersion: version } };
    return this.#lease;
  }

  async #call<T>(
    apply: () => T,
    { signal, deadlineMs = 15_000 }: CallOptions,
    clock: SleepyClock,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { beforeMs, afterMs, lost } = this.#fates.shift() ?? { beforeMs: 1, afterMs: 1, lost: 'no' };
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (lost !== 'request') {
      this.#clock.after(beforeMs, () => {
        try {
          const result = apply();
          if (lost === 'no') clock.after(afterMs, () => resolve(result));
        } catch (error) {
          if (lost === 'no') clock.after(afterMs, () => reject(error));
        }
      });
    }
    clock.after(deadlineMs, () => reject(new ConnectionError('not done in time')));
    signal?.addEventListener('abort', () => reject(signal.reason));
    return promise;
  }
}
