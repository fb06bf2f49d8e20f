import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { mutateClaim } from '../../src/mutate/claim.ts';
import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import type { ClaimSpec } from '../../src/tars/shapes.ts';
import { SELECTED_NODE } from '../../src/tars/vocabulary.ts';
import { ROOT } from '../offline/tlv.ts';
import { claim } from '../unit/builders.ts';
import { MERGE, SYSTEM } from './agent-policies-objects.ts';
import { type ApiAnswer, ApiClient, type KubeObject } from './api.ts';
import { ControlPlane, EVERYTHING } from './control-plane.ts';
import { CLAIMS } from './paths.ts';
import { waitFor } from './wait.ts';

/*
 * A cluster with the product's rights, policies and agents, but without its webhook: the agents are real pods of the
 * real DaemonSet on nodes that kwok plays, and what writes here has the token of such a pod.
 */

export const AGENT = 't-local-volume-agent';

interface Options {
  readonly overlay?: string;
  readonly nodes: readonly string[];
  /** What was there before the product. */
  readonly stored?: readonly object[];
  /** `Kind` or `Kind/name` of what is left out. */
  readonly without?: readonly string[];
}

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const CONFIG_MAP = { metadata: { name: 'refused-by-the-last-policy' } };

/** Refuses that one object, so that one sees that it is in force. */
const LAST = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: 'last' },
  spec: {
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
      ],
    },
    validations: [
      { expression: `object.metadata.name != '${CONFIG_MAP.metadata.name}'`, reason: 'Forbidden' },
    ],
  },
};

const LAST_BINDING = {
  apiVersion: LAST.apiVersion,
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: LAST.metadata,
  spec: { policyName: LAST.metadata.name, validationActions: ['Deny'] },
};

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly uid: string };
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly phase: string };
  }[];
}

export class AgentCluster {
  readonly plane: ControlPlane;
  readonly #clients: ApiClient[] = [];

  private constructor(plane: ControlPlane) {
    this.plane = plane;
  }

  static async start(options: Options): Promise<AgentCluster> {
    const cluster = new AgentCluster(await ControlPlane.start({ components: EVERYTHING }));
    try {
      await cluster.#install(options);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.plane.stop();
  }

  async #install({ overlay = 'on-demand', nodes, stored = [], without = [] }: Options): Promise<void> {
    await this.plane.addNodes(nodes);
    await this.kubectl('apply', '-f', `${ROOT}deploy/crd`);
    for (const object of stored) await this.apply(object);
    const built = await this.kubectl('kustomize', `${ROOT}deploy/overlays/${overlay}`);
    const left = new Set([
      'MutatingWebhookConfiguration',
      'ValidatingWebhookConfiguration',
      'Deployment',
      ...without,
    ]);
    const objects = parseAllDocuments(built)
      .map((document) => document.toJS() as KubeObject)
      .filter(({ kind, metadata }) => !left.has(kind!) && !left.has(`${kind}/${metadata!.name}`));
    await this.apply(...objects);
    await this.#inForce();
  }

  /**
   * The API server learns of policies a moment after they are stored, and not of all at once, but in their order: so
   * those before are in force once the last one refuses.
   */
  async #inForce(): Promise<void> {
    await this.apply(LAST, LAST_BINDING);
    const isRefused = async () =>
      (await this.plane.api('POST', `${CONFIG_MAPS}?dryRun=All`, CONFIG_MAP)).status === 403;
    await waitFor('the policies to be in force', isRefused, { timeoutMs: 90_000 });
    await this.kubectl('delete', `${LAST_BINDING.kind},${LAST.kind}`, LAST.metadata.name);
  }

  async kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.plane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async apply(...items: object[]): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const { code, stderr } = await this.plane.kubectl(['apply', '-f', '-'], { input });
    expect(code, stderr).to.equal(0);
    expect(stderr).to.equal('');
  }

  /** Made by the admin, and there has to be nothing against it. */
  async stored<T = KubeObject>(path: string, object: object): Promise<T> {
    const { status, body } = await this.plane.api<T>('POST', path, object);
    expect(status, JSON.stringify(body)).to.equal(201);
    return body;
  }

  /** A claim that the scheduler gave to that node; its path. */
  async given(
    name: string,
    node: string | undefined,
    metadata: object = {},
    spec: ClaimSpec = {},
  ): Promise<string> {
    const annotations = node === undefined ? {} : { [SELECTED_NODE]: node };
    const whole = mutateClaim(claim(name, spec, { annotations, ...metadata }), {
      namespace: 'default',
      settings: DEFAULT_SETTINGS,
    });
    await this.stored(CLAIMS, whole);
    return `${CLAIMS}/${name}`;
  }

  /** A token as the kubelet of that node gets it for the agent's pod. */
  async tokenOf(node: string): Promise<string> {
    const pods = `/api/v1/namespaces/${SYSTEM}/pods?labelSelector=app.kubernetes.io/component=agent`;
    const pod = await waitFor(`the agent of ${node} to run`, async () => {
      const { body } = await this.plane.api<PodList>('GET', pods);
      return body.items.find(({ spec, status }) => spec.nodeName === node && status.phase === 'Running');
    });
    const bound = ['Pod', pod.metadata.name, pod.metadata.uid];
    const flags = ['kind', 'name', 'uid'].map((what, index) => `--bound-object-${what}=${bound[index]}`);
    return (await this.kubectl('-n', SYSTEM, 'create', 'token', AGENT, ...flags)).trim();
  }

  async agentOf(node: string): Promise<Agent> {
    return this.holder(await this.tokenOf(node));
  }

  holder(token: string): Agent {
    const client = new ApiClient({ url: this.plane.url, ca: this.plane.tls.ca, token });
    this.#clients.push(client);
    return new Agent(client);
  }
}

/** Whoever holds one token. */
export class Agent {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  create(path: string, object: object) {
    return this.#client.request('POST', path, object);
  }

  patch(path: string, object: object) {
    return this.#client.request('PATCH', path, object, MERGE);
  }

  delete(path: string) {
    return this.#client.request('DELETE', path);
  }

  replace(path: string, object: object) {
    return this.#client.request('PUT', path, object);
  }
}

export async function accepted(answer: Promise<ApiAnswer<KubeObject>>): Promise<KubeObject> {
  const { status, body } = await answer;
  expect(status, JSON.stringify(body)).to.be.oneOf([200, 201]);
  return body;
}

/** By a policy, with these words. */
export async function refused(answer: Promise<ApiAnswer<KubeObject>>, ...words: string[]): Promise<void> {
  const { status, body } = await answer;
  const message = String(body['message']);
  expect(status, JSON.stringify(body)).to.equal(403);
  expect(message).to.contain('ValidatingAdmissionPolicy');
  for (const each of words) expect(message).to.contain(each);
}

/** For want of a right, before any policy is asked. */
export async function noRight(answer: Promise<ApiAnswer<KubeObject>>): Promise<void> {
  const { status, body } = await answer;
  expect(status, JSON.stringify(body)).to.equal(403);
  expect(body['message']).to.contain(`User "system:serviceaccount:${SYSTEM}:${AGENT}" cannot`);
}
