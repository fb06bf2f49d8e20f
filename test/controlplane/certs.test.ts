import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import { issueAuthority, issueLeaf } from '../../certs/issue.ts';
import { LIFETIMES, type Lifetimes } from '../../certs/lifetime.ts';
import { serverNames } from '../../certs/names.ts';
import { Rotation, type RotationOptions } from '../../certs/rotation.ts';
import { parseState, secretData, type SecretData } from '../../certs/state.ts';
import { ApiWriter } from '../../src/cluster/api-writer.ts';
import { CaBundle } from '../../src/cluster/ca-bundle.ts';
import { CertificateSecret } from '../../src/cluster/certificate-secret.ts';
import { loadKubeConfig } from '../../src/cluster/kube-config.ts';
import { SYSTEM_TIME } from '../../src/commands/system-time.ts';
import { tlv } from '../offline/tlv.ts';
import { ControlPlane } from './control-plane.ts';
import { freePorts } from './ports.ts';
import { waitFor } from './wait.ts';

const NAMESPACE = 't-local-volume-system';
const SECRET = 't-local-volume-webhook-certs';
const CONFIGURATION = 't-local-volume';
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const CONFIGURATIONS = ['mutating', 'validating'].map(
  (kind) => `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`,
);
const NAMES = serverNames({ name: 't-local-volume-webhook', namespace: NAMESPACE, extra: ['127.0.0.1'] });
const WEBHOOK = 'webhook';
const DAY = 24 * 3_600_000;

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface WebhookConfiguration {
  readonly metadata: Record<string, unknown>;
  readonly webhooks: { readonly name: string; clientConfig: { caBundle?: string }; timeoutSeconds: number }[];
}

