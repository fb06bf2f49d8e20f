import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import { CONTROL_PLANE, ensureBinaries, pinnedVersion } from './binaries.ts';
import { ComponentError } from './component.ts';
import { ControlPlane, EVERYTHING } from './control-plane.ts';
import { PODS, STATEFUL_SETS, STORAGE_CLASSES } from './paths.ts';
import { waitFor } from './wait.ts';

const BUILD_TIMEOUT_MS = 30 * 60_000;

interface Pod {
  metadata: { name: string };
  spec: { nodeName?: string };
  status: {
    phase: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

describe('control plane', function () {
  this.timeout(300_000);
  let plane: ControlPlane;

  before('build the binaries', async function () {
    this.timeout(BUILD_TIMEOUT_MS);
    await ensureBinaries(CONTROL_PLANE);
  });

  before('start everything', async () => {
    plane = await ControlPlane.start({
      components: EVERYTHING,
      identities: [{ name: 'somebody', groups: ['readers'] }],
    });
    await plane.addNodes(['node-1', 'node-2']);
  });

  after('stop', async () => {
    await plane?.stop();
  });

  it('tells the version that was built', async function () {
    if (process.env['KUBEBUILDER_ASSETS']) this.skip();
    const { body } = await plane.api('GET', '/version');
    const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(pinnedVersion()) ?? [];
    expect(body).to.include({ gitVersion: pinnedVersion(), major, minor });
    const { stdout } = await plane.kubectl(['version', '--client', '--output=json']);
    expect(JSON.parse(stdout)).to.have.nested.property('clientVersion.gitVersion', pinnedVersion());
  });

  it('has nodes that are Ready and keep their leases', async () => {
    const { stdout } = await plane.kubectl(['get', 'nodes', '--no-headers']);
    expect(stdout).to.match(/^node-1 +Ready .*\nnode-2 +Ready .*\n$/);
    await waitFor('the leases', async () => {
      const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
      const { body } = await plane.api<{ items: { metadata: { name: string } }[] }>('GET', leases);
      return body.items.length === 2;
    });
  });

  it('runs the pods of a StatefulSet, and keeps those waiting whose claims nobody fulfils', async () => {
    await create(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'nobody' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    await create(STATEFUL_SETS, statefulSet('plain'));
    await create(STATEFUL_SETS, statefulSet('claiming', 'nobody'));

    await running('plain-0', 'plain-1');
    const { status, spec } = await pod('claiming-0', ({ status: { conditions = [] } }) =>
      conditions.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable'),
    );
    expect(status.phase).to.equal('Pending');
    expect(status.conditions?.[0]?.message).to.contain("didn't find available persistent volumes to bind");
    expect(spec.nodeName).to.equal(undefined);
    // Its pods come one after the other.
    expect((await plane.api('GET', `${PODS}/claiming-1`)).status).to.equal(404);
  });

  it('completes the pods of a Job and lets pods go that are deleted', async () => {
    const container = { name: 'main', image: 'example/none' };
    await create('/apis/batch/v1/namespaces/default/jobs', {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'once' },
      spec: { template: { spec: { containers: [container], restartPolicy: 'Never' } } },
    });
    const waited = await plane.kubectl(['wait', '--for=condition=Complete', 'job/once', '--timeout=120s']);
    expect(waited).to.deep.include({ code: 0, stderr: '' });
    const deleted = await plane.kubectl([
      'delete',
      'job/once',
      '--wait',
      '--cascade=foreground',
      '--timeout=120s',
    ]);
    expect(deleted).to.deep.include({ code: 0, stderr: '' });
  });

  it('lets an identity do what RBAC allows it, and no more', async () => {
    const refused = await plane.kubectl(['get', 'pods'], { identity: 'somebody' });
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.contain('Forbidden').and.contain('User "somebody" cannot list resource "pods"');

    const binding = ['create', 'clusterrolebinding', 'readers', '--clusterrole=view', '--group=readers'];
    expect(await plane.kubectl(binding)).to.include({ code: 0 });
    await waitFor('the binding to take effect', async () => {
      const { status } = await plane.api('GET', PODS, undefined, undefined, 'somebody');
      return status === 200;
    });
    const { status } = await plane.api('POST', PODS, {}, undefined, 'somebody');
    expect(status).to.equal(403);
    expect(() => plane.kubeconfig('nobody')).to.throw('unknown identity nobody');
  });

  it('calls admission webhooks on 127.0.0.1', async () => {
    const webhook = await refusingWebhook(plane.tls);
    const clientConfig = {
      url: `https://127.0.0.1:${(webhook.address() as AddressInfo).port}/validate`,
      caBundle: plane.tls.caBundle,
    };
    const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
    await create(configurations, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'refuse' },
      webhooks: [
        {
          name: 'refuse.example.com',
          clientConfig,
          rules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
          ],
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    });
    try {
      const refusal = await waitFor('a refusal', async () => {
        const { code, stderr } = await plane.kubectl(['create', 'configmap', 'x', '--dry-run=server']);
        return code === 1 && stderr;
      });
      expect(refusal).to.contain('denied the request: not today').and.contain('Warning: mind the step');
    } finally {
      await plane.api('DELETE', `${configurations}/refuse`);
      webhook.close();
    }
  });

  it('goes on where it was when the API server was killed and started again', async () => {
    const before = plane.pid('kube-apiserver');
    await plane.kill('kube-apiserver');
    expect(plane.pid('kube-apiserver')).to.equal(undefined);
    const failure = await plane.api('GET', '/readyz').catch((error: unknown) => error);
    expect(failure).to.have.property('code', 'ECONNREFUSED');

    await plane.restart('kube-apiserver');
    expect(plane.pid('kube-apiserver')).to.be.a('number').and.not.equal(before);
    expect(await plane.kubectl(['scale', 'statefulset/plain', '--replicas=3'])).to.include({ code: 0 });
    await running('plain-0', 'plain-1', 'plain-2');
  });

  it('says why a component did not start, and leaves nothing behind', async () => {
    const { TMPDIR } = process.env;
    const directory = mkdtempSync(join(tmpdir(), 'failed-start-'));
    process.env['TMPDIR'] = directory;
    try {
      const failure = await ControlPlane.start({ apiserverFlags: ['--such-a-flag'] }).catch(
        (error: unknown) => error,
      );
      expect(failure).to.be.instanceOf(ComponentError).and.have.property('component', 'kube-apiserver');
      expect(failure)
        .to.have.property('message')
        .that.matches(
          /^kube-apiserver: did not start: ended with exit code 1\n(  \| .*\n)*.*unknown flag: --such-a-flag/,
        );
      expect(readdirSync(directory)).to.deep.equal([]);
      await waitFor('its processes to end', () => processesOf(directory).length === 0);
    } finally {
      if (TMPDIR === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = TMPDIR;
      rmSync(directory, { recursive: true });
    }
  });

  it('leaves nothing behind when its test process is killed', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'abandoned.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const { directory, pids } = JSON.parse(line) as { directory: string; pids: number[] };
    expect(pids).to.have.length(5);
    expect(processesOf(directory)).to.include.members(pids);

    child.kill('SIGKILL');
    await ended;
    await waitFor('its processes to end', () => processesOf(directory).length === 0);
    await waitFor('its directory to go', () => !existsSync(directory));
  });

  async function create(path: string, object: unknown): Promise<void> {
    const { status, body } = await plane.api('POST', path, object);
    expect(status, JSON.stringify(body)).to.equal(201);
  }

  async function pod(name: string, isSo: (found: Pod) => boolean): Promise<Pod> {
    const there = async () => {
      const { status, body } = await plane.api<Pod>('GET', `${PODS}/${name}`);
      return status === 200 && isSo(body) && body;
    };
    // After a restart of the API server, controllers may wait a minute before they ask it again.
    return waitFor(`pod ${name}`, there, { timeoutMs: 120_000 });
  }

  async function running(...names: string[]): Promise<void> {
    for (const name of names) await pod(name, ({ status }) => status.phase === 'Running');
  }
});

/** Two replicas; with a class, each has a claim of it. */
function statefulSet(name: string, storageClassName?: string): unknown {
  const claim = {
    metadata: { name: 'data' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName,
      resources: { requests: { storage: '1G' } },
    },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      replicas: 2,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name, image: 'example/none' }] },
      },
      volumeClaimTemplates: storageClassName === undefined ? [] : [claim],
    },
  };
}

/** Serves on a port of its own choice and says no to everything. */
async function refusingWebhook(tls: { cert: string; key: string }): Promise<Server> {
  const server = createServer(tls, (request, response) => void refuse(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function refuse(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { uid } = ((await json(request)) as { request: { uid: string } }).request;
  const refusal = { uid, allowed: false, status: { message: 'not today' }, warnings: ['mind the step'] };
  const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: refusal };
  response.setHeader('content-type', 'application/json').end(JSON.stringify(review));
}

/** Every process that was started with this directory among its arguments, watchers included. */
function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => commandLine(pid).includes(directory))
    .map(Number);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It ended meanwhile.
    return '';
  }
}
