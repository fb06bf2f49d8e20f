import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { ApiWriter } from '../../../src/cluster/api-writer.ts';
import { EventRecorder } from '../../../src/cluster/event-recorder.ts';
import { eventually, refuse } from './fake-api.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeStore } from './fake-store.ts';

const EVENTS = '/api/v1/namespaces/shop/events';
const CLAIM = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  namespace: 'shop',
  name: 'data-0',
  uid: 'u1',
};
const VOLUME = { apiVersion: 'v1', kind: 'PersistentVolume', name: 'shop-data', uid: 'u2' };

describe('event recorder', () => {
  let store: FakeStore;
  let writer: ApiWriter;
  let recorder: EventRecorder;
  let clock: FakeClock;
  let now: Date;
  const effects: string[] = [];
  const said: string[] = [];

  beforeEach(async () => {
    store = await FakeStore.start();
    clock = new FakeClock();
    now = new Date('2026-03-01T10:00:00.123Z');
    effects.length = 0;
    said.length = 0;
    const say = (_: object, message: string) => void said.push(message);
    writer = new ApiWriter(store.config(), { clock, beforeEffect: (what) => void effects.push(what) });
    recorder = new EventRecorder({
      writer,
      component: 't-local-volume-agent',
      host: 'node-1',
      clock,
      random: () => 0.5,
      wallClock: () => now,
      logger: { info: say, warn: say, error: say },
    });
  });
  afterEach(async () => {
    await store.stop();
    await recorder.flush();
    writer.close();
  });

  const record = (message = 'no room', object: typeof CLAIM | typeof VOLUME = CLAIM) =>
    recorder.record(object, 'Warning', 'ProvisioningFailed', message);
  const calls = (count: number) =>
    eventually(`${count} calls, not ${store.said.join()}`, () => store.calls.length >= count).then(() =>
      turn(),
    );
  const events = () =>
    [...store.objects.values()] as { metadata: { name: string }; [field: string]: unknown }[];
  /** Time passes for both clocks. */
  const pass = (ms: number) => {
    now = new Date(now.getTime() + ms);
    clock.advance(ms);
  };

  it('writes what describe shows', async () => {
    record();
    await recorder.flush();
    expect(store.said).to.deep.equal([`POST ${EVENTS}`]);
    const { metadata, ...event } = events()[0]!;
    expect(metadata.name).to.match(/^data-0\.[0-9a-f]{16}$/);
    expect(event).to.deep.equal({
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: CLAIM,
      type: 'Warning',
      reason: 'ProvisioningFailed',
      message: 'no room',
      count: 1,
      source: { component: 't-local-volume-agent', host: 'node-1' },
      reportingComponent: 't-local-volume-agent',
      reportingInstance: 'node-1',
      firstTimestamp: '2026-03-01T10:00:00Z',
      lastTimestamp: '2026-03-01T10:00:00Z',
    });
  });

  it('writes into default what is about an object without a namespace', async () => {
    record('gone', VOLUME);
    await recorder.flush();
    expect(store.said).to.deep.equal(['POST /api/v1/namespaces/default/events']);
    expect(events()[0]).to.deep.include({ involvedObject: VOLUME });
  });

  it('is no effect', async () => {
    record();
    await recorder.flush();
    expect(effects).to.deep.equal([]);
  });

  it('counts what repeats, and writes that once a minute', async () => {
    record();
    await calls(1);
    for (let time = 0; time < 100; time++) {
      pass(300);
      record();
    }
    expect(store.calls).to.have.lengthOf(1);
    pass(30_000);
    await calls(2);
    expect(events()).to.have.lengthOf(1);
    expect(events()[0]).to.include({
      count: 101,
      firstTimestamp: '2026-03-01T10:00:00Z',
      lastTimestamp: '2026-03-01T10:00:30Z',
    });
    pass(60_000);
    await turn();
    expect(store.calls).to.have.lengthOf(2);
    record();
    await calls(3);
    expect(events()[0]).to.include({ count: 102 });
  });

  it('does not write twice what is said while the first is on its way', async () => {
    record();
    record();
    await turn();
    record();
    await calls(1);
    expect(store.calls).to.have.lengthOf(1);
    pass(60_000);
    await calls(2);
    expect(events()).to.have.lengthOf(1);
    expect(events()[0]).to.include({ count: 3 });
  });

  it('keeps apart what differs', async () => {
    record('one');
    record('two');
    record('one', VOLUME);
    recorder.record(CLAIM, 'Normal', 'ProvisioningFailed', 'one');
    await recorder.flush();
    expect(store.calls).to.have.lengthOf(4);
  });

  it('makes an Event again that is gone', async () => {
    record();
    await calls(1);
    store.objects.clear();
    pass(60_000);
    record();
    await calls(3);
    expect(events()).to.have.lengthOf(1);
    expect(events()[0]).to.include({ count: 2 });
  });

  it('cuts a message between two characters', async () => {
    record('卷'.repeat(1000));
    record('x'.repeat(1024));
    await recorder.flush();
    const [long, whole] = events().map(({ message }) => String(message));
    expect(Buffer.byteLength(long!)).to.be.within(1022, 1024);
    expect(long).to.equal(`${'卷'.repeat(340)}…`);
    expect(whole).to.equal('x'.repeat(1024));
  });

  it('tries again when the API server cannot, and finds what was written without an answer', async () => {
    store.loseAnswer = () => store.calls.length === 1;
    record();
    await calls(1);
    await eventually('a wait', () => clock.pending.includes(1000));
    pass(1000);
    await calls(2);
    expect(events()).to.have.lengthOf(1);
    await turn();
    expect(said).to.deep.equal([`an Event could not be written: POST ${EVENTS}: socket hang up`]);
  });

  it('gives up after five times, and complains once a minute', async () => {
    store.intercept = () => refuse(503, 'not now');
    record();
    for (const waitMs of [1000, 2000, 4000, 8000]) {
      await eventually(`a wait of ${waitMs} ms`, () => clock.pending.includes(waitMs));
      pass(waitMs);
    }
    await calls(5);
    await turn();
    expect(clock.pending.filter((ms) => ms !== 15_000)).to.deep.equal([]);
    expect(said).to.deep.equal(['an Event could not be written: 503 not now']);
  });

  it('leaves what is refused', async () => {
    store.intercept = () => refuse(403, 'the namespace is being terminated');
    record();
    await recorder.flush();
    expect(store.calls).to.have.lengthOf(1);
    expect(clock.pending).to.deep.equal([]);
  });

  it('says no more than 25 things of an object at once', async () => {
    for (let number = 0; number < 40; number++) record(`fault ${number}`);
    record('gone', VOLUME);
    await recorder.flush();
    expect(store.calls).to.have.lengthOf(26);
    pass(300_000);
    record('fault 41');
    record('fault 42');
    await recorder.flush();
    expect(store.calls).to.have.lengthOf(27);
  });

  it('remembers a thousand messages', async () => {
    for (let number = 0; number <= 1000; number++) {
      record('no room', { ...CLAIM, name: `data-${number}`, uid: `u-${number}` });
    }
    await recorder.flush();
    record('no room', { ...CLAIM, name: 'data-0', uid: 'u-0' });
    record('no room', { ...CLAIM, name: 'data-1000', uid: 'u-1000' });
    await calls(1002);
    expect(store.said.filter((call) => call.startsWith('POST'))).to.have.lengthOf(1002);
  });

  it('flushes what waits for its minute', async () => {
    record();
    await calls(1);
    record();
    await recorder.flush();
    expect(events()[0]).to.include({ count: 2 });
    expect(clock.pending).to.deep.equal([]);
  });

  it('flushes no longer than it may', async () => {
    store.intercept = () => () => undefined;
    record();
    const flushed = recorder.flush();
    await eventually('the wait', () => clock.pending.includes(5000) && store.calls.length === 1);
    clock.advance(5000);
    await flushed;
  });
});
