import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { ROOT } from '../offline/tlv.ts';
import { claim, tserver } from '../unit/builders.ts';
import { lease, volume } from './agent-policies-objects.ts';
import { ApiClient, type KubeObject } from './api.ts';
import { CHART, Helm, idOf, objectsIn, valueFlags } from './chart-helm.ts';
import { Component } from './component.ts';
import { ControlPlane, EVERYTHING } from './control-plane.ts';
import { VOLUMES } from './paths.ts';
import { waitFor } from './wait.ts';

/** The life of a release, in a namespace that is not the usual one: installed, upgraded, removed, and what outlives it. */

const NAMESPACE = 'storage';
const RELEASE = 'tlv';
const WEBHOOK = `system:serviceaccount:${NAMESPACE}:t-local-volume-webhook`;
const CONFIGURATIONS = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'] as const;
const NODES = ['node-1', 'node-2'];
/** How Helm sends objects: as the API server merges them, which is its own way, or as it did before version 4. */
const WAYS = ['--server-side=true', '--server-side=false'];

interface Deployment {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
}

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: FieldRef }[];
}

interface FieldRef {
  readonly fieldRef: { readonly fieldPath: string };
}

interface AuditEvent {
  readonly userAgent: string;
  readonly objectRef: { readonly resource: string; readonly name: string };
  readonly responseStatus: { readonly code: number };
}

