import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { classesText } from '../../src/tars/settings.ts';
import { ROOT } from '../offline/tlv.ts';
import type { KubeObject } from './api.ts';
import { ControlPlane } from './control-plane.ts';

/** Who of the product may do what, and how its pods run: what deploy/ gives, as a real API server understands it. */

const SYSTEM = 't-local-volume-system';
const VERBS = 'get list watch create update patch delete deletecollection'.split(' ');
const READ = 'get list watch';

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: Record<string, unknown>;
}

interface Workload {
  readonly kind: string;
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: PodSpec } };
}

interface HostVolume {
  readonly hostPath?: { readonly path: string };
}

interface PodSpec extends Record<string, unknown> {
  readonly containers: readonly Container[];
}

/** `resource.group`, `resource/subresource` or `resource NAME`: all that is allowed, and nothing beside it. */
type Rights = Readonly<Record<string, string>>;

const AGENT: { readonly anywhere: Rights; readonly inSystem: Rights } = {
  anywhere: {
    persistentvolumes: `${READ} create patch delete`,
    persistentvolumeclaims: `${READ} patch`,
    'persistentvolumeclaims/status': 'patch',
    'storageclasses.storage.k8s.io': READ,
    nodes: 'get',
    events: 'create patch',
  },
  inSystem: {
    'leases.coordination.k8s.io': 'get create update patch',
    'csistoragecapacities.storage.k8s.io': `${READ} create patch delete`,
  },
};

/** The sweeper's too, which runs under the same account. */
const WEBHOOK: typeof AGENT = {
  anywhere: {
    'tservers.k8s.tars.io': READ,
    'statefulsets.apps': 'get',
    'mutatingwebhookconfigurations.admissionregistration.k8s.io t-local-volume': 'get patch',
    'validatingwebhookconfigurations.admissionregistration.k8s.io t-local-volume': 'get patch',
    persistentvolumes: `${READ} patch delete`,
    persistentvolumeclaims: `${READ} patch`,
    nodes: 'list watch',
    events: 'create patch',
  },
  inSystem: {
    'secrets t-local-volume-webhook-certs': 'get update patch',
    'leases.coordination.k8s.io': `${READ} create update delete`,
    'csistoragecapacities.storage.k8s.io': 'list watch delete',
  },
};

/** What nobody of the product has any right to, beside what the other one of them has. */
const NOBODYS = [
  'secrets',
  'secrets other',
  'pods',
  'pods/exec',
  'pods/binding',
  'configmaps',
  'namespaces',
  'serviceaccounts',
  'serviceaccounts/token',
  'nodes/status',
  'nodes/proxy',
  'services',
  'persistentvolumes/status',
  'persistentvolumeclaims/finalizers',
  'daemonsets.apps',
  'deployments.apps',
  'statefulsets.apps/scale',
  'tservers.k8s.tars.io/status',
  'clusterroles.rbac.authorization.k8s.io',
  'roles.rbac.authorization.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io other',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'csidrivers.storage.k8s.io',
  'events.events.k8s.io',
  'persistentvolumeclaims.apps',
];
const KNOWN = [AGENT, WEBHOOK].flatMap(({ anywhere, inSystem }) => [
  ...Object.keys(anywhere),
  ...Object.keys(inSystem),
]);
const RESOURCES = [...new Set([...KNOWN, ...NOBODYS])];

