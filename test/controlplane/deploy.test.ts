import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import jsonPatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { agentPolicyObjects, type Hostnames } from '../../scripts/generate/agent-policies.ts';
import { bindingPolicyObject } from '../../scripts/generate/binding-policy.ts';
import { PER_NODE, policyObjects, POSIX, SUBJECT_NAMES } from '../../scripts/generate/policies.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/tars/settings.ts';
import { BACKEND_CLASSES } from '../../src/tars/vocabulary.ts';
import { ROOT } from '../offline/tlv.ts';
import { claim, create, LABELS, statefulSet, tserver } from '../unit/builders.ts';
import type { KubeObject } from './api.ts';
import { CERT_MANAGER } from './chart-cert-manager.ts';
import { ControlPlane } from './control-plane.ts';
import { crdsEstablished } from './crds.ts';
import { CLAIMS, STATEFUL_SETS, TSERVERS } from './paths.ts';
import { freePorts } from './ports.ts';
import { waitFor } from './wait.ts';

/** What `kubectl apply -k deploy/overlays/…` gives a cluster, and what the cluster does while no webhook answers. */

const OVERLAYS = [
  'on-demand',
  'per-node',
  'cert-manager',
  'posix',
  'relaxed-hostname',
  'opted-in-only',
  'backends',
] as const;
type Overlay = (typeof OVERLAYS)[number];
const SYSTEM = 't-local-volume-system';
const CONFIGURATIONS = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'] as const;

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
  readonly resourceNames?: string[];
}

/** As much of an AdmissionReview as is needed to answer it. */
interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: {
    readonly uid: string;
    readonly operation: string;
    readonly resource: { readonly resource: string };
  };
}