describe('a release of the chart', function () {
  this.timeout(300_000);
  this.slow(5000);
  let plane: ControlPlane;
  let helm: Helm;
  let folder: string;
  let auditLog: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tlv-chart-'));
    auditLog = join(folder, 'audit.log');
    plane = await ControlPlane.start({
      components: EVERYTHING,
      identities: [{ name: WEBHOOK }],
      apiserverFlags: [`--audit-policy-file=${auditPolicy()}`, `--audit-log-path=${auditLog}`],
    });
    helm = await Helm.of(plane);
    await plane.addNodes(NODES);
    await kubectl('apply', '-f', `${CHART}/crd`);
    const tservers = '/apis/k8s.tars.io/v1beta3/tservers';
    await waitFor('TServers to be served', async () => (await plane.api('GET', tservers)).status === 200);
    await apply(KEPT);
    await kubectl('wait', '--for=jsonpath={.status.phase}=Bound', 'pvc/kept', '--timeout=120s');
  });
  after(async () => {
    await plane?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Every deletion that is done. */
  function auditPolicy(): string {
    const file = join(folder, 'audit-policy.yaml');
    const rules = [{ level: 'Metadata', verbs: ['delete', 'deletecollection'] }, { level: 'None' }];
    const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules };
    writeFileSync(file, stringify(policy));
    return file;
  }

  async function kubectl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await plane.kubectl(args);
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  async function apply(objects: readonly object[]): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const { code, stderr } = await plane.kubectl(['apply', '-f', '-'], { input });
    expect(code, stderr).to.equal(0);
  }

  const install = (release: string, namespace: string, ...flags: readonly string[]) =>
    helm.try('install', release, CHART, `--namespace=${namespace}`, '--create-namespace', ...flags);
  const upgrade = (values: Readonly<Record<string, unknown>>, ...flags: readonly string[]) =>
    helm.try('upgrade', RELEASE, CHART, `--namespace=${NAMESPACE}`, ...valueFlags(values), ...flags);

  async function succeeds(run: ReturnType<Helm['try']>): Promise<string> {
    const { code, stdout, stderr } = await run;
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  /** What the release consists of, as it is stored. */
  async function stored(): Promise<KubeObject[]> {
    const manifest = await helm.run('get', 'manifest', RELEASE, `--namespace=${NAMESPACE}`);
    const input = objectsIn(manifest)
      .map((object) => stringify(object))
      .join('---\n');
    const { code, stdout, stderr } = await plane.kubectl(['get', '-f', '-', '-o', 'json'], { input });
    expect(code, stderr).to.equal(0);
    return (JSON.parse(stdout) as { items: KubeObject[] }).items;
  }

  /** What somebody wants of each object, whatever controllers say of it: of those that have no status, all of it. */
  async function generations(): Promise<Record<string, string>> {
    return Object.fromEntries(
      (await stored()).map((each) => {
        const { generation, resourceVersion } = each.metadata as {
          generation?: number;
          resourceVersion: string;
        };
        return [idOf(each), each.status ? String(generation) : resourceVersion];
      }),
    );
  }

  /** Once the controllers have said all that they have to say. */
  async function settled(): Promise<KubeObject[]> {
    let before = '';
    const atRest = async () => {
      const objects = await stored();
      const now = JSON.stringify(versionsOf(objects));
      const isSame = now === before;
      before = now;
      return isSame && objects.every(isObserved) && objects;
    };
    // The controller-manager checks the types of every policy, which takes a busy machine its time.
    return waitFor('the controllers to come to rest', atRest, { timeoutMs: 150_000 });
  }

  async function keptVersions(): Promise<string> {
    const names = KEPT.map(({ kind, metadata: { name } }) => `${kind}/${name}`);
    const path =
      '{range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.resourceVersion}{"\\n"}{end}';
    return kubectl('get', ...names, 'crd/tservers.k8s.tars.io', '-o', `jsonpath=${path}`);
  }

  async function bundles(): Promise<string[]> {
    const path = 'jsonpath={.webhooks[*].clientConfig.caBundle}';
    const found = await Promise.all(
      CONFIGURATIONS.map((kind) => kubectl('get', kind, 't-local-volume', '-o', path)),
    );
    return found.flatMap((text) => text.split(' '));
  }

  const secretData = () =>
    kubectl('-n', NAMESPACE, 'get', 'secret', 't-local-volume-webhook-certs', '-o', 'jsonpath={.data}');

  it('is installed where nobody has prepared anything, and says what to do next', async () => {
    const notes = await succeeds(install(RELEASE, NAMESPACE, '--wait', '--timeout=120s'));
    const commands = notes.match(/^ {2}kubectl .*$/gm)!.map((line) => line.trim().split(' ').slice(1));
    expect(commands.map(([first, second]) => (first === '-n' ? second : first))).to.deep.equal([
      'label',
      NAMESPACE,
      NAMESPACE,
    ]);
    for (const command of commands) await kubectl(...command);
    const { body } = await plane.api('GET', `/api/v1/namespaces/${NAMESPACE}`);
    expect(body.metadata!.labels).to.include({ 'pod-security.kubernetes.io/enforce': 'privileged' });
    const pods = await kubectl('-n', NAMESPACE, 'get', 'pods', '-o', 'jsonpath={.items[*].status.phase}');
    // Two replicas of the webhook, and an agent on each node.
    expect(pods.split(' ')).to.deep.equal(['Running', 'Running', 'Running', 'Running']);
  });

  it('lets its webhook keep its certificates, with the rights and the settings that its pods have', async () => {
    const { body } = await plane.api<Deployment>(
      'GET',
      `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/t-local-volume-webhook`,
    );
    const { args, env } = body.spec.template.spec.containers.find(({ name }) => name === 'webhook')!;
    const webhook = new Component({
      name: 'webhook',
      directory: plane.directory,
      file: 'env',
      args: [
        ...env.map(({ name, value, valueFrom }) => `${name}=${value ?? fieldOf(valueFrom!)}`),
        `${ROOT}bin/tlv`,
        ...args,
        // Last, so that they win: there are no pods here.
        '--port=0',
        '--metrics-port=0',
        '--bind-address=127.0.0.1',
        `--kubeconfig=${plane.kubeconfig(WEBHOOK)}`,
      ],
      ready: async () => (await bundles()).every((bundle) => bundle !== ''),
    });
    await webhook.start();
    await webhook.kill();
    const all = await bundles();
    expect(all).to.have.length(14);
    expect(new Set(all).size).to.equal(1);
    expect(Object.keys(JSON.parse(await secretData()) as object)).to.include.members(['tls.crt', 'tls.key']);
    const names = Buffer.from(
      (JSON.parse(await secretData()) as Record<string, string>)['tls.crt']!,
      'base64',
    ).toString();
    expect(names).to.contain('BEGIN CERTIFICATE');
  });

  const fieldOf = ({ fieldRef }: FieldRef): string => {
    expect(fieldRef.fieldPath).to.equal('metadata.namespace');
    return NAMESPACE;
  };

  for (const way of WAYS) {
    it(`changes nothing where nothing has changed, with ${way}`, async () => {
      const before = await settled();
      await succeeds(upgrade({}, way));
      const after = await stored();
      expect(after.map(withoutBookkeeping)).to.deep.equal(before.map(withoutBookkeeping));
      // By then the API server has put Helm's entry behind that of a policy's controller, and writes nothing at all.
      await succeeds(upgrade({}, way));
      expect(versionsOf(await stored())).to.deep.equal(versionsOf(after));
    });
  }

  for (const way of WAYS) {
    it(`keeps caBundle and certificates when something has changed, with ${way}`, async () => {
      const kept = [await bundles(), await secretData()];
      const before = await generations();
      const resources = { limits: { memory: way === WAYS[0] ? '300Mi' : '301Mi' } };
      await succeeds(upgrade({ 'sweeper.resources': resources, excludedNamespaces: [way.slice(-4)] }, way));
      expect([await bundles(), await secretData()]).to.deep.equal(kept);
      const after = await generations();
      const changed = Object.keys(after).filter((id) => after[id] !== before[id]);
      expect(changed.map((id) => id.split(' ')[0]!).sort()).to.deep.equal([
        'Deployment/t-local-volume-webhook',
        'MutatingWebhookConfiguration/t-local-volume',
        'ValidatingAdmissionPolicy/t-local-volume-claims',
        'ValidatingAdmissionPolicy/t-local-volume-statefulsets',
        'ValidatingAdmissionPolicy/t-local-volume-tservers',
        'ValidatingWebhookConfiguration/t-local-volume',
      ]);
    });
  }

  it('holds its agents to their own node, whatever its namespace is called', async () => {
    const pods = `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app.kubernetes.io/component=agent`;
    const { body } = await plane.api<{ items: { metadata: { name: string }; spec: { nodeName: string } }[] }>(
      'GET',
      pods,
    );
    const pod = body.items.find(({ spec }) => spec.nodeName === 'node-1')!.metadata.name;
    const bound = ['--bound-object-kind=Pod', `--bound-object-name=${pod}`];
    const token = await kubectl('-n', NAMESPACE, 'create', 'token', 't-local-volume-agent', ...bound);
    const agent = new ApiClient({ url: plane.url, ca: plane.tls.ca, token: token.trim() });
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
    try {
      for (const [path, own, foreign] of [
        [VOLUMES, volume('own', 'node-1'), volume('foreign', 'node-2')],
        [leases, lease('t-local-volume-agent-node-1'), lease('t-local-volume-agent-node-2')],
      ] as const) {
        const refused = await agent.request('POST', `${path}?dryRun=All`, foreign);
        expect(refused.status, JSON.stringify(refused.body)).to.equal(403);
        expect(refused.body['message']).to.contain('ValidatingAdmissionPolicy');
        const accepted = await agent.request('POST', `${path}?dryRun=All`, own);
        expect(accepted.status, JSON.stringify(accepted.body)).to.equal(201);
      }
    } finally {
      agent.close();
    }
  });

  for (const [release, namespace] of [
    ['another', NAMESPACE],
    [RELEASE, 'elsewhere'],
  ] as const) {
    it(`is the only one: ${release} in ${namespace} is refused before anything is made`, async () => {
      const before = await generations();
      const { code, stderr } = await install(release, namespace);
      expect(code).to.equal(1);
      expect(stderr).to.match(
        /"t-[-a-z]+" in namespace "[^"]*" exists and cannot be imported into the current release/,
      );
      expect(await generations()).to.deep.equal(before);
      expect((await plane.api('GET', '/api/v1/namespaces/elsewhere')).status).to.equal(404);
    });
  }

  describe('of another provisioning', () => {
    const perNode = { provisioning: 'per-node' };

    it('is refused while the class stands, before anything is changed', async () => {
      const before = await generations();
      for (const [values, why] of [
        [
          perNode,
          'provisioner is "local.tars.io", and provisioning: per-node needs "kubernetes.io/no-provisioner"',
        ],
        [
          { 'storageClass.reclaimPolicy': 'Retain' },
          'reclaimPolicy is "Delete", and storageClass.reclaimPolicy is "Retain"',
        ],
      ] as const) {
        const { code, stderr } = await upgrade(values);
        expect(code).to.equal(1);
        expect(stderr).to.contain(
          `StorageClass t-storage-class: ${why}; no class can be changed, so delete it`,
        );
      }
      expect(await generations()).to.deep.equal(before);
    });

    it('takes over once the class is deleted, and claims do not mind', async () => {
      const before = await keptVersions();
      await kubectl('delete', 'storageclass', 't-storage-class');
      await succeeds(upgrade(perNode));
      const provisioner = await kubectl(
        'get',
        'storageclass',
        't-storage-class',
        '-o',
        'jsonpath={.provisioner}',
      );
      expect(provisioner).to.equal('kubernetes.io/no-provisioner');
      expect((await plane.api('GET', '/apis/storage.k8s.io/v1/csidrivers/local.tars.io')).status).to.equal(
        404,
      );
      expect(await keptVersions()).to.equal(before);
    });
  });

  describe('removed', () => {
    it('goes configurations first, then what answers for them, and leaves alone what it has not brought', async () => {
      const [before, objects] = [await keptVersions(), await stored()];
      const own = {
        ...lease('t-local-volume-agent-node-1'),
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
      };
      await apply([{ ...own, metadata: { ...own.metadata, namespace: NAMESPACE } }]);
      const earlier = deletions().length;
      await helm.run('uninstall', RELEASE, `--namespace=${NAMESPACE}`, '--wait', '--timeout=120s');

      const deleted = deletions().slice(earlier);
      const first = (resource: string) => deleted.findIndex((each) => each.startsWith(`${resource} `));
      const last = (resource: string) => deleted.findLastIndex((each) => each.startsWith(`${resource} `));
      for (const configuration of CONFIGURATIONS) {
        expect(first(configuration)).to.be.within(0, 1);
        expect(last(configuration)).to.be.lessThan(first('services'));
      }
      expect(first('services')).to.be.lessThan(first('deployments'));
      // As long as there are agents, something holds them to their nodes.
      expect(first('daemonsets')).to.be.lessThan(first('validatingadmissionpolicybindings'));
      expect(first('clusterroles')).to.be.lessThan(first('validatingadmissionpolicybindings'));

      // Nothing but what it had brought, and all of it.
      const names = deleted.map((each) => each.split(' ')[1]!);
      expect(names).to.have.members(objects.map(({ metadata }) => metadata!.name!));
      expect(await keptVersions()).to.equal(before);
      await kubectl('-n', NAMESPACE, 'get', 'lease', 't-local-volume-agent-node-1');
    });

    it('makes room for the next one, in another namespace', async () => {
      await succeeds(install('next', 'elsewhere'));
      await helm.run('uninstall', 'next', '--namespace=elsewhere', '--wait', '--timeout=120s');
    });
  });

  describe('by the commands of the documentation', () => {
    const [create, label, first, takeOver] = commandsOf(
      'docs/install.md',
      /^(?:helm|kubectl .* namespace) .*$/gm,
    );
    const [uninstall] = commandsOf('docs/uninstall.md', /^ *helm .*$/gm);

    it('takes over what kustomize has installed, caBundle and certificates included', async () => {
      await kubectl('apply', '-k', `${ROOT}deploy/overlays/on-demand`);
      // Of pods that are still to come, nobody could tell whether they are new.
      for (const workload of ['daemonset/t-local-volume-agent', 'deployment/t-local-volume-webhook']) {
        await kubectl('rollout', 'status', workload, '--namespace=t-local-volume-system', '--timeout=120s');
      }
      const bundle = [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: 'Zm9v' }];
      for (const kind of CONFIGURATIONS) {
        await kubectl('patch', kind, 't-local-volume', '--type=json', '-p', JSON.stringify(bundle));
      }
      const secret = ['secret', 't-local-volume-webhook-certs', '--namespace=t-local-volume-system'];
      await kubectl('patch', ...secret, '-p', JSON.stringify({ data: { 'tls.crt': 'eA==' } }));
      const pods = ['get', 'pods', '--namespace=t-local-volume-system', '-o', 'name'];
      const before = await kubectl(...pods);
      expect(before).to.not.equal('');
      await helm.run(...takeOver!);
      expect((await bundles()).filter((each) => each !== '')).to.deep.equal(['Zm9v', 'Zm9v']);
      expect(await kubectl('get', ...secret, '-o', 'jsonpath={.data}')).to.equal('{"tls.crt":"eA=="}');
      // Not one was made anew.
      expect(await kubectl(...pods)).to.equal(before);
    });

    it('is removed, and installed in a namespace of its own', async () => {
      await helm.run(...uninstall!);
      await kubectl('delete', 'namespace', 't-local-volume-system');
      await kubectl(...create!);
      await kubectl(...label!);
      const notes = await helm.run(...first!);
      expect(notes).to.contain('rollout status').and.not.contain('kubectl label');
    });
  });

  /** `resource name` of what Helm has deleted, in order, but for its own Secrets. */
  function deletions(): string[] {
    const events = readFileSync(auditLog, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AuditEvent);
    return events
      .filter(({ userAgent, responseStatus }) => userAgent.startsWith('Helm/') && responseStatus.code === 200)
      .map(({ objectRef: { resource, name } }) => `${resource} ${name}`)
      .filter((each) => !each.startsWith('secrets sh.helm.release.'));
  }
});

