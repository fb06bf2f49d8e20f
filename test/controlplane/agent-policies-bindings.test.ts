import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { PER_NODE } from '../../scripts/generate/policies.ts';
import { mutateClaim } from '../../src/mutate/claim.ts';
import { claim } from '../unit/builders.ts';
import { accepted, type Agent, AgentCluster, refused } from './agent-policies-cluster.ts';
import { MERGE, volume, type VolumeParts } from './agent-policies-objects.ts';
import type { KubeObject } from './api.ts';
import { VOLUMES } from './paths.ts';
import { waitFor } from './wait.ts';

/**
 * Offers of per-node classes, bound by the real scheduler and the real controller: a volume of one namespace never gets
 * a claim of another. The policy on claims is left out, because what is made here is what it keeps out.
 */

interface Claim extends KubeObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly volumeName?: string };
  readonly status: { readonly phase: string };
}

interface Volume extends KubeObject {
  readonly spec: { readonly claimRef?: { readonly namespace: string } };
}

const LABELS = {
  'tars.io/LocalVolume': 'data',
  'tars.io/ServerApp': 'shop',
  'tars.io/ServerName': 'cart',
};
const NAMESPACE = 'local.tars.io/namespace';
const offer = (name: string, parts: VolumeParts = {}) =>
  volume(name, 'node-1', { way: 'per-node', namespace: 'a', ...parts });
