import { expect } from 'chai';
import { ApiWriter } from '../../../src/cluster/api-writer.ts';
import { IDLE_MS } from '../../../src/cluster/api-request.ts';
import { jittered } from '../../../src/cluster/clock.ts';
import { EVERY_MS, Heartbeat } from '../../../src/cluster/lease.ts';
import { microTime } from '../../../src/cluster/lease-object.ts';
import { eventually, refuse } from './fake-api.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeStore } from './fake-store.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/tlv/leases/agent-1';

describe('heartbeat', () => {
  let store: FakeStore;
  let writer: ApiWriter;
  let clock: FakeClock;
  let heart: Heartbeat;
  let beats: number;
  let now: Date;
  const failed: string[] = [];
  const effects: string[] = [];

  beforeEach(async () => {
    store = await FakeStore.start();
    clock = new FakeClock();
    beats = 0;
    now = new Date('2026-03-01T10:00:00.120Z');
    failed.length = 0;
    effects.length = 0;
    writer = new ApiWriter(store.config(), { clock, beforeEffect: (what) => void effects.push(what) });
    heart = new Heartbeat({
      writer,
      namespace: 'tlv',
      name: 'agent-1',
      holder: 'node-1',
      labels: { role: 'agent' },
      annotations: () => ({ beats: String(beats) }),
      observer: { beaten: () => void beats++, failed: (error) => void failed.push(error.message) },
      clock,
      random: () => 0.5,
      wallClock: () => now,
    });
  });
  afterEach(async () => {
    await heart.stop();
    writer.close();
    await store.stop();
  });

  const waits = (ms: number) => eventually(`a wait of ${ms} ms`, () => clock.pending.includes(ms));

  it('comes while the connection of the one before is open, and the API server has not closed it', () => {
    expect(IDLE_MS).to.be.above(jittered(EVERY_MS, () => 1));
    expect(IDLE_MS).to.be.below(90_000);
  });

  it('makes the lease, and keeps it fresh', async () => {
    heart.start();
    await waits(30_000);
    expect(store.objects.get(LEASE)).to.deep.include({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      spec: { holderIdentity: 'node-1', leaseDurationSeconds: 120, renewTime: '2026-03-01T10:00:00.120000Z' },
    });
    now = new Date('2026-03-01T10:00:30Z');
    clock.advance(30_000);
    await waits(30_000);
    await eventually('the second beat', () => beats === 2);
    const { metadata, spec } = store.objects.get(LEASE)! as Record<string, object>;
    expect(spec).to.include({ renewTime: '2026-03-01T10:00:30.000000Z' });
    expect(metadata).to.deep.include({ labels: { role: 'agent' }, annotations: { beats: '1' } });
    expect(effects).to.deep.equal([]);
  });

  it('makes it again when it is gone, and leaves what others put in it', async () => {
    heart.start();
    await waits(30_000);
    store.objects.delete(LEASE);
    clock.advance(30_000);
    await eventually('the second beat', () => beats === 2);
    const lease = store.objects.get(LEASE)! as { metadata: { labels: object } };
    store.put(LEASE, { ...lease, metadata: { ...lease.metadata, labels: { team: 'x' } } });
    await waits(30_000);
    clock.advance(30_000);
    await eventually('the third beat', () => beats === 3);
    expect(store.objects.get(LEASE)).to.have.deep.nested.property('metadata.labels', {
      team: 'x',
      role: 'agent',
    });
  });

  it('tries again soon when it fails, and not before it is asked to', async () => {
    store.intercept = () => refuse(500, 'no');
    heart.start();
    await waits(500);
    clock.advance(500);
    await waits(1000);
    store.intercept = () => refuse(429, 'slow', {}, { 'retry-after': '30' });
    clock.advance(1000);
    await waits(30_000);
    store.intercept = () => undefined;
    clock.advance(30_000);
    await waits(30_000);
    expect(failed).to.deep.equal(['500 no', '500 no', '429 slow']);
    expect(beats).to.equal(1);
  });

  it('writes six digits', () => {
    expect(microTime(new Date(0))).to.equal('1970-01-01T00:00:00.000000Z');
    expect(microTime(new Date(1))).to.match(/^[-\d]+T[:\d]+\.001000Z$/);
  });
});
