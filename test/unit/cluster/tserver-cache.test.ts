import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { TServerCache, TServerFetchError } from '../../../src/cluster/tserver-cache.ts';
import { tserverOf } from '../../../src/tars/ownership.ts';
import { eventually, FakeApi, refuse } from './fake-api.ts';

const V3 = '/apis/k8s.tars.io/v1beta3/tservers';
const V2 = '/apis/k8s.tars.io/v1beta2/tservers';
const spec = (app: string, server: string, k8s: object = {}) => ({ app, server, subType: 'tars', k8s });

describe('TServer cache', () => {
  let api: FakeApi;
  let cache: TServerCache;
  let skipped: number;
  let said: string[];

  beforeEach(async () => {
    api = await FakeApi.start();
    api.served.clear();
    api.served.add(V3);
    skipped = 0;
    said = [];
    const say = (fields: object, message: string) =>
      void said.push([message, ...((fields as { violations?: string[] }).violations ?? [])].join('; '));
    cache = new TServerCache({
      config: api.config(),
      observer: { skipped: () => skipped++ },
      logger: { info: say, warn: say, error: say },
      // Half of the back-off's limit.
      random: () => 0.5,
    });
  });
  afterEach(async () => {
    await cache.stop();
    await api.stop();
  });

  const begin = async () => {
    cache.start();
    await cache.synced();
    await eventually('the watch', () => api.openWatches === 1);
  };
  const server = (app = 'tars', name = 'log') => cache.serving('shop', app, name)?.metadata?.name;

  it('finds by name, and by app and server, of one namespace only', async () => {
    api.put('tars-log', spec('tars', 'log'));
    await begin();
    expect([cache.isSynced, cache.size]).to.deep.equal([true, 1]);
    expect(cache.named('shop', 'tars-log')?.spec).to.include({ app: 'tars', server: 'log' });
    expect(cache.named('other', 'tars-log')).to.equal(undefined);
    expect(server()).to.equal('tars-log');
    expect(cache.serving('other', 'tars', 'log')).to.equal(undefined);
    expect(server('Tars')).to.equal(undefined);
    expect(tserverOf({ metadata: { name: 'tars-log' } }, 'shop', cache)).to.equal(
      cache.named('shop', 'tars-log'),
    );
  });

  it('keeps only what mutation and rules ask for', async () => {
    const mount = { name: 'data', mountPath: '/data', source: { tLocalVolume: { uid: '1000' } } };
    const k8s = {
      mounts: [mount],
      hostIPC: true,
      hostNetwork: false,
      hostPorts: [{ nameRef: 'LogObj', port: 8080 }],
      daemonSet: false,
      env: [{ name: 'A', value: 'b' }],
      replicas: 3,
    };
    const more = { tars: { servants: [] }, release: { id: 'v1', image: 'log:1' } };
    api.put(
      'tars-log',
      { ...spec('tars', 'log', k8s), ...more },
      {
        annotations: {
          'local.tars.io/scope': 'Pod',
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
        },
        labels: { a: 'b' },
        deletionTimestamp: '2026-01-01T00:00:00Z',
        managedFields: [{ manager: 'kubectl' }],
      },
    );
    await begin();
    const { env, replicas, ...kept } = k8s;
    expect([env, replicas]).to.have.length(2);
    expect(JSON.parse(JSON.stringify(cache.named('shop', 'tars-log')))).to.deep.equal({
      metadata: {
        name: 'tars-log',
        namespace: 'shop',
        annotations: { 'local.tars.io/scope': 'Pod' },
        deletionTimestamp: '2026-01-01T00:00:00Z',
      },
      spec: { ...spec('tars', 'log'), k8s: kept },
    });
  });

  it('follows changes and deletions in both indexes', async () => {
    await begin();
    api.put('x', spec('tars', 'log'));
    await eventually('the first', () => server() === 'x');
    api.put('x', spec('tars', 'config'));
    await eventually('the change', () => server('tars', 'config') === 'x');
    expect(server()).to.equal(undefined);
    api.delete('x');
    await eventually('the deletion', () => cache.size === 0);
    expect(server('tars', 'config')).to.equal(undefined);
    expect(cache.named('shop', 'x')).to.equal(undefined);
  });

  it('of several of one app and server takes the one of the right name, else the first by name', async () => {
    await begin();
    const put = async (name: string) => {
      const { size } = cache;
      api.put(name, spec('Tars', 'Log'));
      await eventually(name, () => cache.size === size + 1);
      return server('Tars', 'Log');
    };
    const remove = async (name: string) => {
      const { size } = cache;
      api.delete(name);
      await eventually(name, () => cache.size === size - 1);
      return server('Tars', 'Log');
    };
    expect(await put('m')).to.equal('m');
    expect(await put('z')).to.equal('m');
    expect(await put('b')).to.equal('b');
    expect(await put('tars-log')).to.equal('tars-log');
    expect(await put('a')).to.equal('tars-log');
    expect(await remove('tars-log')).to.equal('a');
    expect(await remove('a')).to.equal('b');
    api.put('m', spec('Tars', 'Log', { hostIPC: true }));
    await eventually('the change', () => cache.named('shop', 'm')?.spec.k8s?.hostIPC === true);
    expect(await remove('b')).to.equal('m');
    expect(cache.serving('shop', 'Tars', 'Log')?.spec.k8s?.hostIPC).to.equal(true);
  });

  it('leaves out what is no TServer, says so and counts it', async () => {
    api.put('bad', { app: 'tars', server: 7 });
    api.put('good', spec('tars', 'log'));
    await begin();
    expect([cache.size, skipped]).to.deep.equal([1, 1]);
    expect(said).to.deep.equal([
      'TServer shop/bad is left out, for it cannot be read; spec.server: Invalid value: 7: spec.server must be a string, and it is a number; ' +
        'where a string is meant, write it in quotes: "7"',
    ]);
    api.put('good', { app: 'tars' });
    await eventually('the removal', () => cache.size === 0);
    expect([skipped, server()]).to.deep.equal([2, undefined]);
  });

  it('uses v1beta2 where only that is served', async () => {
    api.served.clear();
    api.served.add(V2);
    api.put('tars-log', spec('tars', 'log'));
    await begin();
    expect(api.seen.map(({ kind, path }) => [kind, path])).to.deep.equal([
      ['list', V3],
      ['list', V2],
      ['watch', V2],
    ]);
    expect(server()).to.equal('tars-log');
  });

  it('is empty and synced without the CRD', async () => {
    api.served.clear();
    cache.start();
    await cache.synced();
    expect([cache.isSynced, cache.size]).to.deep.equal([true, 0]);
    expect(cache.lastEventAgeSeconds()).to.be.below(5);
    expect(cache.lastError).to.equal(undefined);
  });

  it('holds 5,000 TServers of 5 mounts in less than 2 KiB each (1.6 measured)', async () => {
    const mounts = ['data', 'log', 'conf', 'cache', 'tmp'].map((name) => ({
      name,
      mountPath: `/usr/local/app/tars/${name}`,
      source: { tLocalVolume: { uid: '1000', gid: '1000', mode: '755' } },
    }));
    const env = Array.from({ length: 20 }, (_, index) => ({
      name: `VARIABLE_${index}`,
      value: 'x'.repeat(50),
    }));
    const metadata = { managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }] };
    for (let index = 0; index < 5000; index++) {
      api.put(`tars-many${index}`, spec('tars', `many${index}`, { mounts, env }), metadata);
    }
    const before = await heapUsed();
    await begin();
    const each = ((await heapUsed()) - before) / 5000;
    expect(cache.size).to.equal(5000);

    expect(each).to.be.within(500, 2048);
  });

  describe('asked live', () => {
    const failure = async (deadlineMs?: number): Promise<Error & { cause?: Error }> => {
      const error: unknown = await cache
        .fetch('shop', 'tars-log', deadlineMs)
        .catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(TServerFetchError);
      return error as Error & { cause?: Error };
    };

    it('gets one TServer, as slim as the others, with one request', async () => {
      api.put('tars-log', spec('tars', 'log', { env: [] }));
      const found = await cache.fetch('shop', 'tars-log');
      expect(found?.spec.app).to.equal('tars');
      expect(found?.spec.k8s).not.to.have.property('env');
      expect(api.seen.map(({ path }) => path)).to.deep.equal([
        '/apis/k8s.tars.io/v1beta3/namespaces/shop/tservers/tars-log',
      ]);
    });

    it('gets none where there is none', async () => {
      expect(await cache.fetch('shop', 'tars-log')).to.equal(undefined);
      expect(api.count('get')).to.equal(1);
    });

    it('gets none where there is no CRD', async () => {
      api.served.clear();
      expect(await cache.fetch('shop', 'tars-log')).to.equal(undefined);
      expect(api.count('get')).to.equal(2);
    });

    it('asks v1beta2 where only that is served', async () => {
      api.served.clear();
      api.served.add(V2);
      api.put('tars-log', spec('tars', 'log'));
      expect((await cache.fetch('shop', 'tars-log'))?.spec.server).to.equal('log');
    });

    it('keeps to the path whatever the name', async () => {
      await cache.fetch('shop', '../../x?y');
      expect(api.seen[0]?.path).to.equal(
        '/apis/k8s.tars.io/v1beta3/namespaces/shop/tservers/..%2F..%2Fx%3Fy',
      );
    });

    it('gets none, and says so, where it cannot be read', async () => {
      api.put('tars-log', { app: 7 });
      expect(await cache.fetch('shop', 'tars-log')).to.equal(undefined);
      expect(skipped).to.equal(1);
    });

    it('fails when the answer takes too long', async () => {
      api.once('get', () => undefined);
      const error = await failure(30);
      expect(error.message).to.match(/^TServer shop\/tars-log: not done in \d+ ms$/);
      expect(error.cause?.name).to.equal('DeadlineError');
    });

    it('fails when the answer begins and does not end in time', async () => {
      api.once('get', (response) => void response.write('{"metadata"'));
      expect((await failure(100)).cause?.name).to.equal('DeadlineError');
    });

    it('fails when refused', async () => {
      api.once('get', refuse(403, 'tservers is forbidden'));
      const error = await failure();
      expect(error.message).to.equal('TServer shop/tars-log: 403 tservers is forbidden');
      expect(error.cause).to.include({ name: 'ApiStatusError', status: 403 });
    });

    it('fails when the connection breaks', async () => {
      api.once('get', (response) => void response.destroy());
      expect((await failure()).cause?.name).to.equal('ConnectionError');
    });

    it('uses a connection again, and asks once more when that has died meanwhile', async () => {
      const ports = new Set<number | undefined>();
      const missing = refuse(404, 'not found', { details: { name: 'tars-log', kind: 'tservers' } });
      for (let times = 0; times < 3; times++) {
        api.once('get', (response) => {
          ports.add(response.socket?.remotePort);
          missing(response);
        });
        expect(await cache.fetch('shop', 'tars-log')).to.equal(undefined);
      }
      expect(ports.size).to.equal(1);

      api.once('get', (response) => void response.destroy());
      expect(await cache.fetch('shop', 'tars-log')).to.equal(undefined);
      expect(api.count('get')).to.equal(5);
    });

    it('fails when nobody listens', async () => {
      const config = api.config();
      await api.stop();
      const alone = new TServerCache({ config });
      const error: unknown = await alone.fetch('shop', 'x').catch((thrown: unknown) => thrown);
      expect(error)
        .to.be.instanceOf(TServerFetchError)
        .with.property('message')
        .that.includes('ECONNREFUSED');
      api = await FakeApi.start();
    });
  });
});

/** What is in use after everything else was collected, also what other tests have left to be let go later. */
async function heapUsed(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let before = Infinity; ;) {
    collect();
    const { heapUsed: now } = process.memoryUsage();
    if (before - now < 100_000) return now;
    before = now;
    await pause(200);
  }
}
