import { expect } from 'chai';
import { ApiWriter } from '../../../src/cluster/api-writer.ts';
import { eventually } from './fake-api.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeStore } from './fake-store.ts';

const VOLUMES = '/api/v1/persistentvolumes';
const CLAIMS = '/api/v1/namespaces/default/persistentvolumeclaims';
const volume = (name: string) => ({ kind: 'PersistentVolume', metadata: { name, uid: `uid-${name}` } });

describe('api writer', () => {
  let store: FakeStore;
  let writer: ApiWriter;
  const effects: string[] = [];
  const clock = new FakeClock();

  beforeEach(async () => {
    store = await FakeStore.start();
    effects.length = 0;
    writer = new ApiWriter(store.config({ token: 'secret' }), {
      clock,
      beforeEffect: (what) => void effects.push(what),
    });
  });
  afterEach(async () => {
    writer.close();
    await store.stop();
  });

  const failure = (work: Promise<unknown>) =>
    work.then(
      () => expect.fail('should have failed'),
      (error: unknown) => error,
    );

  it('creates, reads, patches, replaces and removes', async () => {
    const made = await writer.create(VOLUMES, volume('a'));
    expect(made).to.have.nested.property('metadata.resourceVersion', '101');
    expect(await writer.get(`${VOLUMES}/a`)).to.deep.equal(made);

    const patch = { metadata: { resourceVersion: '101', labels: { 卷: 'ä' } } };
    const patched = await writer.patch(`${VOLUMES}/a`, patch, 'merge');
    expect(patched).to.have.nested.property('metadata.labels.卷', 'ä');
    const replaced = await writer.replace(`${VOLUMES}/a`, { ...volume('a'), spec: 1 });
    expect(replaced).to.include({ spec: 1 });
    await writer.remove(`${VOLUMES}/a`, { uid: 'uid-a', resourceVersion: '103' });
    expect(await writer.get(`${VOLUMES}/a`)).to.equal(undefined);

    expect(store.calls.map(({ headers }) => headers['content-type'])).to.deep.equal([
      'application/json',
      undefined,
      'application/merge-patch+json',
      'application/json',
      'application/json',
      undefined,
    ]);
    expect(
      store.calls.map(
        ({ text, headers }) => Buffer.byteLength(text) - Number(headers['content-length'] ?? 0),
      ),
    ).to.deep.equal([0, 0, 0, 0, 0, 0]);
    expect(store.calls[4]!.body).to.deep.equal({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid: 'uid-a', resourceVersion: '103' },
    });
    for (const { headers } of store.calls) {
      expect(headers).to.include({ authorization: 'Bearer secret', 'user-agent': 't-local-volume' });
    }
  });

  it('says a JSON patch is one', async () => {
    store.put(`${VOLUMES}/a`, volume('a'));
    await writer.patch(`${VOLUMES}/a`, [{ op: 'test', path: '/kind', value: 'x' }], 'json');
    expect(store.calls[0]!.headers['content-type']).to.equal('application/json-patch+json');
  });

  it('tells each effect before it, and neither reads nor what is none', async () => {
    await writer.create(VOLUMES, volume('default-x'));
    await writer.get(`${VOLUMES}/default-x`);
    store.put(`${CLAIMS}/x`, { metadata: { name: 'x' } });
    await writer.patch(`${CLAIMS}/x`, {}, 'merge');
    await failure(writer.patch(`${CLAIMS}/x/status`, {}, 'merge'));
    await writer.replace(`${CLAIMS}/x`, { metadata: { name: 'x' } });
    await writer.remove(`${VOLUMES}/default-x`);
    await failure(writer.remove('/api/v1/namespaces/shop'));
    await writer.create('/apis/storage.k8s.io/v1/namespaces/a/csistoragecapacities', {
      metadata: { name: 'c' },
    });
    await writer.create('/api/v1/namespaces/default/events', { metadata: { name: 'e' } }, { effect: false });
    expect(effects).to.deep.equal([
      'POST persistentvolumes default-x',
      'PATCH persistentvolumeclaims default/x',
      'PATCH persistentvolumeclaims/status default/x',
      'PUT persistentvolumeclaims default/x',
      'DELETE persistentvolumes default-x',
      'DELETE namespaces shop',
      'POST csistoragecapacities a/c',
    ]);
  });

  it('does nothing where the hook throws', async () => {
    const stop = new Error('killed here');
    const killed = new ApiWriter(store.config(), {
      beforeEffect: () => {
        throw stop;
      },
    });
    expect(await failure(killed.create(VOLUMES, volume('a')))).to.equal(stop);
    expect(store.calls).to.deep.equal([]);
  });

  it('says why a write was refused, and when to come again', async () => {
    store.put(`${VOLUMES}/a`, volume('a'));
    expect(await failure(writer.create(VOLUMES, volume('a')))).to.include({
      name: 'ApiStatusError',
      status: 409,
      message: '409 "a" already exists',
    });
    expect(await failure(writer.remove(`${VOLUMES}/a`, { resourceVersion: '7' }))).to.include({
      status: 409,
    });
    expect(await failure(writer.remove(`${VOLUMES}/none`))).to.include({ status: 404, objectName: 'none' });
    store.intercept = () => (response) =>
      void response.writeHead(429, { 'retry-after': '7' }).end('slow down');
    expect(await failure(writer.get(`${VOLUMES}/a`))).to.include({
      status: 429,
      retryAfterMs: 7000,
      message: '429 slow down',
    });
  });

  it('takes an object for gone where the API server says so, and nobody before it', async () => {
    expect(await writer.get(`${VOLUMES}/none`)).to.equal(undefined);
    for (const page of ['404 page not found', '<h1>Not Found</h1>', '{"kind":"Status","code":404}']) {
      store.intercept = () => (response) => void response.writeHead(404).end(page);
      expect(await failure(writer.get(`${VOLUMES}/none`)), page).to.include({ status: 404 });
    }
  });

  it('ends a call that is not answered at its deadline', async () => {
    store.intercept = () => () => undefined;
    const failed = failure(writer.create(VOLUMES, volume('a')));
    await eventually('the call', () => store.calls.length === 1);
    clock.advance(14_999);
    clock.advance(1);
    expect(await failed).to.include({
      name: 'ConnectionError',
      message: `POST ${VOLUMES}: not done in 15000 ms`,
    });
  });

  it('ends an answer that stops half-way at its deadline', async () => {
    store.intercept = () => (response) => void response.writeHead(200).write('{"metadata":');
    const failed = failure(writer.get(`${VOLUMES}/a`, { deadlineMs: 2000 }));
    await eventually('the call', () => store.calls.length === 1);
    clock.advance(2000);
    expect(await failed).to.include({ name: 'ConnectionError' });
  });

  it('ends a call when the caller says so, with the reason', async () => {
    store.intercept = () => () => undefined;
    const controller = new AbortController();
    const failed = failure(writer.create(VOLUMES, volume('a'), { signal: controller.signal }));
    await eventually('the call', () => store.calls.length === 1);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await failed).to.equal(reason);
    expect(await failure(writer.create(VOLUMES, volume('a'), { signal: controller.signal }))).to.equal(
      reason,
    );
    expect(store.calls).to.have.lengthOf(1);
  });

  it('knows an answer that is none', async () => {
    const answers = ['', 'OK', '[1]', '"x"'];
    for (const text of answers) {
      store.intercept = () => (response) => void response.end(text);
      expect(await failure(writer.get(`${VOLUMES}/a`))).to.include({ name: 'ConnectionError' });
    }
    store.intercept = () => (response) => void response.destroy();
    expect(await failure(writer.get(`${VOLUMES}/a`))).to.include({ name: 'ConnectionError' });
  });

  it('uses connections again, and no more than eight', async () => {
    for (let round = 0; round < 5; round++) await writer.get(`${VOLUMES}/a`);
    expect(store.connections.size).to.equal(1);
    await Promise.all(Array.from({ length: 40 }, () => writer.get(`${VOLUMES}/a`)));
    expect(store.connections.size).to.be.within(2, 8);
  });

  it('lets a connection go that an unread or broken answer was on', async () => {
    store.intercept = () => (response) => void response.writeHead(500).end('x'.repeat(200_000));
    expect(await failure(writer.get(`${VOLUMES}/a`))).to.include({ status: 500 });
    store.intercept = () => undefined;
    store.put(`${VOLUMES}/a`, volume('a'));
    expect(await writer.get(`${VOLUMES}/a`)).to.have.property('metadata');
  });

  it('keeps to its rate', async () => {
    const slow = new ApiWriter(store.config(), { clock, rate: { qps: 10, burst: 2 } });
    const calls = Array.from({ length: 5 }, () => slow.get(`${VOLUMES}/a`));
    await eventually('what may be sent at once', () => store.calls.length === 2);
    expect(clock.pending.filter((ms) => ms <= 300)).to.deep.equal([100, 200, 300]);
    clock.advance(200);
    await eventually('two more', () => store.calls.length === 4);
    clock.advance(100);
    await Promise.all(calls);
    slow.close();
  });
});