const claims = (namespace: string) => `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
const ref = (namespace: string, name = 'x', uid = 'u') => ({ namespace, name, uid });

/** A claim of the server, and a pod that waits for it. */
function user(name: string, labels: object): { claim: object; pod: object } {
  return {
    claim: claim(name, { selector: { matchLabels: { ...labels } } }, { labels: { ...labels } }),
    pod: {
      metadata: { name },
      spec: {
        containers: [{ name: 'main', image: 'a', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
        terminationGracePeriodSeconds: 0,
      },
    },
  };
}

describe('the policy on bindings', function () {
  this.timeout(300_000);
  this.slow(3000);
  let cluster: AgentCluster;
  let agent: Agent;

  before(async () => {
    const wrong = offer('bound-before', { claim: ref('b') });
    const namespaces = ['a', 'b'].map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    }));
    cluster = await AgentCluster.start({
      overlay: 'per-node',
      nodes: ['node-1', 'node-2'],
      stored: [...namespaces, wrong],
      without: ['ValidatingAdmissionPolicyBinding/t-local-volume-claims'],
    });
    agent = await cluster.agentOf('node-1');
  });
  after(async () => cluster?.stop());

  const patch = (name: string, body: object) => cluster.plane.api('PATCH', `${VOLUMES}/${name}`, body, MERGE);
  const get = async <T>(path: string) => (await cluster.plane.api<T>('GET', path)).body;

  async function start(namespace: string, { claim: wanted, pod }: ReturnType<typeof user>): Promise<void> {
    await cluster.stored(claims(namespace), wanted);
    await cluster.stored(`/api/v1/namespaces/${namespace}/pods`, pod);
  }

  const bound = (namespace: string, name: string) =>
    waitFor(`${namespace}/${name} to be bound`, async () => {
      const { spec, status } = await get<Claim>(`${claims(namespace)}/${name}`);
      return status.phase === 'Bound' && spec.volumeName;
    });

  async function unbound(namespace: string, name: string, ...volumes: string[]): Promise<void> {
    expect((await get<Claim>(`${claims(namespace)}/${name}`)).status.phase).to.equal('Pending');
    for (const each of volumes) {
      expect((await get<Volume>(`${VOLUMES}/${each}`)).spec.claimRef, each).to.equal(undefined);
    }
  }

  /** What the scheduler or the controller was told, as its log has it: it did try. */
  const wasRefused = (component: 'kube-scheduler' | 'kube-controller-manager', words: string) =>
    waitFor(`${component} to be refused`, async () => {
      const lines = (await readFile(cluster.plane.log(component), 'utf8')).split('\n');
      return lines.some((line) => line.includes("'t-local-volume-bindings'") && line.includes(words));
    });

  describe('lets no offer go', () => {
    before(async () => {
      await accepted(agent.create(VOLUMES, offer('offer-1')));
    });

    it('to a claim of another namespace that the scheduler finds it for', async () => {
      await start('b', user('found', LABELS));
      await wasRefused('kube-scheduler', 'spec.claimRef.namespace: Forbidden: \\"b\\"');
      await unbound('b', 'found', 'offer-1');
    });

    it('to one that asks for it by the name of the namespace', async () => {
      const { metadata } = offer('offer-1');
      await start('b', user('asked', { ...LABELS, [NAMESPACE]: metadata.labels[NAMESPACE]! }));
      const event = 'involvedObject.name=asked,involvedObject.kind=Pod';
      await waitFor('the scheduler to say so', async () => {
        const { items } = await get<{ items: { note?: string; message?: string }[] }>(
          `/api/v1/namespaces/b/events?fieldSelector=${event}`,
        );
        return items.some(({ message }) => message?.includes('t-local-volume-bindings'));
      });
      await unbound('b', 'asked', 'offer-1');
    });

    it('to one that names the volume itself', async () => {
      await cluster.stored(claims('b'), claim('named', { volumeName: 'offer-1' }));
      await wasRefused('kube-controller-manager', 'spec.claimRef.namespace: Forbidden: \\"b\\"');
      await unbound('b', 'named', 'offer-1');
    });

    it('but to a claim of its own namespace, which it then serves', async () => {
      const { metadata, spec } = mutateClaim(claim('own', {}, { labels: { ...LABELS, [NAMESPACE]: 'a' } }), {
        namespace: 'a',
        settings: PER_NODE,
      });
      await start('a', { ...user('own', LABELS), claim: { metadata, spec } });
      expect(await bound('a', 'own')).to.equal('offer-1');
      await waitFor('its pod to run', async () => {
        const { status } = await get<KubeObject>('/api/v1/namespaces/a/pods/own');
        return (status as { phase: string }).phase === 'Running';
      });
    });
  });

  describe('holds for whoever writes', () => {
    const says = (words: string) => `denied request: ${words}`;
    const other = says(
      `spec.claimRef.namespace: Forbidden: "b": the volume's directory is of the namespace a (label ${NAMESPACE}), so no claim of another one may have it; `,
    );
    const relabelled = says(`metadata.labels[${NAMESPACE}]: Forbidden: "b": it was "a" when`);

    it('admins and agents, new volumes and old ones', async () => {
      await refused(agent.create(VOLUMES, offer('made', { claim: ref('b') })), other);
      await refused(cluster.plane.api('POST', VOLUMES, offer('made', { claim: ref('b') })), other);
      await accepted(agent.create(VOLUMES, offer('made')));
      await refused(patch('made', { spec: { claimRef: ref('b') } }), other);
      await accepted(patch('made', { spec: { claimRef: ref('a') } }));
      await refused(patch('made', { spec: { claimRef: ref('b') } }), other);
    });

    it('the label, as long as there is a claim', async () => {
      await refused(patch('made', { metadata: { labels: { [NAMESPACE]: 'b' } } }), relabelled);
      await refused(
        patch('made', { metadata: { labels: { [NAMESPACE]: null } } }),
        'Forbidden: "": it was "a"',
      );
      const both = { metadata: { labels: { [NAMESPACE]: 'b' } }, spec: { claimRef: ref('b') } };
      await refused(patch('made', both), relabelled);
      await accepted(patch('made', { spec: { claimRef: null } }));
      await refused(patch('made', both), relabelled);
      await accepted(patch('made', { metadata: { labels: { [NAMESPACE]: 'b' } } }));
    });

    it('the label that is put on a volume with a claim: it has to be true', async () => {
      await accepted(agent.create(VOLUMES, volume('plain', 'node-1', { claim: ref('a') })));
      await refused(patch('plain', { metadata: { labels: { [NAMESPACE]: 'b' } } }), 'Forbidden: ');
      await accepted(patch('plain', { metadata: { labels: { [NAMESPACE]: 'a' } } }));
    });
  });

  it('lets pass what was wrong before, to its end', async () => {
    await accepted(patch('bound-before', { metadata: { annotations: { a: 'b' } } }));
    await accepted(patch('bound-before', { spec: { persistentVolumeReclaimPolicy: 'Retain' } }));
    await refused(patch('bound-before', { spec: { claimRef: ref('c') } }), 'Forbidden: "c"');
    await accepted(patch('bound-before', { spec: { claimRef: null } }));
    await cluster.kubectl('delete', 'pv', 'bound-before', '--timeout=120s');
  });

  it('never looks at volumes without the label', async () => {
    await accepted(cluster.plane.api('POST', VOLUMES, volume('foreign', 'node-2', { claim: ref('b') })));
    await accepted(patch('foreign', { spec: { claimRef: ref('c') } }));
  });
});
