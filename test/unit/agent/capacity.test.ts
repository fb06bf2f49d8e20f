import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { Capacity } from '../../../src/agent/capacity.ts';
import { ApiStatusError } from '../../../src/cluster/faults.ts';
import { silentLogger } from '../../../src/cluster/observer.ts';
import { FakeClock } from '../cluster/fake-clock.ts';

const MI = 2 ** 20;

const outcome = (work: Promise<void>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error) => error.message,
  );

describe('what a node tells the scheduler of its room', () => {
  const calls: string[] = [];
  const stored = new Map<string, { capacity: string; storageClassName: string }>();
  let free = 0;
  let classes: string[] = [];
  let failure: Error | undefined;
  let refused: string | undefined;
  let clock: FakeClock;
  let capacity: Capacity;

  beforeEach(() => {
    calls.length = 0;
    stored.clear();
    free = 1000 * MI;
    classes = ['t-storage-class'];
    failure = undefined;
    refused = undefined;
    clock = new FakeClock();
    capacity = new Capacity({
      namespace: 'ours',
      node: 'node-1',
      hostname: 'host-1',
      classes: () => classes,
      freeBytes: () => free,
      clock,
      logger: silentLogger,
      random: () => 0.5,
      writer: {
        patch: async (path, body) => {
          if (failure) throw failure;
          const name = path.split('/').at(-1)!;
          const object = stored.get(name);
          if (!object) throw new ApiStatusError(404, 'not found');
          object.capacity = (body as { capacity: string }).capacity;
          calls.push(`patch ${object.capacity}`);
          return {};
        },
        create: async (_path, body) => {
          const object = body as { metadata: { name: string }; capacity: string; storageClassName: string };
          if (object.storageClassName === refused) throw new ApiStatusError(403, 'quota');
          stored.set(object.metadata.name, object);
          calls.push(`create ${object.capacity}`);
          return {};
        },
        remove: async (path) => {
          stored.delete(path.split('/').at(-1)!);
          calls.push('remove');
          return {};
        },
      },
    });
  });

  it('is made, whole, in mebibytes rounded down', async () => {
    free = 1000 * MI + 17;
    await capacity.publish();
    expect([...stored.values()]).to.deep.equal([
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSIStorageCapacity',
        metadata: {
          name: 't-local-volume-4d6e180f413c4cbd9a5a',
          namespace: 'ours',
          labels: {
            'app.kubernetes.io/name': 't-local-volume',
            'app.kubernetes.io/component': 'agent',
            'local.tars.io/node': 'node-1',
          },
        },
        storageClassName: 't-storage-class',
        nodeTopology: { matchLabels: { 'kubernetes.io/hostname': 'host-1' } },
        capacity: '1000Mi',
      },
    ]);
  });

  it('is written by itself when it has changed by a tenth, and not before', async () => {
    await capacity.refresh();
    free = 901 * MI;
    await capacity.refresh();
    free = 900 * MI;
    await capacity.refresh();
    expect(calls).to.deep.equal(['create 1000Mi', 'patch 900Mi']);
  });

  it('is written whatever it is when a volume comes or goes, but not twice the same', async () => {
    await capacity.publish();
    free = 999 * MI;
    await capacity.publish();
    await capacity.publish();
    expect(calls).to.deep.equal(['create 1000Mi', 'patch 999Mi']);
  });

  it('becomes nothing, and something again', async () => {
    await capacity.refresh();
    free = 0;
    await capacity.refresh();
    free = MI;
    await capacity.refresh();
    expect(calls).to.deep.equal(['create 1000Mi', 'patch 0Mi', 'patch 1Mi']);
  });

  it('is made again where somebody has deleted it', async () => {
    await capacity.publish();
    stored.clear();
    await capacity.republish();
    expect(calls).to.deep.equal(['create 1000Mi', 'create 1000Mi']);
  });

  it('goes with its class', async () => {
    await capacity.publish();
    classes = [];
    await capacity.publish();
    expect(calls).to.deep.equal(['create 1000Mi', 'remove']);
  });

  it('is one a class', async () => {
    classes = ['t-storage-class', 'fast'];
    await capacity.publish();
    expect(stored.size).to.equal(2);
  });

  it('is tried until it works, and then says what is true by then; who waits learns that it failed', async () => {
    await capacity.publish();
    failure = new ApiStatusError(500, 'no');
    free = 500 * MI;
    expect(await outcome(capacity.publish())).to.equal('no');
    while (clock.pending.length === 0) await Promise.resolve();
    failure = undefined;
    free = 400 * MI;
    const published = capacity.publish();
    clock.advance(5000);
    await published;
    expect(calls).to.deep.equal(['create 1000Mi', 'patch 400Mi']);
  });

  it('is tried again by itself, where nobody waits', async () => {
    failure = new ApiStatusError(403, 'forbidden');
    void capacity.publish();
    while (clock.pending.length === 0) await Promise.resolve();
    failure = undefined;
    clock.advance(5000);
    while (stored.size === 0) await Promise.resolve();
    expect(calls).to.deep.equal(['create 1000Mi']);
  });

  it('is told of the other classes where one is refused', async () => {
    classes = ['refused', 'fast'];
    refused = 'refused';
    expect(await outcome(capacity.publish())).to.equal('quota');
    const asked = ['refused', 'fast'].map((name) => outcome(capacity.publish(name)));
    while (clock.pending.length === 0) await Promise.resolve();
    clock.advance(5000);
    expect(await Promise.all(asked)).to.deep.equal(['quota', 'done']);
    expect([...stored.values()].map((each) => each.storageClassName)).to.deep.equal(['fast']);
    capacity.stop();
  });

  describe('that is refused', () => {
    /** It rests for that long. */
    const rests = async (ms: number) => {
      while (clock.pending.length === 0) await Promise.resolve();
      expect(clock.pending).to.deep.equal([ms]);
      clock.advance(ms);
      await turn();
    };
    beforeEach(() => {
      failure = new ApiStatusError(429, 'too many');
      void capacity.publish();
    });
    afterEach(() => capacity.stop());

    it('is tried ever more rarely, as others may have met the same', async () => {
      for (const ms of [5000, 10_000]) await rests(ms);
      // Ten seconds, and what is left of the whole.
      for (const ms of [10_000, 10_000, 10_000, 20_000, 10_000, 20_000]) await rests(ms);
      failure = undefined;
      await rests(10_000);
      await rests(20_000);
      expect(calls).to.deep.equal(['create 1000Mi']);
      failure = new ApiStatusError(429, 'too many');
      free = 1;
      void capacity.publish();
      await rests(5000);
    });

    it('is tried sooner where there is something new to tell', async () => {
      for (const ms of [5000, 10_000, 10_000, 10_000, 10_000]) await rests(ms);
      failure = undefined;
      free = 7 * MI;
      await capacity.publish();
      expect(calls).to.deep.equal(['create 7Mi']);
    });

    it('is tried no sooner than that where everybody asks all the time', async () => {
      for (const ms of [5000, 10_000]) await rests(ms);
      for (let times = 0; times < 2; times++) {
        void capacity.publish();
        await rests(10_000);
      }
      failure = undefined;
      void capacity.publish();
      await rests(10_000);
      expect(calls).to.deep.equal(['create 1000Mi']);
    });
  });

  it('keeps nobody waiting when it is stopped', async () => {
    failure = new ApiStatusError(403, 'forbidden');
    const first = outcome(capacity.publish());
    while (clock.pending.length === 0) await Promise.resolve();
    const second = outcome(capacity.publish());
    capacity.stop();
    expect(await Promise.all([first, second])).to.deep.equal(['forbidden', 'stopped']);
  });
});
