import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { ROOT, tlv } from '../offline/tlv.ts';
import type { StatefulSet } from '../../src/tars/shapes.ts';
import {
  claim,
  LABELS,
  localMount,
  type SetParts,
  statefulSet,
  templateMount,
  tserver,
} from '../unit/builders.ts';
import type { KubeObject } from './api.ts';
import { GoldenTexts } from './golden-texts.ts';
import { Installed } from './installed.ts';
import { CLAIMS, PODS, STATEFUL_SETS, VOLUMES } from './paths.ts';
import { waitFor } from './wait.ts';

/**
 * All pods of the webhook are gone at once, with its configurations in place: a cluster must not notice, but for those
 * who create or change what is opted in. Volumes are made here by hand, as an agent would.
 */

const NODES = ['node-1', 'node-2', 'node-3', 'node-4'];

interface Claim extends KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Record<string, string>;
    readonly annotations: Record<string, string>;
  };
  readonly spec: Record<string, unknown> & { readonly volumeName?: string };
  readonly status: { readonly phase: string };
}

interface StoredSet {
  readonly spec: { readonly volumeClaimTemplates: readonly Pick<Claim, 'metadata' | 'spec'>[] };
  readonly status: { readonly replicas: number; readonly readyReplicas?: number };
}

interface Listed<T> {
  readonly items: readonly T[];
}

const HOST_NETWORK = '{"spec":{"k8s":{"hostNetwork":true}}}';
const ON_HOST = { hostNetwork: true };
const QUICK = { terminationGracePeriodSeconds: 0 };

const SERVER = tserver({ hostIPC: true, mounts: [localMount('data')] });

/** A StatefulSet with a selector of its own, so that no two of them mean the same pods. */
function own(name: string, { metadata, pod, templates }: SetParts = {}, replicas = 1): StatefulSet {
  const labels = { app: name };
  const { spec, ...set } = statefulSet({
    metadata: { name, ...metadata },
    pod: { ...QUICK, ...pod },
    ...(templates ? { templates } : {}),
  });
  const template = { ...spec!.template, metadata: { labels } };
  const selector = { matchLabels: labels };
  return { ...set, spec: { ...spec, replicas, podManagementPolicy: 'Parallel', selector, template } };
}

const RUNNING = own('tars-tarslog', {}, 2);
const foreign = (image: string) =>
  own('foreign', { pod: { ...ON_HOST, containers: [{ name: 'foreign', image }] } }, 2);

const HELD = { finalizers: ['example.com/held'] };
const DELETED_LATER = [
  ...['background', 'foreground', 'orphan'].map((cascade) =>
    own(`deleted-${cascade}`, { metadata: { labels: LABELS } }),
  ),
  own('deleted-held', { metadata: { labels: LABELS, ...HELD } }),
  tserver({ mounts: [templateMount('a')] }, { app: 'deleted', server: 'one' }, { name: 'deleted-one' }),
  tserver({}, { app: 'deleted', server: 'held' }, { name: 'deleted-held', ...HELD }),
];

const asClaim = (name: string) => ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim(name) });

const golden = new GoldenTexts('webhook-down');

