import { expect } from 'chai';
import type { EndReason } from '../../src/cluster/faults.ts';
import { loadKubeConfig } from '../../src/cluster/kube-config.ts';
import type { Timings } from '../../src/cluster/timings.ts';
import { TServerCache } from '../../src/cluster/tserver-cache.ts';
import { ROOT } from '../offline/tlv.ts';
import { ControlPlane } from './control-plane.ts';
import { type Fault, FaultProxy } from './fault-proxy.ts';
import { TSERVERS } from './paths.ts';
import { waitFor } from './wait.ts';

const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tservers.k8s.tars.io';

/** As in production, but in seconds where that has minutes; a list never comes to the aid of a watch. */
const QUICK: Partial<Timings> = {
  relistMs: 600_000,
  watchMs: 2000,
  silenceMarginMs: 500,
  absentMs: 300,
  backoffBaseMs: 50,
  backoffCapMs: 500,
};

interface Stored {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly k8s?: { readonly mounts?: readonly { readonly name: string }[] } };
}

describe('the TServer cache on a real API server', function () {
  this.timeout(300_000);
  let plane: ControlPlane;
  let proxy: FaultProxy;
  let cache: TServerCache;
  let smallest: number;
  const ended = new Map<EndReason, number>();
  const failures: string[] = [];

  before(async () => {
    plane = await ControlPlane.start();
    proxy = await FaultProxy.start(plane);
    cache = new TServerCache({
      config: loadKubeConfig(proxy.kubeconfig()),
      timings: QUICK,
      observer: {
        watchEnded: (reason) => void ended.set(reason, (ended.get(reason) ?? 0) + 1),
        failed: (reason) => void failures.push(reason),
        sized: (objects) => (smallest = Math.min(smallest, objects)),
      },
    });
    cache.start();
    await cache.synced();
  });
  after(async () => {
    await cache?.stop();
    await proxy?.stop();
    await plane?.stop();
  });

  const manifest = (name: string, ...mounts: string[]) => ({
    apiVersion: 'k8s.tars.io/v1beta3',
    kind: 'TServer',
    metadata: { name: `tars-${name}` },
    spec: {
      app: 'tars',
      server: name,
      subType: 'tars',
      k8s: {
        mounts: mounts.map((mount) => ({
          name: mount,
          mountPath: `/${mount}`,
          source: { tLocalVolume: {} },
        })),
      },
    },
  });
  const expectStatus = async (wanted: number, ...request: Parameters<ControlPlane['api']>) => {
    const { status, body } = await plane.api(...request);
    expect(status, JSON.stringify(body)).to.equal(wanted);
  };
  const create = (name: string, ...mounts: string[]) =>
    expectStatus(201, 'POST', TSERVERS, manifest(name, ...mounts));
  const change = (name: string, ...mounts: string[]) => {
    const { spec } = manifest(name, ...mounts);
    return expectStatus(200, 'PATCH', `${TSERVERS}/tars-${name}`, { spec }, 'application/merge-patch+json');
  };
  const remove = (name: string) => expectStatus(200, 'DELETE', `${TSERVERS}/tars-${name}`);

  /** Waits until the cache holds exactly what kubectl shows, mounts included. */
  async function converges(): Promise<void> {
    const { code, stdout, stderr } = await plane.kubectl(['get', 'tservers', '-A', '-o', 'json']);
    expect(code, stderr).to.equal(0);
    const { items } = JSON.parse(stdout) as { items: Stored[] };
    const shown = items.map(({ metadata, spec }) => [metadata.name, spec.k8s?.mounts]);
    await waitFor(`the cache to hold ${items.length} TServers as they are`, () => {
      const held = items.map(({ metadata: { name } }) => [
        name,
        cache.named('default', name)?.spec.k8s?.mounts,
      ]);
      return cache.size === items.length && JSON.stringify(held) === JSON.stringify(shown);
    });
  }

  it('is synced and empty without the CRD, and picks it up when it is installed', async () => {
    expect([cache.isSynced, cache.size]).to.deep.equal([true, 0]);
    expect(await cache.fetch('default', 'tars-log')).to.equal(undefined);
    const applied = await plane.kubectl(['apply', '-f', `${ROOT}deploy/crd`]);
    expect(applied.code, applied.stderr).to.equal(0);
    await waitFor('the resource', async () => (await plane.api('GET', TSERVERS)).status === 200);
    await create('log', 'data');
    await converges();
    expect(failures).to.deep.equal([]);
  });

  it('follows create, update and delete', async () => {
    await create('config', 'data');
    await change('log', 'data', 'backup');
    await converges();
    expect(cache.serving('default', 'tars', 'log')?.spec.k8s?.mounts).to.have.length(2);
    await remove('config');
    await converges();
    expect(cache.serving('default', 'tars', 'config')).to.equal(undefined);
  });

  it('gets one live before the watch may have told it', async () => {
    await create('live', 'data');
    expect((await cache.fetch('default', 'tars-live'))?.spec.server).to.equal('live');
    expect(await cache.fetch('default', 'tars-nobody')).to.equal(undefined);
    await remove('live');
  });

  it('goes on where a watch ends in good order', async () => {
    const before = ended.get('closed') ?? 0;
    await waitFor('the end of a watch', () => (ended.get('closed') ?? 0) > before);
    await change('log', 'data', 'after');
    await converges();
  });

  const FAULTS: readonly (readonly [Fault, EndReason, string])[] = [
    ['drop', 'broken', 'connections are dropped'],
    ['delay', 'closed', 'everything is late'],
    ['half-line', 'malformed', 'a line is cut in half'],
    ['expire', 'expired', 'the stream says 410'],
    ['throttle', 'throttled', 'the server answers 429 with Retry-After'],
    ['silence', 'silent', 'nothing comes through any more'],
  ];
  for (const [fault, reason, what] of FAULTS) {
    it(`converges, and says why a watch ended, when ${what}`, async () => {
      await create('goes', 'data');
      await create('changes', 'data');
      await converges();
      const before = ended.get(reason) ?? 0;
      smallest = Infinity;
      proxy.fault = fault;
      await remove('goes');
      await change('changes', 'data', fault);
      await create('comes', fault);
      await waitFor(`a watch that ended ${reason}`, () => (ended.get(reason) ?? 0) > before);
      // Late is not lost: it has to converge as it is.
      if (fault !== 'delay') proxy.fault = 'none';
      await converges();
      proxy.fault = 'none';
      expect(smallest).to.be.at.least(2);
      await remove('changes');
      await remove('comes');
      await converges();
      expect(cache.lastEventAgeSeconds()).to.be.below(10);
    });
  }

  it('converges when etcd is killed and started again', async () => {
    await plane.kill('etcd');
    await plane.restart('etcd');
    await waitFor('the API server', async () => (await plane.api('GET', TSERVERS)).status === 200);
    await change('log', 'data', 'after-etcd');
    await converges();
  });

  it('converges when API server and etcd are killed and started again, and is never empty meanwhile', async () => {
    smallest = Infinity;
    const before = ended.get('broken') ?? 0;
    await plane.kill('kube-apiserver');
    await plane.kill('etcd');
    await waitFor('a broken watch', () => (ended.get('broken') ?? 0) > before);
    expect([cache.isSynced, cache.size]).to.deep.equal([true, 1]);
    expect(cache.lastError).to.be.an('error');
    await plane.restart('etcd');
    await plane.restart('kube-apiserver');
    await waitFor('the API server', async () => (await plane.api('GET', TSERVERS)).status === 200);
    await change('log', 'data', 'after-both');
    await converges();
    expect(smallest).to.equal(1);
    expect(cache.lastError).to.equal(undefined);
  });

  it('is empty when the CRD is removed, and filled when it is back', async () => {
    await expectStatus(200, 'DELETE', CRD);
    await waitFor('the cache to be empty', () => cache.size === 0);
    await waitFor('the CRD to be gone', async () => (await plane.api('GET', CRD)).status === 404);
    const applied = await plane.kubectl(['apply', '-f', `${ROOT}deploy/crd`]);
    expect(applied.code, applied.stderr).to.equal(0);
    await waitFor('the resource', async () => (await plane.api('GET', TSERVERS)).status === 200);
    await create('log', 'data');
    await converges();
  });

  it('lists more than one page of the real server', async () => {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < 500; index = next++) await create(`many${index}`, 'data');
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    await waitFor('all of them to be watched', () => cache.size === 501);

    const fresh = new TServerCache({ config: loadKubeConfig(proxy.kubeconfig()) });
    fresh.start();
    await fresh.synced();
    expect(fresh.size).to.equal(501);
    await fresh.stop();
  });
});