describe('deploy', function () {
  this.timeout(300_000);
  this.slow(2000);
  let plane: ControlPlane;
  const manifests = new Map<string, string>();

  before(async () => {
    plane = await ControlPlane.start();
    await apply(CERT_MANAGER.map((object) => stringify(object)).join('---\n'));
    await kubectl(['apply', '-f', `${ROOT}deploy/crd`]);
    await crdsEstablished(plane);
    // A dry run makes no namespace for what comes after it.
    await kubectl(['apply', '-f', `${ROOT}deploy/base/namespace.yaml`]);
    for (const overlay of OVERLAYS) {
      manifests.set(overlay, await kubectl(['kustomize', `${ROOT}deploy/overlays/${overlay}`]));
    }
  });
  after(async () => plane?.stop());

  async function kubectl(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await plane.kubectl(args, input === undefined ? {} : { input });
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  const apply = (text: string, ...more: string[]) => kubectl(['apply', '-f', '-', ...more], text);
  const objectsOf = (overlay: string) =>
    parseAllDocuments(manifests.get(overlay)!).map((document) => document.toJS() as KubeObject);
  const policiesOf = (overlay: string) =>
    objectsOf(overlay).filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  const byName = (objects: readonly { metadata?: { name?: string } }[]) =>
    objects.toSorted((a, b) => (a.metadata?.name ?? '').localeCompare(b.metadata?.name ?? ''));

  for (const overlay of OVERLAYS) {
    it(`overlays/${overlay} is accepted: strictly, on trial and for real`, async () => {
      const text = manifests.get(overlay)!;
      await apply(text, '--dry-run=server', '--validate=strict');
      const said = await apply(text, '--validate=strict');
      expect(said.trim().split('\n')).to.have.length(objectsOf(overlay).length);
      // The provisioner of a class is immutable, and the next overlay may want another one.
      await kubectl(['delete', 'storageclass', 't-storage-class']);
    });

    it(`overlays/${overlay} gives no wildcard, and of Secrets only our own`, () => {
      const rules = objectsOf(overlay).flatMap(({ rules: given }) => (given ?? []) as Rule[]);
      expect(rules.length).to.be.greaterThan(2);
      for (const rule of rules) {
        expect([...rule.apiGroups, ...rule.resources, ...rule.verbs]).to.not.include('*');
        if (!rule.resources.includes('secrets')) continue;
        expect(rule).to.deep.include({
          resourceNames: ['t-local-volume-webhook-certs'],
          verbs: ['get', 'update', 'patch'],
        });
      }
    });
  }

  it('has classes for the backends, to be applied as they are', async () => {
    const said = await kubectl([
      'apply',
      '-f',
      `${ROOT}deploy/classes`,
      '--dry-run=server',
      '--validate=strict',
    ]);
    expect(said.trim().split('\n')).to.have.length(BACKEND_CLASSES.length);
  });

  it('keeps what the webhook put in when it is applied again: caBundle and certificates', async () => {
    const { caBundle } = plane.tls;
    for (const kind of CONFIGURATIONS) await patchWebhooks(kind, 'clientConfig/caBundle', caBundle);
    const secret = { data: { 'tls.crt': 'eA==' } };
    await kubectl([
      '-n',
      SYSTEM,
      'patch',
      'secret',
      't-local-volume-webhook-certs',
      '-p',
      JSON.stringify(secret),
    ]);
    for (const mode of [[], ['--server-side', '--force-conflicts']]) {
      await apply(manifests.get('on-demand')!, ...mode);
      for (const kind of CONFIGURATIONS) {
        const bundles = await kubectl([
          'get',
          kind,
          't-local-volume',
          '-o',
          'jsonpath={.webhooks[*].clientConfig.caBundle}',
        ]);
        expect(new Set(bundles.split(' ')), kind).to.deep.equal(new Set([caBundle]));
      }
      const kept = await kubectl([
        '-n',
        SYSTEM,
        'get',
        'secret',
        't-local-volume-webhook-certs',
        '-o',
        'jsonpath={.data}',
      ]);
      expect(JSON.parse(kept)).to.deep.equal(secret.data);
    }
  });

  it('has the policies of each setting in its overlay', () => {
    const expected = (settings: Settings, hostnames: Hostnames = 'as-nodes') =>
      byName([...policyObjects(settings), ...agentPolicyObjects(hostnames), bindingPolicyObject()]);
    expect(byName(policiesOf('on-demand'))).to.deep.equal(expected(DEFAULT_SETTINGS));
    expect(byName(policiesOf('per-node'))).to.deep.equal(expected(PER_NODE));
    expect(byName(policiesOf('posix'))).to.deep.equal(expected(POSIX));
    expect(byName(policiesOf('relaxed-hostname'))).to.deep.equal(expected(DEFAULT_SETTINGS, 'relaxed'));
  });

  it('has components that go together: per-node and posix, in either order', () => {
    const patch = (component: string, name: string) =>
      parse(readFileSync(`${ROOT}deploy/components/${component}/policy-${name}.yaml`, 'utf8')) as Operation[];
    const both = policyObjects({ classes: PER_NODE.classes, modePattern: 'posix' });
    for (const order of [
      ['per-node', 'posix'],
      ['posix', 'per-node'],
    ]) {
      const patched = policyObjects(DEFAULT_SETTINGS).map((policy, index) => {
        const operations = order.flatMap((component) => patch(component, SUBJECT_NAMES[index]!));
        return jsonPatch.applyPatch(structuredClone(policy), operations).newDocument;
      });
      expect(patched).to.deep.equal(both);
    }
  });

  it('has a CRD for posix modes', async () => {
    const modes = {
      k8s: { mounts: [{ name: 'a', mountPath: '/a', source: { tLocalVolume: { mode: '750' } } }] },
    };
    const server = JSON.stringify(tserver({}, modes, { name: 'tars-tarslog' }));
    const trial = ['create', '--dry-run=server', '-f', '-'];
    // The mutating webhook stands before the schema, and here nobody answers for it.
    await kubectl(['delete', CONFIGURATIONS.join(','), 't-local-volume']);
    await waitFor('the schema to refuse 750', async () =>
      (await plane.kubectl(trial, { input: server })).stderr.includes('mode: Invalid value: "750"'),
    );
    await kubectl(['apply', '-f', `${ROOT}deploy/crd-posix`]);
    await apply(
      policiesOf('posix')
        .map((policy) => stringify(policy))
        .join('---\n'),
    );
    await waitFor(
      '750 to be allowed',
      async () => (await plane.kubectl(trial, { input: server })).code === 0,
    );
    await kubectl(['apply', '-f', `${ROOT}deploy/crd`, '-f', `${ROOT}deploy/base/policies.yaml`]);
  });

  async function patchWebhooks(kind: string, path: string, value: unknown, op = 'add'): Promise<void> {
    const names = await kubectl(['get', kind, 't-local-volume', '-o', 'jsonpath={.webhooks[*].name}']);
    const operations = names
      .split(' ')
      .map((_, index) => ({ op, path: `/webhooks/${index}/${path}`, value }));
    await kubectl(['patch', kind, 't-local-volume', '--type=json', '-p', JSON.stringify(operations)]);
  }

  /** An overlay's manifests, with the webhook at a port of this machine. */
  function calledAt(port: number, caBundle?: string, overlay: Overlay = 'on-demand'): string {
    const trusted = caBundle === undefined ? '' : `    caBundle: ${caBundle}\n`;
    return manifests
      .get(overlay)!
      .replaceAll(
        /^ {4}service:\n(?: {6}.*\n)*? {6}path: (.*)\n(?: {6}.*\n)*/gm,
        `    url: https://127.0.0.1:${port}$1\n${trusted}`,
      );
  }

  describe('asks a webhook that answers', () => {
    const asked: string[] = [];
    let server: Server;
    let port: number;

    before(async () => {
      server = createServer({ key: plane.tls.key, cert: plane.tls.cert }, (request, response) => {
        void allow(request, response);
      });
      [port = 0] = await freePorts(1);
      server.listen(port, '127.0.0.1');
      await apply(calledAt(port, plane.tls.caBundle));
      await waitFor('all four to be asked', async () => {
        asked.length = 0;
        await send('POST', `${STATEFUL_SETS}?dryRun=All`, named('probe', foreign));
        await send('POST', `${TSERVERS}?dryRun=All`, tserver());
        return asked.length === 4;
      });
    });
    after(() => void server?.close());

    const foreign = statefulSet();
    async function allow(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const { apiVersion, kind, request: review } = (await json(request)) as Review;
      asked.push(`${review.operation} ${review.resource.resource} ${request.url}`);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion, kind, response: { uid: review.uid, allowed: true } }));
    }

    async function send(method: string, path: string, body?: object): Promise<void> {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const { status, body: said } = await plane.api(method, path, body, type);
      expect(status, JSON.stringify(said)).to.be.oneOf([200, 201]);
      if (!path.includes('dryRun')) await seenByTheCache(path.replace(/\/(scale|status)$/, ''), said);
    }

    /**
     * The API server tries a patch on what its cache has, and again on what is stored where that was newer: so a
     * webhook may be asked about an object that is no more.
     */
    async function seenByTheCache(path: string, { metadata: { name, resourceVersion } = {} }: KubeObject) {
      const object = `${name && path.endsWith(`/${name}`) ? path : `${path}/${name}`}?resourceVersion=0`;
      await waitFor(`the API server's cache to have ${object}`, async () => {
        const { status, body } = await plane.api('GET', object);
        return status === 404 || Number(body.metadata?.resourceVersion) >= Number(resourceVersion ?? 0);
      });
    }

    /** Who was asked about one request: `OPERATION resource /path?timeout=…`, shortened to path and seconds. */
    async function askedBy(method: string, path: string, body?: object): Promise<string> {
      asked.length = 0;
      await send(method, path, body);
      return asked.map((each) => each.replace(/^.* \/(\w+)\?timeout=(\d+s)$/, '$1 $2')).join(', ');
    }

    const annotate = (annotations: object) => ({ metadata: { annotations } });

    it('about StatefulSets: what changes spec or labels, and nothing else', async () => {
      expect(await askedBy('POST', STATEFUL_SETS, named('other', foreign))).to.equal(
        'mutate 2s, validate 2s',
      );
      const labelled = named('sent', statefulSet({ metadata: { labels: LABELS, finalizers: ['a.b/c'] } }));
      expect(await askedBy('POST', STATEFUL_SETS, labelled)).to.equal('mutate 5s, validate 5s');
      for (const [name, seconds] of [
        ['other', 2],
        ['sent', 5],
      ] as const) {
        const path = `${STATEFUL_SETS}/${name}`;
        const both = `mutate ${seconds}s, validate ${seconds}s`;
        expect(await askedBy('PATCH', path, { spec: { replicas: 7 } })).to.equal(both);
        expect(await askedBy('PATCH', path, { metadata: { labels: { a: 'b' } } })).to.equal(both);
        expect(await askedBy('PATCH', path, annotate({ a: 'b' }))).to.equal('');
        expect(await askedBy('PATCH', `${path}/scale`, { spec: { replicas: 8 } })).to.equal('');
        expect(await askedBy('PATCH', `${path}/status`, { status: { replicas: 8 } })).to.equal('');
      }
      // It was ours, and so somebody has to look.
      const bare = { metadata: { labels: { 'tars.io/ServerApp': null } } };
      expect(await askedBy('PATCH', `${STATEFUL_SETS}/sent`, bare)).to.equal('mutate 5s, validate 5s');
      expect(await askedBy('DELETE', `${STATEFUL_SETS}/sent`)).to.equal('');
      expect(await askedBy('PATCH', `${STATEFUL_SETS}/sent`, { spec: { replicas: 1 } })).to.equal('');
      expect(await askedBy('PATCH', `${STATEFUL_SETS}/sent`, { metadata: { finalizers: null } })).to.equal(
        '',
      );
      expect(await askedBy('DELETE', `${STATEFUL_SETS}/other`)).to.equal('');
    });

    it('about claims: new ones of the class, the choice of a node, what rules look at', async () => {
      const made = create(statefulSet({ metadata: { labels: LABELS }, templates: [claim('data')] })).spec!
        .volumeClaimTemplates![0]!;
      const choose = (node: string | null) => annotate({ 'volume.kubernetes.io/selected-node': node });
      const route = (node: string | null) => ({ metadata: { labels: { 'local.tars.io/node': node } } });
      const path = `${CLAIMS}/sent`;
      expect(await askedBy('POST', CLAIMS, named('sent', made))).to.equal('mutate 3s, validate 3s');
      expect(await askedBy('PATCH', path, annotate({ a: 'b' }))).to.equal('');
      expect(await askedBy('PATCH', path, choose('node-1'))).to.equal('mutate 1s');
      // Nobody wrote the label, so it is asked for again whatever is written.
      expect(await askedBy('PATCH', path, annotate({ a: 'c' }))).to.equal('mutate 1s');
      expect(await askedBy('PATCH', path, route('node-1'))).to.equal('mutate 1s');
      expect(await askedBy('PATCH', path, annotate({ a: 'd' }))).to.equal('');
      expect(await askedBy('PATCH', path, { spec: { volumeName: 'pv-1' } })).to.equal('');
      expect(await askedBy('PATCH', path, annotate({ 'tars.io/LocalVolumeMode': '711' }))).to.equal(
        'validate 1s',
      );
      expect(await askedBy('PATCH', path, choose(null))).to.equal('mutate 1s');
      expect(await askedBy('DELETE', path)).to.equal('');
      const other = claim('other', { storageClassName: 'nfs' });
      expect(await askedBy('POST', CLAIMS, other)).to.equal('');
      expect(await askedBy('PATCH', `${CLAIMS}/other`, choose('node-1'))).to.equal('');
    });

    it('about TServers: what changes the spec or the scope', async () => {
      const path = `${TSERVERS}/tars-tarslog`;
      const both = 'mutate 5s, validate 5s';
      expect(await askedBy('POST', TSERVERS, tserver())).to.equal(both);
      expect(await askedBy('PATCH', path, { spec: { release: { image: 'x' } } })).to.equal(both);
      expect(await askedBy('PATCH', path, annotate({ 'local.tars.io/scope': 'Pod' }))).to.equal(both);
      expect(await askedBy('PATCH', path, annotate({ a: 'b' }))).to.equal('');
      expect(await askedBy('PATCH', `${path}/status`, { status: { currentReplicas: 1 } })).to.equal('');
      expect(await askedBy('DELETE', path)).to.equal('');
    });

    it('about no StatefulSet that says nothing of TServers, with opted-in-only', async () => {
      await apply(calledAt(port, plane.tls.caBundle, 'opted-in-only'));
      const probe = `${STATEFUL_SETS}?dryRun=All`;
      await waitFor('the others to be left alone', async () => {
        asked.length = 0;
        await send('POST', probe, named('probe', foreign));
        return asked.length === 0;
      });
      const labelled = named('probe', statefulSet({ metadata: { labels: LABELS } }));
      expect(await askedBy('POST', probe, labelled)).to.equal('mutate 5s, validate 5s');
    });
  });

  describe('while no webhook answers', () => {
    const owner = { apiVersion: 'k8s.tars.io/v1beta3', kind: 'TServer', name: 'x', uid: 'x' };
    const completed = create(statefulSet({ metadata: { labels: LABELS }, templates: [claim('data')] }));
    const template = completed.spec!.volumeClaimTemplates![0]!;
    const patch = (path: string, body: object) =>
      plane.api('PATCH', path, body, 'application/merge-patch+json');

    before(async () => {
      await kubectl(['delete', CONFIGURATIONS.join(','), 't-local-volume', '--ignore-not-found']);
      await waitFor('no webhook to be asked', async () => {
        const { status } = await plane.api('POST', `${STATEFUL_SETS}?dryRun=All`, completed);
        return status === 201;
      });
      for (const name of ['ours', 'held']) {
        const finalizers = name === 'held' ? { finalizers: ['example.com/held'] } : {};
        const set = { ...completed, metadata: { ...completed.metadata, name, ...finalizers } };
        expect((await plane.api('POST', STATEFUL_SETS, set)).status).to.equal(201);
      }
      expect((await plane.api('POST', TSERVERS, tserver())).status).to.equal(201);
      // Where nobody listens, as when all pods are down.
      const [port] = await freePorts(1);
      const down = calledAt(port!);
      await apply(down);
      await waitFor('the webhook to be asked', async () => {
        const { status } = await plane.api('POST', `${STATEFUL_SETS}?dryRun=All`, completed);
        return status === 500;
      });
    });

    const OPTED_IN = [
      ['by its labels', 'create.servers', statefulSet({ metadata: { labels: LABELS } })],
      [
        'by the label of its app alone',
        'create.servers',
        statefulSet({ metadata: { labels: { 'tars.io/ServerApp': 'tars' } } }),
      ],
      ['by a class', 'opted-in.statefulsets', statefulSet({ templates: [template] })],
      ['by its owner', 'opted-in.statefulsets', statefulSet({ metadata: { ownerReferences: [owner] } })],
      [
        'by a TServer that it requires',
        'opted-in.statefulsets',
        statefulSet({ metadata: { labels: { 'local.tars.io/tserver': 'required' } } }),
      ],
    ] as const;
    for (const [how, entry, set] of OPTED_IN) {
      it(`a StatefulSet opted in ${how} waits, with a clear error`, async () => {
        const input = JSON.stringify(named('waits', set));
        const { code, stderr } = await plane.kubectl(['create', '-f', '-'], { input });
        expect(code).to.equal(1);
        const webhook = `${entry}.local.tars.io`.replaceAll('.', String.raw`\.`);
        expect(stderr).to.match(
          new RegExp(`failed calling webhook "${webhook}": .*/mutate\\?timeout=5s.*connection refused`),
        );
      });
    }

    it('a foreign StatefulSet comes, changes and goes at once', async () => {
      const foreign = named(
        'foreign',
        statefulSet({ pod: { hostNetwork: true }, templates: [claim('data', { storageClassName: 'nfs' })] }),
      );
      const started = performance.now();
      expect((await plane.api('POST', STATEFUL_SETS, foreign)).status).to.equal(201);
      expect((await patch(`${STATEFUL_SETS}/foreign`, { spec: { replicas: 2 } })).status).to.equal(200);
      expect((await patch(`${STATEFUL_SETS}/foreign`, { metadata: { labels: { a: 'b' } } })).status).to.equal(
        200,
      );
      expect((await plane.api('DELETE', `${STATEFUL_SETS}/foreign`)).status).to.equal(200);
      // Of the time-outs of the webhooks, which are some seconds each, nobody waited for one.
      expect(performance.now() - started).to.be.lessThan(6000);
    });

    it('a foreign one of 1 MB is compared with what it was within the budget', async () => {
      const env = Array.from({ length: 10_000 }, (_, index) => ({
        name: `E${index}`,
        value: 'x'.repeat(80),
      }));
      const large = statefulSet({ pod: { containers: [{ name: 'a', image: 'a', env }] } });
      expect((await plane.api('POST', STATEFUL_SETS, named('large', large))).status).to.equal(201);
      expect((await patch(`${STATEFUL_SETS}/large`, { spec: { replicas: 2 } })).status).to.equal(200);
    });

    it('a labelled one scales, gets status and annotations, but no other spec', async () => {
      await kubectl(['scale', 'sts/ours', '--replicas=5']);
      await kubectl(['annotate', 'sts/ours', 'a=b']);
      const status = { status: { replicas: 5, observedGeneration: 2 } };
      expect((await patch(`${STATEFUL_SETS}/ours/status`, status)).status).to.equal(200);
      const { code, stderr } = await plane.kubectl(['rollout', 'restart', 'sts/ours']);
      expect(code).to.equal(1);
      expect(stderr).to.contain('failed calling webhook "update.servers.local.tars.io"');
      // Nor does it get away by taking off what opted it in.
      expect((await patch(`${STATEFUL_SETS}/ours`, { metadata: { labels: null } })).status).to.equal(500);
    });

    it('a labelled one goes, its finalizer first', async () => {
      expect((await plane.api('DELETE', `${STATEFUL_SETS}/held`)).status).to.equal(200);
      expect((await patch(`${STATEFUL_SETS}/held`, { metadata: { finalizers: null } })).status).to.equal(200);
      expect((await plane.api('GET', `${STATEFUL_SETS}/held`)).status).to.equal(404);
    });

    it('claims come and change', async () => {
      const made = { ...template, metadata: { ...template.metadata, name: 'data-ours-5' } };
      expect((await plane.api('POST', CLAIMS, made)).status).to.equal(201);
      const chosen = { metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'node-1' } } };
      expect((await patch(`${CLAIMS}/data-ours-5`, chosen)).status).to.equal(200);
      expect((await patch(`${CLAIMS}/data-ours-5`, { spec: { volumeName: 'pv-1' } })).status).to.equal(200);
      // The policy still stands.
      const { status, body } = await plane.api('POST', CLAIMS, claim('half-made'));
      expect(status, JSON.stringify(body)).to.equal(422);
      expect(body['message']).to.contain('denied request: TLV405 ');
    });

    it('a TServer gets status and labels, but no other spec, and no new one comes', async () => {
      const name = 'tars-tarslog';
      expect((await patch(`${TSERVERS}/${name}/status`, { status: { currentReplicas: 1 } })).status).to.equal(
        200,
      );
      expect((await patch(`${TSERVERS}/${name}`, { metadata: { labels: { a: 'b' } } })).status).to.equal(200);
      expect((await patch(`${TSERVERS}/${name}`, { spec: { release: { image: 'x' } } })).status).to.equal(
        500,
      );
      const other = tserver({}, { server: 'other' }, { name: 'tars-other' });
      const { stderr } = await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(other) });
      expect(stderr).to.contain('failed calling webhook "tservers.local.tars.io"');
      expect((await plane.api('DELETE', `${TSERVERS}/${name}`)).status).to.equal(200);
    });

    for (const namespace of ['kube-system', SYSTEM]) {
      it(`nobody in ${namespace} waits`, async () => {
        const set = { ...statefulSet({ metadata: { labels: LABELS } }) };
        const { status } = await plane.api(
          'POST',
          `${STATEFUL_SETS.replace('default', namespace)}?dryRun=All`,
          {
            ...set,
            metadata: { ...set.metadata, namespace },
          },
        );
        expect(status).to.equal(201);
      });
    }

    it('docs/break-glass.md switches it off and on again', async () => {
      const commands = [
        ...readFileSync(`${ROOT}docs/break-glass.md`, 'utf8').matchAll(/^kubectl (.*)$/gm),
      ].map(([, line]) => line!.split(' '));
      const off = commands.find(([verb]) => verb === 'delete')!;
      const on = commands.find(([verb]) => verb === 'apply')!;
      const plain = named('plain', statefulSet({ metadata: { labels: LABELS } }));
      const create500 = async () => (await plane.api('POST', `${STATEFUL_SETS}?dryRun=All`, plain)).status;
      await kubectl(off);
      await waitFor('the webhook to be asked no more', async () => (await create500()) === 201);
      await kubectl(on.map((word) => (word.startsWith('deploy/') ? `${ROOT}${word}` : word)));
      for (const kind of CONFIGURATIONS) await kubectl(['get', kind, 't-local-volume']);
    });
  });
});

const named = (name: string, object: { readonly metadata?: object | null | undefined }) => ({
  ...object,
  metadata: { ...object.metadata, name },
});