describe('while the webhook is down', function () {
  this.timeout(300_000);
  this.slow(5000);
  let cluster: Installed;

  before(async () => {
    cluster = await Installed.start();
    await cluster.plane.addNodes(NODES);
    await accepted(['create'], SERVER);
    await accepted(['create'], RUNNING);
    await running('tars-tarslog', 2);
    for (const each of DELETED_LATER) await accepted(['create'], each);
    await cluster.stopWebhook('SIGKILL');
  });
  after(async () => cluster?.stop());

  const kubectl = (...args: string[]) => cluster.kubectl(...args);
  const write = (verb: readonly string[], object: object | string) =>
    cluster.plane.kubectl([...verb, '-f', '-'], {
      input: typeof object === 'string' ? object : stringify(object),
    });
  const get = async <T>(path: string) => (await cluster.plane.api<T>('GET', path)).body;

  async function accepted(verb: readonly string[], object: object | string): Promise<void> {
    const { code, stderr } = await write(verb, object);
    expect(code, stderr).to.equal(0);
  }

  /** What kubectl prints, whatever the port is today. */
  const textOf = (stderr: string) => stderr.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT');

  async function refused(name: string, outcome: Promise<{ code: number; stderr: string }>): Promise<void> {
    const { code, stderr } = await outcome;
    golden.expect(name, textOf(stderr));
    expect(code).to.equal(1);
  }

  /** The agent's part: a volume for each claim that has a node. */
  async function serveClaims(): Promise<void> {
    const { items } = await get<Listed<Claim>>(CLAIMS);
    for (const item of items) {
      const node = item.metadata.annotations['volume.kubernetes.io/selected-node'];
      if (item.spec.volumeName || !node) continue;
      // Made by the last round already, and not bound yet.
      const { status } = await cluster.plane.api('POST', VOLUMES, volumeFor(item, node));
      expect(status).to.be.oneOf([201, 409]);
    }
  }

  /** All its replicas are Ready, each with its claims bound. */
  async function running(name: string, replicas: number): Promise<void> {
    await waitFor(
      `${replicas} replicas of ${name}`,
      async () => {
        await serveClaims();
        const { status } = await get<StoredSet>(`${STATEFUL_SETS}/${name}`);
        return status.replicas === replicas && status.readyReplicas === replicas;
      },
      { timeoutMs: 60_000 },
    );
  }

  const claimsOf = async (name: string) =>
    (await get<Listed<Claim>>(CLAIMS)).items.filter((item) =>
      new RegExp(`-${name}-\\d+$`).test(item.metadata.name),
    );

  it('a foreign StatefulSet is created, changed, scaled, restarted and deleted', async () => {
    await accepted(['apply'], foreign('a:1'));
    await running('foreign', 2);
    await accepted(['apply'], foreign('a:2'));
    await kubectl('scale', 'sts/foreign', '--replicas=3');
    await kubectl('label', 'sts/foreign', 'team=a');
    await kubectl('rollout', 'restart', 'sts/foreign');
    await running('foreign', 3);
    await kubectl('rollout', 'status', 'sts/foreign', '--timeout=120s');
    await kubectl('delete', 'sts/foreign', '--wait=true');
  });

  it('an opted-in one scales, and its new claims are complete and bound', async () => {
    await kubectl('scale', 'sts/tars-tarslog', '--replicas=4');
    await running('tars-tarslog', 4);
    const { spec } = await get<StoredSet>(`${STATEFUL_SETS}/tars-tarslog`);
    // Pods run on what their claims are annotated with; that they are Bound is written a moment later.
    const claims = await waitFor('all claims to be bound', async () => {
      const all = await claimsOf('tars-tarslog');
      return all.every(({ status }) => status.phase === 'Bound') && all;
    });
    expect(claims).to.have.length(4 * 2);
    for (const { metadata, spec: given } of claims) {
      const template = spec.volumeClaimTemplates.find(({ metadata: { name } }) =>
        metadata.name.startsWith(`${name}-tars-`),
      )!;
      expect(metadata.labels).to.include(template.metadata.labels);
      expect(metadata.annotations).to.include(template.metadata.annotations ?? {});
      const { volumeName: _bound, ...asked } = given;
      expect(asked).to.deep.equal(template.spec);
    }
  });

  it('deleted pods come back, and its status goes on', async () => {
    const path = `${PODS}/tars-tarslog-1`;
    const uid = (await get<KubeObject>(path)).metadata!.uid;
    await kubectl('delete', 'pod', 'tars-tarslog-1');
    await waitFor('another pod of that name to run', async () => {
      const pod = await get<KubeObject & { status: { phase: string } }>(path);
      return pod.metadata!.uid !== uid && pod.status.phase === 'Running';
    });
    await running('tars-tarslog', 4);
    await kubectl('scale', 'sts/tars-tarslog', '--replicas=3');
    await running('tars-tarslog', 3);
  });

  it('annotations and finalizers come and go', async () => {
    await kubectl('annotate', 'sts/tars-tarslog', 'a=b');
    await kubectl('annotate', 'tserver/tars-tarslog', 'a=b');
    await kubectl('label', 'tserver/tars-tarslog', 'a=b');
    await kubectl('label', 'pvc/data-tars-tarslog-0', 'a=b');
  });

  describe('with a clear error', () => {
    const named = (name: string) => own(name, { metadata: { labels: LABELS } });

    it('an opted-in StatefulSet is not created', () => refused('create', write(['create'], named('new'))));

    it('nor applied', () => refused('apply', write(['apply'], named('new'))));

    it('nor tried', () => refused('dry-run', write(['apply', '--dry-run=server'], named('new'))));

    it('nor changed', () =>
      refused('set-image', cluster.plane.kubectl(['set', 'image', 'sts/tars-tarslog', '*=a:2'])));

    it('nor restarted', () =>
      refused('restart', cluster.plane.kubectl(['rollout', 'restart', 'sts/tars-tarslog'])));

    it('a TServer is not created', () =>
      refused('tserver-create', write(['create'], tserver({}, { server: 'new' }, { name: 'tars-new' }))));

    it('nor changed', () =>
      refused(
        'tserver-patch',
        cluster.plane.kubectl(['patch', 'tserver/tars-tarslog', '--type=merge', '-p', HOST_NETWORK]),
      ));

    it('and a claim as people write it is kept out by the policy', () =>
      refused('claim', write(['create'], asClaim('half-made'))));

    it('nothing of all that is stored', async () => {
      for (const name of ['sts/new', 'tserver/tars-new', 'pvc/half-made']) {
        expect((await cluster.plane.kubectl(['get', name])).stderr, name).to.contain('NotFound');
      }
    });
  });

  describe('everything can be deleted', () => {
    const gone = (kind: string, name: string) =>
      waitFor(
        `${kind} ${name} to be gone`,
        async () => (await kubectl('get', kind, name, '--ignore-not-found', '-o', 'name')) === '',
      );

    for (const cascade of ['background', 'foreground', 'orphan']) {
      it(`a StatefulSet, --cascade=${cascade}`, async () => {
        await kubectl('delete', 'sts', `deleted-${cascade}`, `--cascade=${cascade}`, '--wait=false');
        await gone('sts', `deleted-${cascade}`);
        const pod = `deleted-${cascade}-0`;
        if (cascade === 'orphan') await kubectl('delete', 'pod', pod);
        await gone('pod', pod);
      });
    }

    it('one that a finalizer held', async () => {
      await kubectl('delete', 'sts', 'deleted-held', '--wait=false');
      await kubectl('patch', 'sts', 'deleted-held', '-p', '{"metadata":{"finalizers":null}}');
      await gone('sts', 'deleted-held');
    });

    it('a TServer, and one that a finalizer held', async () => {
      await kubectl('delete', 'tserver', 'deleted-one', 'deleted-held', '--wait=false');
      await kubectl(
        'patch',
        'tserver',
        'deleted-held',
        '--type=merge',
        '-p',
        '{"metadata":{"finalizers":null}}',
      );
      for (const name of ['deleted-one', 'deleted-held']) await gone('tserver', name);
    });

    it('a claim, its pod first, and its volume', async () => {
      const { volumeName } = (await get<Claim>(`${CLAIMS}/data-tars-tarslog-3`)).spec;
      await kubectl('delete', 'pvc', 'data-tars-tarslog-3', 'delay-bind-tars-tarslog-3');
      await kubectl('delete', 'pv', volumeName!, '--wait=false');
      await gone('pv', volumeName!);
    });
  });

  describe('switched off, as docs/break-glass.md says', () => {
    const commands = readFileSync(`${ROOT}docs/break-glass.md`, 'utf8').matchAll(/^kubectl (.*)$/gm);
    const off = [...commands].map(([, line]) => line!.split(' ')).find(([verb]) => verb === 'delete')!;
    const plain = own('plain', { metadata: { labels: LABELS }, templates: [claim('data')] }, 3);

    before(async () => {
      await kubectl(...off);
      await waitFor('nobody to be asked', async () => {
        const { code } = await cluster.plane.kubectl(['set', 'image', 'sts/tars-tarslog', '*=a:2']);
        return code === 0;
      });
    });

    it('a half-made StatefulSet is refused by the policy', () =>
      refused('off-statefulset', write(['create'], plain)));

    it('so is one on the host that nothing ties to its node', () =>
      refused(
        'off-untied',
        write(['create'], own('untied', { metadata: { labels: LABELS }, pod: ON_HOST })),
      ));

    it('so are a half-made claim and a bad TServer', async () => {
      await refused('off-claim', write(['create'], asClaim('half-made')));
      await refused(
        'off-tserver',
        write(
          ['create'],
          tserver({ mounts: [localMount('delay-bind')] }, { server: 'bad' }, { name: 'tars-bad' }),
        ),
      );
    });

    it('what tlv render makes of it passes, and runs', async () => {
      const { stdout, exit } = await tlv(['render', '-f', '-'], stringify(plain));
      expect(exit).to.equal(0);
      expect(parse(stdout) as object).to.have.nested.property('spec.volumeClaimTemplates');
      await accepted(['create'], stdout);
      await running('plain', 3);
    });

    it('a running one is changed, and keeps its list', async () => {
      await kubectl('rollout', 'status', 'sts/tars-tarslog', '--timeout=120s');
      await kubectl('patch', 'tserver/tars-tarslog', '--type=merge', '-p', HOST_NETWORK);
      const { spec } = await get<StoredSet>(`${STATEFUL_SETS}/tars-tarslog`);
      expect(spec.volumeClaimTemplates).to.have.length(2);
    });
  });

  describe('switched on again', () => {
    before(async () => {
      await cluster.applyOverlay();
      await cluster.startWebhook();
      await cluster.waitUntilAsked();
    });

    it('templates are added and bad ones refused', async () => {
      await accepted(['create'], own('again', { metadata: { labels: LABELS }, pod: ON_HOST }));
      const { spec } = await get<StoredSet>(`${STATEFUL_SETS}/again`);
      expect(spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).to.deep.equal(['delay-bind']);
      const bad = tserver({ mounts: [localMount('delay-bind')] }, { server: 'bad' }, { name: 'tars-bad' });
      expect((await write(['create'], bad)).stderr).to.match(
        /is invalid: spec\.k8s\.mounts\[0\]\.name: .* \(TLV201\)/,
      );
    });

    it('what was made meanwhile is applied, scaled and rolled', async () => {
      await accepted(['apply'], RUNNING);
      await kubectl('rollout', 'restart', 'sts/tars-tarslog', 'sts/plain');
      for (const name of ['tars-tarslog', 'plain']) {
        await kubectl('rollout', 'status', `sts/${name}`, '--timeout=120s');
      }
      expect(
        (await get<StoredSet>(`${STATEFUL_SETS}/tars-tarslog`)).spec.volumeClaimTemplates,
      ).to.have.length(2);
    });

    it('claims that were scheduled meanwhile get their routing label with whatever is next written', async () => {
      await kubectl('annotate', 'pvc', 'data-tars-tarslog-2', 'c=d');
      const { metadata } = await get<Claim>(`${CLAIMS}/data-tars-tarslog-2`);
      expect(metadata.labels['local.tars.io/node']).to.equal(
        metadata.annotations['volume.kubernetes.io/selected-node'],
      );
    });
  });

  describe('all in all', () => {
    it('has no golden text that nothing prints', () => golden.expectNoneUnused());
  });
});

/** What an agent makes for a claim on its node. */
function volumeFor({ metadata: { name, uid, labels } }: Claim, node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: `default-${name}-${uid}`,
      labels: { ...labels, 'kubernetes.io/hostname': node },
      annotations: { 'pv.kubernetes.io/provisioned-by': `agent-downloader-provisioner-${node}` },
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '5Gi' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'default', name, uid },
      local: { path: `/data/${name}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: 't-storage-class',
      volumeMode: 'Filesystem',
    },
  };
}
