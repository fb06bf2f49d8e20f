import { expect } from 'chai';
import type { KubeObject } from './api.ts';
import { ArgoCd } from './gitops/argocd.ts';
import { GitopsCluster } from './gitops/cluster.ts';
import { BUILD_TIMEOUT_MS } from './gitops/programs.ts';
import {
  MOUNTS,
  mountsOf,
  statefulSets,
  type StoredSet,
  TEMPLATES,
  templatesOf,
  TSERVERS,
  withImage,
} from './gitops/servers.ts';
import { type Application, application, kustomizeImage } from './gitops/snippets.ts';

/**
 * deploy/gitops/argocd on a real control plane, with a real webhook, by the code of Argo CD itself: its rendering is
 * kustomize, its syncs and comparisons are its own packages. What docs/gitops.md says is tried here, as one story.
 */

const CRD = application('t-local-volume.yaml', 't-local-volume-crd');
const PRODUCT = application('t-local-volume.yaml', 't-local-volume');
const SERVERS = application('servers.yaml', 'servers');
const IGNORING = application('servers-without-server-side-diff.yaml', 'servers');

const withSpec = (other: Application, spec: object): Application => ({
  ...other,
  spec: { ...other.spec, ...spec },
});
const NOT_IGNORING = withSpec(IGNORING, { ignoreDifferences: [] });
const onTheClient = (other: Application) => withSpec(other, { syncPolicy: { syncOptions: [] } });

const IMAGE = 'registry.example.com/shop/server';

