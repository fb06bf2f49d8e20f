import { expect } from 'chai';
import { stringify } from 'yaml';
import { Installed } from './installed.ts';
import { waitFor } from './wait.ts';

/**
 * The webhook in front of a real API server, used as people use it: every way of kubectl to write a
 * StatefulSet, on one of a TServer, a labelled one, one with a template of the class, and a foreign one.
 */

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}

interface StoredSet {
  readonly metadata: { readonly generation: number };
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly volumes?: { readonly name: string }[];
        readonly containers: { readonly name: string; readonly volumeMounts?: Mount[] }[];
      };
    };
    readonly volumeClaimTemplates?: { readonly metadata: { readonly name: string } }[];
  };
}

const OTHER_TERM = {
  labelSelector: { matchLabels: { app: 'other' } },
  topologyKey: 'kubernetes.io/hostname',
};

function statefulSet(name: string, extra: { labels?: object; templates?: object[]; pod?: object } = {}) {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: 'default', labels: { ...labels, ...extra.labels } },
    spec: {
      replicas: 1,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            { name: 'main', image: 'a:1', volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }] },
            { name: 'side', image: 'b:1' },
          ],
          volumes: [{ name: 'tmp', emptyDir: {} }],
          ...extra.pod,
        },
      },
      ...(extra.templates ? { volumeClaimTemplates: extra.templates } : {}),
    },
  };
}

type Manifest = ReturnType<typeof statefulSet>;

function tserver(app: string, server: string, k8s: object) {
  return {
    apiVersion: 'k8s.tars.io/v1beta3',
    kind: 'TServer',
    metadata: { name: `${app}-${server}`, namespace: 'default' },
    spec: { app, server, subType: 'tars', k8s },
  };
}

const localMount = (name: string, mountPath = `/${name}`) => ({
  name,
  mountPath,
  source: { tLocalVolume: {} },
});

const template = (name: string, storageClassName: string) => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1G' } } },
});

const withReplicas = (manifest: Manifest, replicas: number): Manifest => ({
  ...manifest,
  spec: { ...manifest.spec, replicas },
});

