import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { ROOT } from '../offline/tlv.ts';
import type { KubeObject } from './api.ts';
import { CERT_MANAGER } from './chart-cert-manager.ts';
import { CHART, Helm, idOf, objectsIn, valueFlags } from './chart-helm.ts';
import { ControlPlane } from './control-plane.ts';
import { waitFor } from './wait.ts';

/** What `helm template` makes of deploy/chart: the same as kustomize of deploy/overlays, and what its values change. */

const SYSTEM = 't-local-volume-system';

/** As Helm sends objects, one request each. */
const DRY_RUN = ['apply', '-f', '-', '--server-side', '--dry-run=server', '--validate=strict'];

/** A setting of the chart and, in kustomize, the overlay or the component that is the same. */
const SETTINGS = [
  { value: 'provisioning', off: 'on-demand', on: 'per-node', component: undefined },
  { value: 'modePattern', off: 'seed', on: 'posix', component: 'posix' },
  { value: 'certificates', off: 'self-managed', on: 'cert-manager', component: 'cert-manager' },
  { value: 'relaxedHostname', off: false, on: true, component: 'relaxed-hostname' },
  { value: 'backends', off: false, on: true, component: 'backends' },
  { value: 'optedInOnly', off: false, on: true, component: 'opted-in-only' },
] as const;

interface Variant {
  readonly name: string;
  readonly values: Readonly<Record<string, string | boolean>>;
  readonly overlay: string;
  readonly components: readonly string[];
}

/** Every combination of all but the last one, which is on in every other of them: where the ones before make an even number. */
const VARIANTS: readonly Variant[] = Array.from({ length: 2 ** (SETTINGS.length - 1) }, (_, bits) => {
  const isSet = (index: number) => ((bits >> index) & 1) === 1;
  const isEven = SETTINGS.filter((_setting, index) => isSet(index)).length % 2 === 0;
  const isOn = (index: number) => (index === SETTINGS.length - 1 ? bits > 0 && isEven : isSet(index));
  const values = Object.fromEntries(
    SETTINGS.map(({ value, on, off }, index) => [value, isOn(index) ? on : off]),
  );
  const on = SETTINGS.filter((_setting, index) => isOn(index));
  return {
    name: on.map(({ value, on: chosen }) => (chosen === true ? value : chosen)).join(', ') || 'nothing set',
    values,
    overlay: `deploy/overlays/${isOn(0) ? 'per-node' : 'on-demand'}`,
    components: on.flatMap(({ component }) => (component ? [`deploy/components/${component}`] : [])),
  };
});