describe('Argo CD', function () {
  this.timeout(300_000);
  this.slow(30_000);
  let cluster: GitopsCluster;
  let argo: ArgoCd;
  let product: KubeObject[];

  before(async function () {
    this.timeout(BUILD_TIMEOUT_MS);
    cluster = await GitopsCluster.start();
    argo = await ArgoCd.on(cluster);
    product = await render(PRODUCT, PRODUCT.spec.source.path);
  });
  after(async () => cluster?.stop());

  async function render({ spec }: Application, path: string): Promise<KubeObject[]> {
    const { images = [], patches = [] } = spec.source.kustomize ?? {};
    return cluster.render(path, { images: images.map(kustomizeImage), patches });
  }

  const commit = async (of: Application, objects: readonly object[]): Promise<KubeObject[]> =>
    render(of, cluster.commit(objects));

  async function sync(of: Application, objects: readonly KubeObject[]): Promise<void> {
    const { comparisonError, phase, message, resources } = await argo.sync(of, objects);
    expect(comparisonError).to.equal(undefined);
    expect(phase, `${message}: ${JSON.stringify(resources)}`).to.equal('Succeeded');
  }

  async function drift(of: Application, objects: readonly KubeObject[]): Promise<string[]> {
    const { outOfSync, comparisonError } = await argo.diff(of, objects);
    expect(comparisonError).to.equal(undefined);
    return outOfSync.map(({ kind, name }) => `${kind} ${name}`).sort();
  }

  async function expectSyncedAlready(of: Application, objects: readonly KubeObject[]): Promise<void> {
    expect(await drift(of, objects)).to.deep.equal([]);
    const before = await cluster.versions(objects);
    await sync(of, objects);
    expect(await cluster.versions(objects)).to.deep.equal(before);
  }

  const stored = async (): Promise<StoredSet[]> =>
    (await cluster.read<{ items: StoredSet[] }>('statefulsets -n default')).items;

  describe('with t-local-volume', () => {
    it('sets the image that the Application names, everywhere', () => {
      const text = JSON.stringify(product);
      expect(text).to.contain('registry.example.com/platform/t-local-volume:v0.1.0');
      expect(text).not.to.contain('localhost/t-local-volume');
    });

    it('installs it, and sees no drift before the webhook has written the caBundle', async () => {
      await sync(CRD, await render(CRD, `${CRD.spec.source.path}/tservers.k8s.tars.io.yaml`));
      await sync(PRODUCT, product);
      expect(new Set(await cluster.caBundles())).to.deep.equal(new Set(['']));
      await expectSyncedAlready(PRODUCT, product);
    });

    it('sees no drift in the caBundle either, and writes nothing when it syncs again', async () => {
      await cluster.startWebhook();
      expect(await cluster.caBundles()).not.to.include('');
      await expectSyncedAlready(PRODUCT, product);
    });

    it('sees what somebody changes by hand, and puts it back with the caBundle in place', async () => {
      const bundles = await cluster.caBundles();
      const open = '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]';
      const configuration = 'mutatingwebhookconfiguration/t-local-volume';
      await cluster.kubectl(['patch', configuration, '--type=json', `--patch=${open}`]);
      expect(await drift(PRODUCT, product)).to.deep.equal(['MutatingWebhookConfiguration t-local-volume']);
      await sync(PRODUCT, product);
      expect(await cluster.caBundles()).to.deep.equal(bundles);
      await expectSyncedAlready(PRODUCT, product);
    });

    it('takes the caBundle away with Replace=true, until the webhook has put it back', async () => {
      const replacing = withSpec(PRODUCT, { syncPolicy: { syncOptions: ['Replace=true'] } });
      await cluster.stopWebhook();
      await sync(
        replacing,
        product.filter(({ kind }) => kind?.endsWith('WebhookConfiguration')),
      );
      expect(new Set(await cluster.caBundles())).to.deep.equal(new Set(['']));
      await cluster.startWebhook();
      expect(await cluster.caBundles()).not.to.include('');
      await sync(PRODUCT, product);
      await expectSyncedAlready(PRODUCT, product);
    });
  });

  describe('with servers', () => {
    const objectsAt = (tag: string): object[] => [...statefulSets(`${IMAGE}:${tag}`), ...TSERVERS];
    let objects: KubeObject[];

    before(async () => {
      objects = await commit(SERVERS, objectsAt('v1'));
    });

    async function beginAnew(): Promise<void> {
      await cluster.kubectl(['delete', 'statefulsets,tservers', '--all', '-n', 'default']);
    }

    it('needs the wave: without it a TServer comes after its StatefulSet, which is refused', async () => {
      const unordered = withSpec(SERVERS, { source: { ...SERVERS.spec.source, kustomize: {} } });
      const plain = await commit(unordered, objectsAt('v1'));
      const { phase, message } = await argo.sync(unordered, plain);
      expect(phase).to.equal('Failed');
      expect(message).to.contain('TLV501');
      // The TServers have come meanwhile: a retry passes.
      await sync(unordered, plain);
      await beginAnew();
    });

    it('needs the label too: without both a StatefulSet has no volumes, and nothing shows it', async () => {
      const unordered = withSpec(SERVERS, { source: { ...SERVERS.spec.source, kustomize: {} } });
      const [set] = statefulSets(`${IMAGE}:v1`);
      const [cart] = TSERVERS;
      const unlabelled = { ...set, metadata: { ...set!.metadata, labels: {} } };
      const plain = await commit(unordered, [unlabelled, cart!]);
      await sync(unordered, plain);
      expect(templatesOf(await stored())).to.deep.equal({ 'shop-cart': [] });
      expect(await drift(unordered, plain)).to.deep.equal([]);
      await beginAnew();
    });

    it('syncs each TServer before its StatefulSet, which gets its volumes, and sees no drift', async () => {
      await sync(SERVERS, objects);
      const sets = await stored();
      expect(templatesOf(sets)).to.deep.equal(TEMPLATES);
      expect(mountsOf(sets)).to.deep.equal(MOUNTS);
      await expectSyncedAlready(SERVERS, objects);
    });

    it('rolls out a commit, and keeps what was injected', async () => {
      const before = await stored();
      objects = await commit(SERVERS, objectsAt('v2'));
      expect(await drift(SERVERS, objects)).to.deep.equal([
        'StatefulSet redis',
        'StatefulSet shop-cart',
        'StatefulSet shop-search',
      ]);
      await sync(SERVERS, objects);
      const after = await stored();
      expect(after.map(({ metadata }) => metadata.generation)).to.deep.equal([2, 2, 2]);
      expect(after.map(({ spec }) => spec)).to.deep.equal(withImage(before, `${IMAGE}:v2`));
      await expectSyncedAlready(SERVERS, objects);
    });

    it('sees what somebody scales by hand, and puts it back', async () => {
      await cluster.kubectl(['scale', 'statefulset/shop-cart', '--replicas=5', '-n', 'default']);
      expect(await drift(SERVERS, objects)).to.deep.equal(['StatefulSet shop-cart']);
      await sync(SERVERS, objects);
      expect((await stored()).map(({ spec }) => spec.replicas)).to.deep.equal([2, 2, 2]);
    });

    it('says when it compares what would be refused, and then syncs nothing at all', async () => {
      const [cart, ...others] = structuredClone(TSERVERS);
      cart!.spec.k8s.mounts[0]!.source.tLocalVolume.mode = '750';
      const refused = await commit(SERVERS, [...statefulSets(`${IMAGE}:v3`), cart!, ...others]);
      const versions = await cluster.versions(objects);
      const { comparisonError, phase } = await argo.sync(SERVERS, refused);
      expect(comparisonError).to.contain('TLV303');
      expect(phase).to.equal(undefined);
      expect(await cluster.versions(objects)).to.deep.equal(versions);
    });

    it('does not show that a volume is missing which the TServer got too late', async () => {
      const [cart, ...others] = structuredClone(TSERVERS);
      cart!.spec.k8s.mounts.push({ name: 'late', mountPath: '/late', source: { tLocalVolume: {} } });
      const later = await commit(SERVERS, [...statefulSets(`${IMAGE}:v2`), cart!, ...others]);
      await sync(SERVERS, later);
      await expectSyncedAlready(SERVERS, later);
      expect(templatesOf(await stored())).to.deep.equal(TEMPLATES);
      await sync(SERVERS, objects);
    });

    it('cannot compare StatefulSets that have claim templates while the webhook is down', async () => {
      await cluster.stopWebhook();
      const { comparisonError } = await argo.diff(SERVERS, objects);
      expect(comparisonError).to.contain('failed calling webhook');
      const isWithout = ({ kind, metadata }: KubeObject) =>
        kind !== 'StatefulSet' || metadata?.name === 'shop-cart';
      expect(await drift(SERVERS, objects.filter(isWithout))).to.deep.equal([]);
      expect(await drift(PRODUCT, product)).to.deep.equal([]);
      await cluster.startWebhook();
    });

    it('calls what was injected drift where it compares by itself, unless that is ignored', async () => {
      expect(await drift(NOT_IGNORING, objects)).to.deep.equal([
        'StatefulSet redis',
        'StatefulSet shop-search',
        'TServer shop-search',
      ]);
      await expectSyncedAlready(IGNORING, objects);
    });

    it('needs the rules also where it applies on the client side', async () => {
      await beginAnew();
      await sync(onTheClient(NOT_IGNORING), objects);
      expect(await drift(onTheClient(NOT_IGNORING), objects)).to.include('StatefulSet shop-search');
      expect(await drift(onTheClient(IGNORING), objects)).to.deep.equal([]);
      expect(templatesOf(await stored())).to.deep.equal(TEMPLATES);
    });

    it('takes over what kubectl applied, and rolls no pods', async () => {
      await beginAnew();
      const given = statefulSets(`${IMAGE}:v1`);
      await cluster.kubectl(['apply', '-f', cluster.commit(TSERVERS)]);
      await cluster.kubectl(['apply', '-f', cluster.commit(given)]);
      const before = await stored();
      const adopted = await commit(SERVERS, [...given, ...TSERVERS]);
      await sync(SERVERS, adopted);
      const after = await stored();
      expect(after.map(({ spec }) => spec)).to.deep.equal(before.map(({ spec }) => spec));
      expect(after.map(({ metadata }) => metadata.generation)).to.deep.equal([1, 1, 1]);
      await expectSyncedAlready(SERVERS, adopted);
    });
  });
});