describe('the webhook behind kubectl', function () {
  this.timeout(300_000);
  this.slow(5000);
  let cluster: Installed;

  before(async () => {
    cluster = await Installed.start();
    await cluster.apply([
      tserver('tars', 'owned', { hostIPC: true, mounts: [localMount('logs'), localMount('data')] }),
    ]);
  });
  after(async () => cluster?.stop());

  const write = (verb: string[], manifest: object) =>
    cluster.plane.kubectl([...verb, '-f', '-'], { input: stringify(manifest) });

  async function accepted(verb: string[], manifest: object): Promise<void> {
    let { code, stderr } = await write(verb, manifest);
    // Somebody else's write in between, as the StatefulSet controller's of the status, is no refusal.
    while (code !== 0 && stderr.includes('Conflict')) ({ code, stderr } = await write(verb, manifest));
    expect(code, `kubectl ${verb.join(' ')}: ${stderr}`).to.equal(0);
  }

  const stored = async (name: string) =>
    JSON.parse(await cluster.kubectl('get', 'sts', name, '-o', 'json')) as StoredSet;

  /** Nothing of the pods changed, and no mount leads nowhere. */
  async function expectSame(name: string, first: StoredSet): Promise<StoredSet> {
    const now = await stored(name);
    expect(now.spec.template).to.deep.equal(first.spec.template);
    expect(now.spec.volumeClaimTemplates).to.deep.equal(first.spec.volumeClaimTemplates);
    expectNoneDangling(now);
    return now;
  }

  function expectNoneDangling({ spec }: StoredSet): void {
    const volumes = new Set([
      ...(spec.template.spec.volumes ?? []).map(({ name }) => name),
      ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
    ]);
    for (const { name, volumeMounts } of spec.template.spec.containers) {
      for (const mount of volumeMounts ?? [])
        expect(volumes, `${name} mounts ${mount.name}`).to.include(mount.name);
    }
  }

  interface Case {
    readonly manifest: (suffix: string) => Manifest;
    /** Names of the templates that it is stored with. */
    readonly templates: readonly string[];
    readonly mounts: readonly string[];
  }

  const CASES: Record<string, Case> = {
    'of a TServer': {
      manifest: (suffix) =>
        statefulSet(`owned-${suffix}`, {
          labels: { 'tars.io/ServerApp': 'tars', 'tars.io/ServerName': 'owned' },
          pod: {
            affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [OTHER_TERM] } },
          },
        }),
      templates: ['logs', 'data', 'delay-bind'],
      mounts: ['tmp', 'logs', 'data'],
    },
    'that is labelled': {
      manifest: (suffix) =>
        statefulSet(`labelled-${suffix}`, {
          labels: { 'tars.io/ServerApp': 'plain', 'tars.io/ServerName': `labelled-${suffix}` },
          pod: { hostNetwork: true },
        }),
      templates: ['delay-bind'],
      mounts: ['tmp'],
    },
    'with a template of the class': {
      manifest: (suffix) =>
        statefulSet(`class-${suffix}`, { templates: [template('own', 't-storage-class')] }),
      templates: ['own'],
      mounts: ['tmp'],
    },
    'that is foreign': {
      manifest: (suffix) =>
        statefulSet(`foreign-${suffix}`, {
          templates: [template('own', 'standard')],
          pod: { hostIPC: true },
        }),
      templates: ['own'],
      mounts: ['tmp'],
    },
  };

  for (const [what, { manifest: make, templates, mounts }] of Object.entries(CASES)) {
    describe(`a StatefulSet ${what}`, () => {
      async function expectInjected(name: string): Promise<StoredSet> {
        const set = await stored(name);
        expect((set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name)).to.deep.equal(
          templates,
        );
        const [main, side] = set.spec.template.spec.containers;
        expect((main?.volumeMounts ?? []).map((mount) => mount.name)).to.deep.equal(mounts);
        expect(side?.volumeMounts ?? []).to.deep.equal([]);
        return set;
      }

      it('is applied, applied again, scaled by apply, and never refused', async () => {
        const manifest = make('apply');
        const { name } = manifest.metadata;
        await accepted(['apply'], manifest);
        const first = await expectInjected(name);
        await accepted(['apply'], manifest);
        const second = await expectSame(name, first);
        expect(second.metadata.generation).to.equal(first.metadata.generation);
        await accepted(['apply'], withReplicas(manifest, 3));
        expect((await expectSame(name, first)).spec.replicas).to.equal(3);
      });

      it('is created and replaced by the plain manifest', async () => {
        const manifest = make('replace');
        const { name } = manifest.metadata;
        await accepted(['create'], manifest);
        const first = await expectInjected(name);
        await accepted(['replace'], manifest);
        await accepted(['replace'], withReplicas(manifest, 2));
        expect((await expectSame(name, first)).spec.replicas).to.equal(2);
      });

      it('is applied on the server by one field manager, again and again', async () => {
        const manifest = make('ssa');
        const { name } = manifest.metadata;
        await accepted(['apply', '--server-side'], manifest);
        const first = await expectInjected(name);
        await accepted(['apply', '--server-side'], manifest);
        await accepted(['apply', '--server-side'], withReplicas(manifest, 4));
        expect((await expectSame(name, first)).spec.replicas).to.equal(4);
      });

      it('is patched in three ways, scaled, labelled and restarted', async () => {
        const manifest = make('patch');
        const { name } = manifest.metadata;
        await accepted(['apply'], manifest);
        const first = await expectInjected(name);
        await cluster.kubectl('patch', 'sts', name, '--type=strategic', '-p', '{"spec":{"replicas":2}}');
        await cluster.kubectl('patch', 'sts', name, '--type=merge', '-p', '{"spec":{"replicas":3}}');
        await cluster.kubectl(
          'patch',
          'sts',
          name,
          '--type=json',
          '-p',
          '[{"op":"replace","path":"/spec/replicas","value":4}]',
        );
        await cluster.kubectl('scale', 'sts', name, '--replicas=5');
        await cluster.kubectl('label', 'sts', name, 'team=a');
        expect((await expectSame(name, first)).spec.replicas).to.equal(5);
        await cluster.kubectl('set', 'image', `sts/${name}`, 'main=a:2');
        await cluster.kubectl('rollout', 'restart', `sts/${name}`);
        await expectInjected(name);
        expectNoneDangling(await stored(name));
      });

      it('shows no difference, and a dry run writes nothing', async () => {
        const manifest = make('diff');
        const { name } = manifest.metadata;
        await accepted(['apply', '--dry-run=server'], manifest);
        expect((await cluster.plane.kubectl(['get', 'sts', name])).code).to.equal(1);
        await accepted(['apply'], manifest);
        const { code, stdout } = await write(['diff'], manifest);
        expect(stdout).to.equal('');
        expect(code).to.equal(0);
      });
    });
  }

  it('injects in one file with the TServer, fifty times', async () => {
    const files = Array.from({ length: 50 }, (_, index) => {
      const server = `many${index}`;
      return [tserver('tars', server, { mounts: [localMount('data')] }), statefulSet(`tars-${server}`)];
    });
    for (const pair of files) await accepted(['apply'], { apiVersion: 'v1', kind: 'List', items: pair });
    const names = await cluster.kubectl(
      'get',
      'sts',
      '-o',
      'jsonpath={range .items[*]}{.metadata.name}={.spec.volumeClaimTemplates[*].metadata.name}{"\\n"}{end}',
    );
    const many = names.split('\n').filter((line) => line.startsWith('tars-many'));
    expect(many).to.have.length(50);
    for (const line of many) expect(line).to.match(/=data$/);
  }).timeout(600_000);

  it('refuses a StatefulSet that requires its TServer until that is there', async () => {
    const set = statefulSet('tars-late', { labels: { 'local.tars.io/tserver': 'required' } });
    const refused = await write(['apply'], set);
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.equal(
      'The StatefulSet "tars-late" is invalid: metadata.labels[local.tars.io/tserver]: Required value: there is no TServer for StatefulSet default/tars-late yet, and without it the volumes would be missing for good; apply the TServer first, or just apply again (TLV501)\n',
    );
    await accepted(['apply'], tserver('tars', 'late', { mounts: [localMount('data')] }));
    await accepted(['apply'], set);
    expect((await stored('tars-late')).spec.volumeClaimTemplates).to.have.length(1);
  });

  it('lets a StatefulSet come first without the label, and its TServer warns', async () => {
    await accepted(['apply'], statefulSet('tars-early'));
    const { code, stderr } = await write(
      ['apply'],
      tserver('tars', 'early', { mounts: [localMount('data')] }),
    );
    expect(code).to.equal(0);
    expect(stderr).to.match(/^Warning: .*tars-early/);
    expect(stderr).to.match(/--cascade=orphan/);
  });

  it('prints every violation of a StatefulSet at once', async () => {
    const set = statefulSet('bad', {
      templates: [
        {
          metadata: {
            name: 'data',
            annotations: { 'tars.io/LocalVolumeMode': '750', 'tars.io/LocalVolumeUID': '01' },
          },
          spec: { accessModes: ['ReadWriteMany'], storageClassName: 't-storage-class' },
        },
      ],
    });
    const { code, stderr } = await write(['apply'], set);
    expect(code).to.equal(1);
    const [head, ...causes] = stderr.trim().split('\n');
    expect(head).to.equal('The StatefulSet "bad" is invalid: ');
    expect(causes.map((line) => /^\* (\S+): .* \((TLV\d{3})\)$/.exec(line)?.slice(1))).to.deep.equal([
      ['spec.volumeClaimTemplates[0].spec.accessModes[0]', 'TLV401'],
      ['spec.volumeClaimTemplates[0].metadata.annotations[tars.io/LocalVolumeUID]', 'TLV301'],
      ['spec.volumeClaimTemplates[0].metadata.annotations[tars.io/LocalVolumeMode]', 'TLV303'],
    ]);
  });

  it("mirrors the scheduler's choice into the routing label", async () => {
    await cluster.plane.addNodes(['node-1']);
    await accepted(['apply'], statefulSet('routed', { templates: [template('own', 't-storage-class')] }));
    await waitFor('the routing label', async () => {
      const path = '{.metadata.labels.local\\.tars\\.io/node}';
      return (
        (await cluster.kubectl(
          'get',
          'pvc',
          'own-routed-0',
          '--ignore-not-found',
          '-o',
          `jsonpath=${path}`,
        )) === 'node-1'
      );
    });
  });

  it('rolls no pods when the product itself is upgraded and would derive something else', async () => {
    const manifest = statefulSet('tars-upgraded');
    await accepted(['apply'], tserver('tars', 'upgraded', { mounts: [localMount('data')] }));
    await accepted(['apply'], manifest);
    const first = await stored('tars-upgraded');
    await cluster.stopWebhook();
    // Another way of the class means other labels, another selector and no anti-affinity: as good as a new version.
    await cluster.startWebhook(undefined, ['--classes', 't-storage-class=per-node']);
    await accepted(['apply'], manifest);
    await accepted(['replace'], manifest);
    await accepted(['apply'], withReplicas(manifest, 2));
    await expectSame('tars-upgraded', first);
    await accepted(
      ['apply'],
      statefulSet('tars-upgraded-new', { templates: [template('own', 't-storage-class')] }),
    );
    const path = '{.spec.volumeClaimTemplates[0].metadata.labels.local\\.tars\\.io/namespace}';
    expect(await cluster.kubectl('get', 'sts', 'tars-upgraded-new', '-o', `jsonpath=${path}`)).to.equal(
      'default',
    );
    await cluster.stopWebhook();
    await cluster.startWebhook();
  });

  /** What the node agent will do: one volume for one claim, on the only node. */
  async function provisionByHand(claim: string): Promise<void> {
    const uid = await waitFor('the claim', async () => {
      const found = ['get', 'pvc', claim, '--ignore-not-found', '-o', 'jsonpath={.metadata.uid}'];
      return (await cluster.kubectl(...found)) || undefined;
    });
    const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] };
    await cluster.apply([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: {
          name: `of-${claim}`,
          annotations: { 'pv.kubernetes.io/provisioned-by': 'local.tars.io' },
        },
        spec: {
          accessModes: ['ReadWriteOnce'],
          capacity: { storage: '5Gi' },
          claimRef: {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            namespace: 'default',
            name: claim,
            uid,
          },
          local: { path: `/nowhere/${claim}` },
          nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
          persistentVolumeReclaimPolicy: 'Delete',
          storageClassName: 't-storage-class',
        },
      },
    ]);
  }

  it('keeps old StatefulSets scalable when their TServer grew, and its remedy works to the end', async () => {
    const set = statefulSet('tars-grown', { pod: { terminationGracePeriodSeconds: 0 } });
    await accepted(['apply'], tserver('tars', 'grown', { mounts: [localMount('kept')] }));
    await accepted(['apply'], set);
    await provisionByHand('kept-tars-grown-0');
    await waitFor(
      'the first pod',
      async () =>
        (await cluster.kubectl(
          'get',
          'pod',
          'tars-grown-0',
          '--ignore-not-found',
          '-o',
          'jsonpath={.status.phase}',
        )) === 'Running',
    );
    await accepted(['apply'], tserver('tars', 'grown', { mounts: [localMount('kept'), localMount('data')] }));
    const tried = () => write(['apply', '--dry-run=server'], withReplicas(set, 2));
    await waitFor('the webhook to know of it', async () => (await tried()).stderr.includes('without data'));
    const scaled = await write(['apply'], withReplicas(set, 2));
    expect(scaled.code, scaled.stderr).to.equal(0);
    expect(scaled.stderr).to.match(/^Warning: .*TLV901|^Warning: .*keeps the one it has, without data/m);
    expect((await stored('tars-grown')).spec.replicas).to.equal(2);

    const uid = ['get', 'pvc', 'kept-tars-grown-0', '-o', 'jsonpath={.metadata.uid}'];
    const before = await cluster.kubectl(...uid);
    await cluster.kubectl('delete', 'sts', 'tars-grown', '--cascade=orphan');
    await accepted(['apply'], withReplicas(set, 2));
    expect((await stored('tars-grown')).spec.volumeClaimTemplates).to.have.length(2);
    for (const pod of ['tars-grown-0', 'tars-grown-1']) {
      await cluster.kubectl('delete', 'pod', pod, '--ignore-not-found');
    }
    await accepted(['apply'], withReplicas(set, 3));
    await waitFor('the new pods and claims', async () => {
      const claims = await cluster.kubectl('get', 'pvc', '-o', 'name');
      return [0, 1, 2].every((ordinal) => claims.includes(`data-tars-grown-${ordinal}`));
    });
    expect(await cluster.kubectl(...uid), 'the old claim').to.equal(before);
    await cluster.kubectl('scale', 'sts', 'tars-grown', '--replicas=1');
    await waitFor(
      'the scale down',
      async () =>
        (await cluster.kubectl('get', 'pod', 'tars-grown-2', '--ignore-not-found', '-o', 'name')) === '',
    );
  });
});