describe('the chart', function () {
  this.timeout(300_000);
  this.slow(4000);
  let plane: ControlPlane;
  let helm: Helm;

  before(async () => {
    plane = await ControlPlane.start();
    helm = await Helm.of(plane);
    await kubectl(['apply', '-f', '-'], CERT_MANAGER.map((crd) => stringify(crd)).join('---\n'));
    for (const resource of ['certificates', 'issuers']) {
      const path = `/apis/cert-manager.io/v1/${resource}`;
      await waitFor(`${resource} to be served`, async () => (await plane.api('GET', path)).status === 200);
    }
    for (const namespace of [SYSTEM, '123']) await kubectl(['create', 'namespace', namespace]);
  });
  after(async () => plane?.stop());

  async function kubectl(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await plane.kubectl(args, input === undefined ? {} : { input });
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  const template = (values: Readonly<Record<string, unknown>> = {}, namespace = SYSTEM) =>
    helm.run('template', 't-local-volume', CHART, `--namespace=${namespace}`, ...valueFlags(values));

  const object = async (id: string, values: Readonly<Record<string, unknown>>) =>
    objectsIn(await template(values)).find((each) => idOf(each) === id);

  /** The overlay with its components, as an operator combines them. */
  async function kustomize({ overlay, components }: Variant): Promise<KubeObject[]> {
    const folder = join(plane.directory, 'kustomization');
    mkdirSync(folder, { recursive: true });
    const from = (path: string) => relative(folder, join(ROOT, path));
    const kustomization = { resources: [from(overlay)], components: components.map(from) };
    writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization));
    return objectsIn(await kubectl(['kustomize', folder]));
  }

  it('has no fault that helm lint would find', async () => {
    await helm.run('lint', '--strict', CHART);
  });

  for (const variant of VARIANTS) {
    it(`with ${variant.name} is what kustomize makes, and the API server accepts it`, async () => {
      const text = await template(variant.values);
      const objects = objectsIn(text);
      const expected = (await kustomize(variant)).filter(({ kind }) => kind !== 'Namespace');
      expect(objects.map(idOf).sort()).to.deep.equal(expected.map(idOf).sort());
      for (const each of expected) {
        const ours = objects.find((candidate) => idOf(candidate) === idOf(each))!;
        expect(inOrder(ours), idOf(each)).to.deep.equal(inOrder(each));
      }
      const said = await kubectl(DRY_RUN, text);
      expect(said.trim().split('\n')).to.have.length(objects.length);
    });
  }

  it('names no namespace but its own, in policies, webhooks, certificates and everywhere', async () => {
    const values = { certificates: 'cert-manager' };
    const [there, here] = [await template(values, '123'), await template(values)];
    // All digits, and a text nevertheless.
    expect(objectsIn(there)).to.deep.equal(
      objectsIn(here.replaceAll(SYSTEM, '123').replaceAll(/ 123$/gm, ' "123"')),
    );
    expect(here.split(SYSTEM).length).to.be.greaterThan(50);
    expect(there).to.not.contain(SYSTEM);
    await kubectl(DRY_RUN, there);
  });

  it('has no hooks and, but for the class, nothing of what holds data', async () => {
    const objects = objectsIn(await helm.run('template', 'x', CHART, '--include-crds'));
    expect(JSON.stringify(objects)).to.not.contain('helm.sh/hook');
    const kinds = new Set(objects.map(({ kind }) => kind!));
    expect(kinds).to.include('StorageClass');
    for (const kind of [
      'CustomResourceDefinition',
      'Namespace',
      'PersistentVolume',
      'PersistentVolumeClaim',
    ]) {
      expect(kinds).to.not.include(kind);
    }
  });

  it('says in its notes which CRD is missing, or refuses what the values allow', async () => {
    const notes = (modePattern: string) =>
      helm.run(
        'install',
        'x',
        CHART,
        `--namespace=${SYSTEM}`,
        '--dry-run=server',
        ...valueFlags({ modePattern }),
      );
    const none = 'There is no TServer CRD';
    const strict = 'The TServer CRD refuses modes with the digit 0';
    expect(await notes('seed'))
      .to.contain(none)
      .and.contain('kubectl apply -f crd\n');
    expect(await notes('posix'))
      .to.contain(none)
      .and.contain('kubectl apply -f crd-posix\n');
    await kubectl(['apply', '-f', `${CHART}/crd`]);
    expect(await notes('seed'))
      .to.not.contain(none)
      .and.not.contain(strict);
    expect(await notes('posix'))
      .to.contain(strict)
      .and.contain('kubectl apply -f crd-posix\n');
    await kubectl(['apply', '-f', `${CHART}/crd-posix`]);
    expect(await notes('posix'))
      .to.not.contain(none)
      .and.not.contain(strict);
  });

  describe('values', () => {
    it('are in values.yaml, the schema and the README, each of them', async () => {
      const leaves = Object.entries(
        parse(await helm.run('show', 'values', CHART)) as Record<string, unknown>,
      ).flatMap(([first, value]) =>
        value !== null && typeof value === 'object' && !Array.isArray(value)
          ? Object.keys(value).map((second) => `${first}.${second}`)
          : [first],
      );
      const readme = await helm.run('show', 'readme', CHART);
      const rows = [...readme.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path!);
      expect(rows).to.deep.equal(leaves);
      const schema = JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8')) as ValuesSchema;
      for (const path of leaves) {
        const [first, second] = path.split('.') as [string, string?];
        const group = schema.properties[first]!;
        expect(second === undefined ? group : group.properties![second], path).to.include.keys('description');
      }
    });

    const IMAGE = '.spec.template.spec.containers[0].image';
    const deployment = `Deployment/t-local-volume-webhook in ${SYSTEM}`;
    const daemonSet = `DaemonSet/t-local-volume-agent in ${SYSTEM}`;

    const EFFECTS: readonly (readonly [string, Record<string, unknown>, string, string, unknown])[] = [
      [
        'a tag',
        { 'image.repository': 'example.com:5000/tlv', 'image.tag': 'v1' },
        deployment,
        IMAGE,
        'example.com:5000/tlv:v1',
      ],
      [
        'a digest',
        { 'image.repository': 'example.com/tlv', 'image.digest': `sha256:${'0'.repeat(64)}` },
        daemonSet,
        IMAGE,
        `example.com/tlv@sha256:${'0'.repeat(64)}`,
      ],
      [
        'pull secrets',
        { 'image.pullSecrets': [{ name: 'registry' }] },
        daemonSet,
        '.spec.template.spec.imagePullSecrets',
        [{ name: 'registry' }],
      ],
      [
        'a pull policy',
        { 'image.pullPolicy': 'Always' },
        deployment,
        '.spec.template.spec.containers[1].imagePullPolicy',
        'Always',
      ],
      ['replicas', { 'webhook.replicas': 3 }, deployment, '.spec.replicas', 3],
      [
        'tolerations',
        { 'webhook.tolerations': [{ operator: 'Exists' }] },
        deployment,
        '.spec.template.spec.tolerations',
        [{ operator: 'Exists' }],
      ],
      ['no tolerations', { 'agent.tolerations': [] }, daemonSet, '.spec.template.spec.tolerations', []],
      [
        'a flag of the webhook',
        { 'webhook.extraArgs': ['--shutdown-delay=9'] },
        deployment,
        '.spec.template.spec.containers[0].args[4]',
        '--shutdown-delay=9',
      ],
      [
        'a flag of the sweeper',
        { 'sweeper.extraArgs': ['--delay=60'] },
        deployment,
        '.spec.template.spec.containers[1].args[2]',
        '--delay=60',
      ],
      [
        'flags of the agent',
        { 'agent.extraArgs': ['--offer-ttl=60', '--require-mount-point'] },
        daemonSet,
        '.spec.template.spec.containers[0].args',
        ['agent', '--metrics-port=9808', '--offer-ttl=60', '--require-mount-point'],
      ],
      [
        'a root: what is mounted',
        { 'agent.root': '/srv/volumes' },
        daemonSet,
        '.spec.template.spec.volumes[0].hostPath.path',
        '/srv/volumes',
      ],
      [
        'a root: where',
        { 'agent.root': '/srv/volumes' },
        daemonSet,
        '.spec.template.spec.containers[0].volumeMounts[0].mountPath',
        '/srv/volumes',
      ],
      [
        'a reserve',
        { 'agent.reserve': '5Gi' },
        daemonSet,
        '.spec.template.spec.containers[0].env[3]',
        { name: 'TLV_RESERVE', value: '5Gi' },
      ],
      [
        'another strategy',
        { 'agent.updateStrategy.type': 'OnDelete' },
        daemonSet,
        '.spec.updateStrategy.type',
        'OnDelete',
      ],
      [
        'a selector beside ours',
        { 'agent.nodeSelector': { disk: 'ssd' } },
        daemonSet,
        '.spec.template.spec.nodeSelector',
        { 'kubernetes.io/os': 'linux', disk: 'ssd' },
      ],
      [
        'a reclaim policy',
        { 'storageClass.reclaimPolicy': 'Retain' },
        'StorageClass/t-storage-class',
        '.reclaimPolicy',
        'Retain',
      ],
      [
        'room that is not looked at',
        { 'csiDriver.storageCapacity': false },
        'CSIDriver/local.tars.io',
        '.spec.storageCapacity',
        false,
      ],
      ['no class', { 'storageClass.create': false }, 'StorageClass/t-storage-class', '', undefined],
      [
        'no network policy',
        { 'networkPolicy.create': false },
        `NetworkPolicy/t-local-volume-agent in ${SYSTEM}`,
        '',
        undefined,
      ],
      [
        'one replica: no budget',
        { 'webhook.replicas': 1 },
        `PodDisruptionBudget/t-local-volume-webhook in ${SYSTEM}`,
        '',
        undefined,
      ],
      [
        'a namespace that is left alone',
        { excludedNamespaces: ['legacy'] },
        'MutatingWebhookConfiguration/t-local-volume',
        '.webhooks[4].namespaceSelector.matchExpressions[0].values',
        ['kube-system', SYSTEM, 'legacy'],
      ],
      [
        'a namespace that no rule is for',
        { excludedNamespaces: ['legacy'] },
        'ValidatingAdmissionPolicy/t-local-volume-claims',
        '.spec.matchConstraints.namespaceSelector.matchExpressions[0].values',
        ['kube-system', SYSTEM, 'legacy'],
      ],
    ];
    for (const [what, values, id, path, expected] of EFFECTS) {
      it(`do what they say: ${what}`, async () => {
        const found = await object(id, values);
        const steps = path.match(/[^.[\]]+/g) ?? [];
        const value = steps.reduce<unknown>((node, step) => (node as Record<string, unknown>)[step], found);
        expect(value).to.deep.equal(expected);
      });
    }

    it('are refused where they cannot be, by name', async () => {
      const REFUSED: readonly (readonly [string, unknown, string])[] = [
        ['provisioning', 'discovery', "value must be one of 'on-demand', 'per-node'"],
        ['modePattern', '0750', "value must be one of 'seed', 'posix'"],
        ['certificates', 'none', "value must be one of 'self-managed', 'cert-manager'"],
        ['relaxedHostname', 'yes', 'got string, want boolean'],
        ['backends', 'loop', 'got string, want boolean'],
        ['webhook.replicas', 0, 'minimum: got 0, want 1'],
        ['webhook.replicas', null, "missing property 'replicas'"],
        ['image.pullPolicy', 'Sometimes', 'value must be one of'],
        ['image.digest', 'sha256:abc', 'does not match pattern'],
        ['image.pullSecrets', ['registry'], 'got string, want object'],
        ['agent.root', 'srv', 'does not match pattern'],
        ['agent.root', '/srv/../etc', 'does not match pattern'],
        ['agent.root', '/', 'does not match pattern'],
        ['agent.reserve', '10 %', 'does not match pattern'],
        ['agent.resources', { limits: { memory: '256MB' } }, 'does not match pattern'],
        ['agent.resources', { limit: {} }, "additional properties 'limit' not allowed"],
        ['agent.tolerations', [{ effect: 'Never' }], 'value must be one of'],
        ['agent.extraArgs', ['--init-pool'], 'does not match pattern'],
        ['agent.extraArgs', ['--root=/srv'], 'does not match pattern'],
        ['agent.extraArgs', ['--offer-ttl'], 'does not match pattern'],
        ['webhook.extraArgs', ['--port=1'], 'does not match pattern'],
        ['sweeper.extraArgs', ['--offer-ttl=1'], 'does not match pattern'],
        ['excludedNamespaces', ['Legacy'], 'does not match pattern'],
        ['storageClass.reclaimPolicy', 'Recycle', 'value must be one of'],
        ['networkPolicy.metricsFrom', [], 'minItems: got 0, want 1'],
        ['networkPolicy.apiServerPorts', [{ port: 0 }], 'minimum: got 0, want 1'],
        ['replicas', 2, "additional properties 'replicas' not allowed"],
        ['agent.affinity', {}, "additional properties 'affinity' not allowed"],
      ];
      for (const [path, value, why] of REFUSED) {
        const { code, stderr } = await helm.try(
          'template',
          CHART,
          `--set-json=${path}=${JSON.stringify(value)}`,
        );
        const what = `${path}=${JSON.stringify(value)}`;
        expect(code, what).to.equal(1);
        // Of what is missing or too much, the place is the map that it should be in.
        const [first, second] = path.split('.') as [string, string?];
        expect(stderr, what).to.match(
          new RegExp(second ? `at '/${first}(/${second}[^']*)?'` : `at '(/${first}[^']*)?'`),
        );
        expect(stderr, what).to.contain(why);
      }
    });

    it('are the same ones where the chart is part of another', async () => {
      const parent = join(plane.directory, 'parent');
      mkdirSync(join(parent, 'charts'), { recursive: true });
      writeFileSync(join(parent, 'Chart.yaml'), 'apiVersion: v2\nname: parent\nversion: 1.0.0\n');
      await helm.run('package', CHART, `--destination=${join(parent, 'charts')}`);
      const values = valueFlags({ 'global.registry': 'example.com', 't-local-volume.webhook.replicas': 3 });
      const rendered = await helm.run('template', 'x', parent, ...values);
      expect(rendered).to.contain('replicas: 3');
    });
  });
});

/** kustomize puts the variables that it patches before the others, which nobody minds: none stands for another. */
function inOrder(object: KubeObject): KubeObject {
  const copy = structuredClone(object) as KubeObject & PodOwner;
  for (const { env } of copy.spec?.template?.spec?.containers ?? []) {
    env.sort((a, b) => a.name.localeCompare(b.name));
  }
  return copy;
}

interface ValuesSchema {
  readonly properties: Readonly<Record<string, Partial<ValuesSchema>>>;
}

interface PodOwner {
  readonly spec?: {
    readonly template?: {
      readonly spec?: { readonly containers: readonly { readonly env: { name: string }[] }[] };
    };
  };
}