describe('what the product may do', function () {
  this.timeout(300_000);
  this.slow(3000);
  let plane: ControlPlane;
  const workloads = new Map<string, Workload[]>();

  before(async () => {
    plane = await ControlPlane.start();
    for (const overlay of ['on-demand', 'per-node', 'cert-manager', 'posix', 'backends']) {
      const { code, stdout, stderr } = await plane.kubectl([
        'kustomize',
        `${ROOT}deploy/overlays/${overlay}`,
      ]);
      expect(code, stderr).to.equal(0);
      const objects = parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject);
      const made = objects.filter(({ kind }) => ['Deployment', 'DaemonSet'].includes(kind!));
      workloads.set(overlay, made as unknown as Workload[]);
      if (overlay === 'on-demand') await install(objects);
    }
  });
  after(async () => plane?.stop());

  async function install(objects: readonly KubeObject[]): Promise<void> {
    const items = objects.filter(({ kind }) => !kind!.endsWith('WebhookConfiguration'));
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const { code, stderr } = await plane.kubectl(['apply', '-f', '-'], { input });
    expect(code, stderr).to.equal(0);
    // No warning either: neither of fields nor of pod security.
    expect(stderr).to.equal('');
  }

  const workload = (kind: string, overlay = 'on-demand') =>
    workloads.get(overlay)!.find((each) => each.kind === kind)!;

  /** As `kubectl auth can-i --as`. */
  async function may(account: string, verb: string, what: string, namespace: string): Promise<boolean> {
    const [path, name] = what.split(' ');
    const [whole, subresource] = path!.split('/');
    const [, resource, group = ''] = /^([^.]+)\.?(.*)$/.exec(whole!)!;
    const asked = { verb, resource, group, subresource, name, namespace };
    const { body } = await plane.api<{ status: { allowed: boolean } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      {
        spec: {
          user: `system:serviceaccount:${SYSTEM}:${account}`,
          groups: ['system:serviceaccounts', `system:serviceaccounts:${SYSTEM}`, 'system:authenticated'],
          resourceAttributes: asked,
        },
      },
    );
    return body.status.allowed;
  }

  for (const [account, { anywhere, inSystem }] of [
    ['t-local-volume-agent', AGENT],
    ['t-local-volume-webhook', WEBHOOK],
  ] as const) {
    for (const [namespace, rights] of [
      ['default', anywhere],
      [SYSTEM, { ...anywhere, ...inSystem }],
    ] as const) {
      it(`${account} in ${namespace}: this, and nothing beside it`, async () => {
        for (const resource of RESOURCES) {
          const allowed = await Promise.all(
            VERBS.map(async (verb) => ((await may(account, verb, resource, namespace)) ? [verb] : [])),
          );
          expect(allowed.flat().join(' '), resource).to.equal((rights as Rights)[resource] ?? '');
        }
      });
    }
  }

  describe('its pods', () => {
    /** What a dry run says of the workload's pod in that namespace. */
    async function trial(kind: string, namespace: string, overlay?: string) {
      const { metadata, spec } = workload(kind, overlay).spec.template;
      const pod = { metadata: { ...metadata, name: 'trial' }, spec };
      return plane.api('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
    }

    before(async () => {
      const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
      await plane.api('POST', '/api/v1/namespaces', { metadata: { name: 'restricted', labels } });
    });

    it("are admitted in the product's namespace, without a warning", async () => {
      for (const [kind, overlay] of [['Deployment'], ['DaemonSet'], ['DaemonSet', 'backends']] as const) {
        const { status, body, warnings } = await trial(kind, SYSTEM, overlay);
        expect(status, JSON.stringify(body)).to.equal(201);
        expect(warnings).to.deep.equal([]);
      }
    });

    it("are restricted where they are the webhook's", async () => {
      const { status, body, warnings } = await trial('Deployment', 'restricted');
      expect(status, JSON.stringify(body)).to.equal(201);
      expect(warnings).to.deep.equal([]);
    });

    it("are root with one directory of the host where they are the agent's, and nothing more", async () => {
      const { status, body } = await trial('DaemonSet', 'restricted');
      expect(status).to.equal(403);
      expect(body['message']).to.match(
        /violates PodSecurity "restricted:latest": unrestricted capabilities \(container "agent" must not include "CHOWN", "DAC_OVERRIDE", "FOWNER" in securityContext\.capabilities\.add\), restricted volume types \(volume "root" uses restricted volume type "hostPath"\), runAsNonRoot != true \([^)]*\), runAsUser=0 \(pod must not set runAsUser=0\)$/,
      );
    });
  });

  describe('its agent that mounts', () => {
    const PATHS = ['/dev', '/etc/lvm', '/run/lock/lvm', '/run/lvm', '/usr/local/app/tars/host-mount'];

    it('is privileged by the overlay backends and no other', () => {
      const isPrivileged = ([, made]: readonly [string, readonly Workload[]]) =>
        made.some(({ spec }) =>
          spec.template.spec.containers.some((each) => each.securityContext['privileged']),
        );
      expect([...workloads].filter(isPrivileged).map(([overlay]) => overlay)).to.deep.equal(['backends']);
    });

    it('has directories of the node, and neither its processes nor its network; its root stays read-only', () => {
      const { volumes, containers, ...spec } = workload('DaemonSet', 'backends').spec.template.spec;
      expect((volumes as HostVolume[]).map(({ hostPath }) => hostPath?.path)).to.deep.equal(PATHS);
      expect(spec).to.not.have.any.keys('hostPID', 'hostIPC', 'hostNetwork');
      expect(containers[0]?.securityContext).to.include({ privileged: true, readOnlyRootFilesystem: true });
    });
  });

  describe('its settings', () => {
    const valuesOf = (overlay: string, name: string) =>
      workloads
        .get(overlay)!
        .flatMap(({ spec }) => spec.template.spec.containers)
        .flatMap(({ name: container, env = [] }) =>
          env.filter((each) => each.name === name).map(({ value }) => `${container} ${value}`),
        )
        .toSorted();

    for (const [overlay, classes, mode] of [
      ['on-demand', 'on-demand', 'seed'],
      ['cert-manager', 'on-demand', 'seed'],
      ['per-node', 'per-node', 'seed'],
      ['posix', 'on-demand', 'posix'],
      ['backends', 'on-demand', 'seed'],
    ] as const) {
      it(`are the same for all of it in overlays/${overlay}`, () => {
        const all = ['agent', 'sweeper', 'webhook'];
        expect(valuesOf(overlay, 'TLV_CLASSES')).to.deep.equal(
          all.map((container) => `${container} ${classesText(classes)}`),
        );
        expect(valuesOf(overlay, 'TLV_MODE_PATTERN')).to.deep.equal([`agent ${mode}`, `webhook ${mode}`]);
      });
    }
  });
});