describe('certificates on a real API server', function () {
  this.timeout(300_000);
  let plane: ControlPlane;
  let server: Server;
  let running: Rotation[] = [];

  before(async () => {
    plane = await ControlPlane.start({ identities: [{ name: WEBHOOK }] });
    // What deploy/ gives the webhook, and nothing more.
    const own = { apiGroups: [''], resources: ['secrets'], resourceNames: [SECRET], verbs: ['get', 'patch'] };
    const shared = {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      resourceNames: [CONFIGURATION],
      verbs: ['get', 'patch'],
    };
    await kubectl('create', 'namespace', NAMESPACE);
    await apply('Role', 'rbac.authorization.k8s.io/v1', { rules: [own] });
    await apply('ClusterRole', 'rbac.authorization.k8s.io/v1', { rules: [shared] });
    await kubectl('-n', NAMESPACE, 'create', 'rolebinding', 'certs', '--role=certs', `--user=${WEBHOOK}`);
    await kubectl('create', 'clusterrolebinding', 'certs', '--clusterrole=certs', `--user=${WEBHOOK}`);
    server = createServer((request, response) => void allow(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  beforeEach(async () => {
    for (const path of CONFIGURATIONS) await plane.api('DELETE', `${path}/${CONFIGURATION}`);
    await plane.api('DELETE', `${SECRETS}/${SECRET}`);
    for (const path of CONFIGURATIONS) await create(path, configuration(path));
    await create(SECRETS, { metadata: { name: SECRET, labels: { kept: 'yes' } }, type: 'Opaque' });
  });

  afterEach(async () => {
    await Promise.all(running.map((each) => each.stop()));
    running = [];
  });

  after(async () => {
    server?.close();
    await plane?.stop();
  });

  async function kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await plane.kubectl(args);
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  async function apply(kind: string, apiVersion: string, rest: object): Promise<void> {
    const object = { apiVersion, kind, metadata: { name: 'certs', namespace: NAMESPACE }, ...rest };
    const { code, stderr } = await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    expect(code, stderr).to.equal(0);
  }

  async function create(path: string, object: object): Promise<void> {
    const { status, body } = await plane.api('POST', path, object);
    expect(status, JSON.stringify(body)).to.equal(201);
  }

  /** Two webhooks each, so that every one of them has to be written; without a bundle. Called for ConfigMaps `seen-*`. */
  function configuration(path: string): object {
    const { port } = server.address() as AddressInfo;
    const webhook = (name: string) => ({
      name,
      clientConfig: { url: `https://127.0.0.1:${port}/` },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
      matchConditions: [{ name: 'ours', expression: 'object.metadata.name.startsWith("seen-")' }],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      timeoutSeconds: 5,
    });
    const kind = path.includes('mutating')
      ? 'MutatingWebhookConfiguration'
      : 'ValidatingWebhookConfiguration';
    return {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind,
      metadata: { name: CONFIGURATION },
      webhooks: [webhook('one.local.tars.io'), webhook('two.local.tars.io')],
    };
  }

  function rotation(options: Partial<RotationOptions> = {}, identity = WEBHOOK): Rotation {
    const writer = new ApiWriter(loadKubeConfig(plane.kubeconfig(identity)));
    const one = new Rotation({
      secrets: new CertificateSecret(writer, { namespace: NAMESPACE, name: SECRET }),
      bundles: new CaBundle(writer, { mutating: CONFIGURATION, validating: CONFIGURATION }),
      names: NAMES,
      time: SYSTEM_TIME,
      log: silent,
      everyMs: 200,
      ...options,
    });
    running.push(one);
    return one;
  }

  async function started(options: Partial<RotationOptions> = {}): Promise<Rotation> {
    const one = rotation(options);
    await one.start();
    await one.ready();
    return one;
  }

  async function storedData(): Promise<SecretData> {
    const { body } = await plane.api<{ data?: Record<string, string> }>('GET', `${SECRETS}/${SECRET}`);
    const entries = Object.entries(body.data ?? {});
    return Object.fromEntries(entries.map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]));
  }

  async function configurations(): Promise<WebhookConfiguration[]> {
    const answers = CONFIGURATIONS.map((path) =>
      plane.api<WebhookConfiguration>('GET', `${path}/${CONFIGURATION}`),
    );
    return (await Promise.all(answers)).map(({ body }) => body);
  }

  const bundlesOf = (all: readonly WebhookConfiguration[]) =>
    all.flatMap(({ webhooks }) => webhooks.map(({ clientConfig: { caBundle = '' } }) => caBundle));

  let count = 0;
  /** Through both configurations; what the API server says. */
  async function seen(): Promise<string> {
    const name = `seen-${++count}`;
    const { status, body } = await plane.api('POST', '/api/v1/namespaces/default/configmaps', {
      metadata: { name },
    });
    return status === 201 ? 'created' : String(body['message']);
  }

  function serve(one: Rotation): void {
    server.setSecureContext(one.current());
    one.onChange((pair) => server.setSecureContext(pair));
  }

  it('three first starts at once end with one authority, which the API server trusts', async () => {
    const all = [rotation(), rotation(), rotation()];
    await Promise.all(all.map((each) => each.start()));
    await Promise.all(all.map((each) => each.ready()));
    const state = parseState(await storedData());
    expect(state.faults).to.deep.equal([]);
    expect(state.trusted).to.have.length(1);
    for (const each of all) expect(each.current().cert).to.equal(String(state.leaf!.certificate));
    const authority = Buffer.from(String(state.authority!.certificate)).toString('base64');
    expect(bundlesOf(await configurations())).to.deep.equal(Array(4).fill(authority));

    serve(all[0]!);
    await waitFor('the API server to have the bundle', async () => (await seen()) === 'created');
    const { body } = await plane.api('GET', `${SECRETS}/${SECRET}`);
    expect(body.metadata?.labels).to.deep.equal({ kept: 'yes' });
    expect(body['type']).to.equal('Opaque');
  });

  it('is made where nobody made it before, by whoever may', async () => {
    await plane.api('DELETE', `${SECRETS}/${SECRET}`);
    const all = [0, 1, 2].map(() => rotation({}, 'admin'));
    await Promise.all(all.map((each) => each.start()));
    await Promise.all(all.map((each) => each.ready()));
    const { body } = await plane.api('GET', `${SECRETS}/${SECRET}`);
    expect(body['type']).to.equal('kubernetes.io/tls');
    expect(new Set(all.map((each) => each.current().cert)).size).to.equal(1);
  });

  it('says in one line what it may not do', async () => {
    await plane.api('DELETE', `${SECRETS}/${SECRET}`);
    const one = rotation();
    const failure = await one.pass().then(
      () => 'none',
      (error: Error) => error.message,
    );
    expect(failure).to.equal(
      `create: 403 secrets is forbidden: User "webhook" cannot create resource "secrets" in API group "" in the namespace "${NAMESPACE}"`,
    );
  });

  const DAMAGE: readonly (readonly [string, (data: SecretData) => Promise<SecretData>])[] = [
    [
      'expired',
      async () => {
        const then = new Date(Date.now() - 500 * DAY);
        const authority = await issueAuthority(then, LIFETIMES);
        return secretData(authority, await issueLeaf(authority, NAMES, then, LIFETIMES), []) as SecretData;
      },
    ],
    [
      'foreign',
      async () => {
        const authority = await issueAuthority(new Date(), LIFETIMES);
        const leaf = await issueLeaf(authority, ['elsewhere'], new Date(), LIFETIMES);
        const { 'ca.key': _key, 'next-ca.key': _next, ...rest } = secretData(authority, leaf, []);
        return rest as SecretData;
      },
    ],
    [
      'truncated',
      async (data) =>
        Object.fromEntries(Object.entries(data).map(([key, text]) => [key, text.slice(0, 120)])),
    ],
  ];

  for (const [what, damage] of DAMAGE) {
    it(`mends a Secret that is ${what}; what is served stays trusted meanwhile`, async () => {
      const patience = { settleMs: 1000, graceMs: DAY };
      const one = await started({ patience });
      serve(one);
      await waitFor('the API server to have the bundle', async () => (await seen()) === 'created');
      const before = one.current().cert;
      const damaged = await damage(await storedData());
      const data = Object.fromEntries(
        ['ca.crt', 'ca.key', 'next-ca.key', 'tls.crt', 'tls.key'].map((key) => {
          const text = damaged[key];
          return [key, text === undefined ? null : Buffer.from(text).toString('base64')];
        }),
      );
      await plane.api('PATCH', `${SECRETS}/${SECRET}`, { data }, 'application/merge-patch+json');
      await waitFor('another leaf to be served', async () => {
        expect(await seen()).to.equal('created');
        return one.current().cert !== before;
      });
      const state = parseState(await storedData());
      expect(state.faults).to.deep.equal([]);
      expect(one.current().cert).to.equal(String(state.leaf!.certificate));
      expect(await seen()).to.equal('created');
    });
  }

  it('writes caBundle and nothing else, while somebody else writes the configurations all the time', async () => {
    const before = await configurations();
    const over = new AbortController();
    let writes = 0;
    const others = CONFIGURATIONS.map(async (path) => {
      for (let index = 0; !over.signal.aborted; index++) {
        const patch = [
          { op: 'add', path: '/metadata/annotations', value: { turn: `${index}` } },
          { op: 'replace', path: '/webhooks/1/timeoutSeconds', value: 1 + (index % 9) },
        ];
        const { status } = await plane.api(
          'PATCH',
          `${path}/${CONFIGURATION}`,
          patch,
          'application/json-patch+json',
        );
        expect(status).to.equal(200);
        writes++;
      }
    });
    const one = await started({ patience: { settleMs: 500, graceMs: DAY } });
    const first = one.current().cert;
    const secret = { data: { 'ca.key': null } };
    await plane.api('PATCH', `${SECRETS}/${SECRET}`, secret, 'application/merge-patch+json');
    await waitFor('another leaf to be served', () => one.current().cert !== first);
    over.abort();
    await Promise.all(others);
    expect(writes).to.be.above(20);

    const after = await configurations();
    expect(new Set(bundlesOf(after)).size).to.equal(1);
    for (const [index, { webhooks }] of after.entries()) {
      const plain = webhooks.map(({ clientConfig: { caBundle: _bundle, ...rest }, ...webhook }, at) => {
        return { ...webhook, clientConfig: rest, timeoutSeconds: at === 1 ? 5 : webhook.timeoutSeconds };
      });
      expect(plain).to.deep.equal(before[index]!.webhooks);
    }
  });

  it('renews leaf and authority without one request lost', async () => {
    const lifetimes: Lifetimes = { authorityMs: 24_000, leafMs: 12_000, backdateMs: 0 };
    const steps: string[] = [];
    const options: Partial<RotationOptions> = {
      lifetimes,
      patience: { settleMs: 2000, graceMs: 8000 },
      observer: { stepped: ({ kind }) => steps.push(kind) },
    };
    const [one, two] = [await started(options), await started(options)];
    serve(one);
    await waitFor('the API server to have the bundle', async () => (await seen()) === 'created');
    const isRenewed = () =>
      ['switch', 'renew'].every((kind) => steps.filter((step) => step === kind).length >= 2);
    let requests = 0;
    for (; !isRenewed(); requests++) expect(await seen(), `after ${steps.join(', ')}`).to.equal('created');
    expect(requests).to.be.above(100);
    await waitFor('both to serve the same', () => one.current().cert === two.current().cert);
  });

  describe('tlv certs', () => {
    const certs = async (...args: string[]) =>
      tlv(['certs', '--kubeconfig', plane.kubeconfig(WEBHOOK), ...args], '', { NO_COLOR: '1' });

    /** What differs from run to run, out of the way. */
    const plain = (text: string) =>
      text
        .replaceAll(/(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/g, 'FINGERPRINT')
        .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
        .replaceAll(/CA [0-9a-f]{16}/g, 'CA ID');

    it('shows what is served and trusted', async () => {
      await started();
      const { stdout, stderr, exit } = await certs();
      expect(plain(stdout)).to.equal(`SERVED
  subject       CN=t-local-volume-webhook
  issuer        CN=t-local-volume CA ID
  names         t-local-volume-webhook
                t-local-volume-webhook.t-local-volume-system
                t-local-volume-webhook.t-local-volume-system.svc
                t-local-volume-webhook.t-local-volume-system.svc.cluster.local
                127.0.0.1
  fingerprint   FINGERPRINT
  not before    TIME
  not after     TIME
  renewal due   TIME
TRUSTED
  CN=t-local-volume CA ID (signing)
    fingerprint FINGERPRINT
    not after   TIME
    trusted by  MutatingWebhookConfiguration t-local-volume
                ValidatingWebhookConfiguration t-local-volume
PROBLEMS none
`);
      expect({ stderr, exit }).to.deep.equal({ stderr: '', exit: 0 });
    });

    it('names problems and remedies, and exits with 1', async () => {
      const one = await started();
      await one.stop();
      const patch = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }];
      await plane.api('PATCH', `${CONFIGURATIONS[1]}/${CONFIGURATION}`, patch, 'application/json-patch+json');
      await plane.api('DELETE', `${CONFIGURATIONS[0]}/${CONFIGURATION}`);
      const { stdout, exit } = await certs();
      expect(stdout.slice(stdout.indexOf('PROBLEMS'))).to.equal(`PROBLEMS
  MutatingWebhookConfiguration t-local-volume does not exist
    remedy: apply it; until then the API server does not call the webhook
  ValidatingWebhookConfiguration t-local-volume, webhook one.local.tars.io: caBundle has no valid authority that signed the served certificate
    remedy: if it comes back, keep GitOps tools from writing caBundle; else see that the webhook may patch the configuration
`);
      expect(exit).to.equal(1);
      const report = JSON.parse((await certs('-o', 'json')).stdout) as {
        problems: unknown[];
        served: object;
      };
      expect(report.problems).to.have.length(2);
      expect(report.served).to.include({ subject: 'CN=t-local-volume-webhook' });
    });

    it('says that there is nothing yet, and exits with 1', async () => {
      const { stdout, exit } = await certs();
      expect(stdout)
        .to.include('SERVED\n  nothing\nTRUSTED\n  nobody\n')
        .and.to.include('  tls.crt is missing\n');
      expect(exit).to.equal(1);
    });

    it('exits with 2 where it may not look', async () => {
      const { stdout, stderr, exit } = await certs('--secret-name', 'other');
      expect({ stdout, exit }).to.deep.equal({ stdout: '', exit: 2 });
      expect(stderr).to.equal(
        `tlv: certs: 403 secrets "other" is forbidden: User "webhook" cannot get resource "secrets" in API group "" in the namespace "${NAMESPACE}"\n`,
      );
    });

    it('exits with 2 where there is no API server', async () => {
      const [port] = await freePorts(1);
      const gone = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}` } }],
        users: [{ name: 'u', user: { token: 't' } }],
      });
      const file = `${plane.directory}/gone`;
      writeFileSync(file, gone);
      const { stderr, exit } = await tlv(['certs', '--kubeconfig', file]);
      expect({ stderr, exit }).to.deep.equal({
        stderr: `tlv: certs: GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${CONFIGURATION}: connect ECONNREFUSED 127.0.0.1:${port}\n`,
        exit: 2,
      });
    });
  });
});

/** Lets everything in, and has a handshake for each request. */
async function allow(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { uid } = ((await json(request)) as { request: { uid: string } }).request;
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: true },
  };
  response.setHeader('connection', 'close').setHeader('content-type', 'application/json');
  response.end(JSON.stringify(review));
}