/** The words after the program, with paths of the repository. */
function commandsOf(page: string, pattern: RegExp): string[][] {
  const lines = readFileSync(`${ROOT}${page}`, 'utf8').match(pattern) ?? [];
  return lines.map((line) =>
    line
      .trim()
      .split(' ')
      .slice(1)
      .map((word) => (word.startsWith('deploy/') ? `${ROOT}${word}` : word)),
  );
}

const versionsOf = (objects: readonly KubeObject[]) =>
  Object.fromEntries(objects.map((each) => [idOf(each), each.metadata!.resourceVersion]));

function withoutBookkeeping({ metadata, ...object }: KubeObject): KubeObject {
  const { resourceVersion: _version, managedFields: _fields, ...kept } = metadata!;
  return { ...object, metadata: kept };
}

/** Its controller has seen it, where it has one that says so. */
function isObserved({ kind, metadata, status }: KubeObject): boolean {
  const OBSERVED = ['Deployment', 'DaemonSet', 'PodDisruptionBudget', 'ValidatingAdmissionPolicy'];
  const seen = (status as { observedGeneration?: number } | undefined)?.observedGeneration;
  return !OBSERVED.includes(kind!) || seen === metadata!['generation'];
}

/** What stands before the product comes, and has to stand after it. */
const KEPT = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kept' } },
  {
    ...volume('kept', 'node-1', { claim: { namespace: 'default', name: 'kept', uid: '' } }),
    apiVersion: 'v1',
    kind: 'PersistentVolume',
  },
  {
    ...claim('kept', { storageClassName: 't-storage-class', volumeName: 'kept' }),
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
  },
  { ...tserver(), metadata: { name: 'tars-tarslog' } },
].map((object) => object as KubeObject & { kind: string; metadata: { name: string } });
