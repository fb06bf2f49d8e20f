import { existsSync, readFileSync, statSync } from 'node:fs';
import { expect } from 'chai';
import type { Claim as TemplateClaim, StatefulSet } from '../../src/tars/shapes.ts';
import { FINALIZER } from '../../src/tars/vocabulary.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { tserver } from '../unit/builders.ts';
import { treeOf } from './disks.ts';
import { Migration } from './migrate-cluster.ts';
import { CLASS, ITS_CLASS, itsVolume, NAMESPACE, TARS, tarslog } from './migrate-tarsk8s-objects.ts';
import { claimPath, LOGS, setPath, TarsK8S } from './migrate-tarsk8s.ts';
import { STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { ITS_CRD, itsStatefulSet } from './tarsk8s-objects.ts';
import { waitFor } from './wait.ts';

/** docs/migrate/from-tarsk8s.md, done step by step, there and back and there again. */

const NODES = ['node-1', 'node-2', 'node-3'];
const NEW = { app: 'tars', server: 'new' };
const NO_ORPHANS = NODES.map((node) => `# ${node}\nno orphans\n`).join('');

describe('migrating from the agent of TarsK8S', function () {
  this.timeout(300_000);
  this.slow(60_000);
  let migration: Migration;
  let its: TarsK8S;
  const uids = new Map<string, string>();
  /** The data on each node. */
  const trees = new Map<string, Record<string, string>>();

  before(needRoot);
  before(async () => {
    migration = await Migration.start({
      page: 'from-tarsk8s',
      overlay: 'per-node',
      classes: `${CLASS}=per-node`,
      nodes: NODES,
      crd: ITS_CRD,
    });
    its = new TarsK8S(migration);
    await its.begin(NODES);
    for (const { metadata } of [...(await its.pods()), ...(await its.claims()), ...(await its.volumes())])
      uids.set(metadata.name, metadata.uid);
    for (const node of ['node-1', 'node-2']) trees.set(node, treeOf(its.at(node, LOGS)));
  });
  after(async () => migration?.stop());

  /** Pods have not been restarted, claims are bound to what they were bound to, and the data is as it was. */
  async function isAsItWas(): Promise<void> {
    for (const { metadata, status } of [...(await its.pods()), ...(await its.claims())]) {
      expect(uids.get(metadata.name), metadata.name).to.equal(metadata.uid);
      expect(status.phase, metadata.name).to.be.oneOf(['Running', 'Bound']);
    }
    const bound = (await its.volumes()).filter(({ status }) => status.phase === 'Bound');
    expect(bound.map(({ metadata }) => uids.get(metadata.name))).to.have.members(
      bound.map(({ metadata }) => metadata.uid),
    );
    expect(bound).to.have.lengthOf(3);
    for (const [node, tree] of trees) expect(treeOf(its.at(node, LOGS)), node).to.deep.equal(tree);
  }

  const policies = async () => [
    ...new Set((await its.volumes()).map(({ spec }) => spec['persistentVolumeReclaimPolicy'])),
  ];
  const areOurs = async () =>
    (await its.volumes()).map(({ metadata }) => metadata.finalizers!.includes(FINALIZER));

  describe('first', () => {
    it('shows what there is, and nothing that cannot be taken over', async () => {
      expect(await migration.follow('variables', 'look', 'check')).to.equal('');
    });

    it('tells of a claim whose mode is refused, and of a volume whose path is another than its labels say', async () => {
      const claim = claimPath('remote-log-dir-tars-tarslog-0');
      const ask = (mode: string | null) =>
        its.patch(claim, { metadata: { annotations: { 'tars.io/LocalVolumeMode': mode } } });
      await ask('750');
      expect(await migration.follow('check')).to.equal(
        'cannot be taken over: tars/remote-log-dir-tars-tarslog-0 mode 750\n',
      );
      await ask(null);
      const path = `${VOLUMES}/tars-delay-bind-tars-tarsconfig-7a5df2f4`;
      const label = (server: string) =>
        its.patch(path, { metadata: { labels: { 'tars.io/ServerName': server } } });
      await label('TarsConfig');
      expect(await migration.follow('check')).to.match(/^cannot be taken over: tars-delay-bind-\S+ \/\S+\n$/);
      await label('tarsconfig');
    });
  });

  describe('there', () => {
    it('refuses what is given while the agent of TarsK8S runs', async () => {
      for (const step of ['offers', 'install'])
        expect(await migration.fail(step)).to.contain('the agent of TarsK8S runs: step 2');
      await isAsItWas();
    });

    itComesToOurs();
  });

  describe('and back', () => {
    it('does not start the agent of TarsK8S while ours are there', async () => {
      expect(await migration.fail('back-stop')).to.contain('our agents are there');
    });

    it('gives the volumes back, and removes ours, before the agent of TarsK8S is started', async () => {
      await migration.follow('back-adopt');
      await migration.hosts.stopAgents();
      expect(await areOurs()).to.deep.equal([false, false, false]);
      await migration.follow('back-install');
      const { provisioner, reclaimPolicy } = await migration.get(`${STORAGE_CLASSES}/${CLASS}`);
      expect([provisioner, reclaimPolicy]).to.deep.equal(['kubernetes.io/no-provisioner', 'Delete']);
      await isAsItWas();
    });

    it('sets the policies back, and starts that one last', async () => {
      await migration.kubectl('delete', 'storageclass', CLASS);
      expect(await migration.fail('back-stop')).to.contain('NotFound');
      await migration.apply(ITS_CLASS);
      await migration.follow('back-retain', 'back-stop');
      expect(await its.agents()).to.have.lengthOf(NODES.length);
      expect(await policies()).to.deep.equal(['Delete']);
      // As it does for a claim that waits.
      await its.offer(itsVolume, tarslog(), 'remote-log-dir', 'node-3');
      await isAsItWas();
    });
  });

  describe('and there again', () => {
    itComesToOurs();
  });

  function itComesToOurs(): void {
    it('stops the agent of TarsK8S', async () => {
      await migration.follow('stop');
      expect(await its.agents()).to.deep.equal([]);
      await isAsItWas();
    });

    it('keeps all data', async () => {
      await migration.follow('retain');
      expect(await policies()).to.deep.equal(['Retain']);
      await isAsItWas();
    });

    it('labels the volumes, and takes the offers away', async () => {
      await migration.follow('label', 'offers');
      const left = await its.volumes();
      expect(left.map(({ status }) => status.phase)).to.deep.equal(['Bound', 'Bound', 'Bound']);
      for (const { metadata, spec } of left)
        expect(JSON.stringify(spec['nodeAffinity'])).to.contain(
          `["${metadata.labels!['kubernetes.io/hostname']}"]`,
        );
      await isAsItWas();
    });

    it('installs ours, which does nothing yet', async () => {
      await migration.follow('install');
      await migration.hosts.startAgents();
      expect(await areOurs()).to.deep.equal([false, false, false]);
      await migration.follow('pools');
      await isAsItWas();
    });

    it('takes one volume over, and then the others', async () => {
      await migration.follow('adopt-one', 'adopted');
      expect(await areOurs()).to.deep.equal([true, false, false]);
      await isAsItWas();
      await migration.follow('adopt-all', 'adopted-all');
      expect(await areOurs()).to.deep.equal([true, true, true]);
      for (const { metadata } of await its.claims())
        expect(metadata.annotations).to.not.have.property('local.tars.io/adopt');
      await isAsItWas();
    });
  }

  describe('then', () => {
    it('shows what TarsK8S has left on the disks, and removes it by name', async () => {
      await migration.follow('orphans');
      await migration.follow('purge');
      await waitFor('it to be gone', () => !existsSync(its.at('node-3', 'tars/tars.gone')));
      expect(await migration.follow('orphans')).to.equal(NO_ORPHANS);
      await isAsItWas();
    });

    it('brings a deleted pod back to its node and its data', async () => {
      const { metadata, spec } = await its.running('tars-tarslog-1');
      expect(spec.nodeName).to.equal('node-2');
      // kubectl 1.32 takes the pod that comes after it for the same one, and waits for ever.
      await migration.kubectl('-n', NAMESPACE, 'delete', 'pod', metadata.name, '--wait=false');
      expect((await its.running(metadata.name, metadata.uid)).spec.nodeName).to.equal('node-2');
      expect(readFileSync(`${its.at('node-2', LOGS)}/app.log`, 'utf8')).to.equal('logs of node-2');
    });

    it('gives a new replica a volume of ours, with the owner that TarsK8S writes', async () => {
      await its.scale('tars-tarslog', 3);
      expect((await its.running('tars-tarslog-2')).spec.nodeName).to.equal('node-3');
      await its.annotate(2);
      await waitFor('its directory to be of 1000', () => statSync(its.at('node-3', LOGS)).uid === 1000);
      expect(await areOurs()).to.deep.equal([true, true, true, true]);
    });

    it('rolls', async () => {
      const path = setPath('tars-tarslog');
      const before = await its.pods();
      const set = await migration.get<StatefulSet>(path);
      const { template } = itsStatefulSet(tarslog(), '', { className: CLASS, image: 'server:2' }).spec!;
      const { status } = await migration.plane.api('PUT', path, { ...set, spec: { ...set.spec, template } });
      expect(status).to.equal(200);
      await migration.kubectl(
        '-n',
        NAMESPACE,
        'rollout',
        'status',
        'statefulset/tars-tarslog',
        '--timeout=120s',
      );
      for (const { metadata, spec } of await its.pods()) {
        const old = before.find((pod) => pod.metadata.name === metadata.name)!;
        expect([spec.nodeName, metadata.uid === old.metadata.uid]).to.deep.equal([
          old.spec.nodeName,
          !metadata.name.startsWith('tars-tarslog'),
        ]);
      }
    });

    it('leaves the StatefulSets of its controller to the letter, and serves their claims', async () => {
      const server = tserver({ mounts: tarslog().spec.k8s!.mounts!, replicas: 1 }, NEW, {
        name: 'tars-new',
        namespace: NAMESPACE,
      });
      const stored = await its.serve(server);
      const { volumeClaimTemplates: sent } = itsStatefulSet(server, '', { className: CLASS }).spec!;
      const plain = (templates: readonly Partial<TemplateClaim>[]) =>
        templates.map(({ metadata, spec }) => ({
          ...metadata,
          // Older API servers say that there is none.
          creationTimestamp: null,
          ownerReferences: [],
          spec,
        }));
      expect(plain(stored.spec!.volumeClaimTemplates!)).to.deep.equal(plain(sent!));
      await its.running('tars-new-0');
      expect(await areOurs()).to.not.include(false);
    });

    it('lets go of data as the policies say', async () => {
      await migration.follow('delete', 'back-retain');
      expect(await policies()).to.deep.equal(['Delete']);
      const kept = `${VOLUMES}/tars-remote-log-dir-tars-tarslog-74e84c2f`;
      await its.patch(kept, { spec: { persistentVolumeReclaimPolicy: 'Retain' } });
      await migration.kubectl('-n', NAMESPACE, 'delete', 'tserver,statefulset', '--all');
      await migration.kubectl('-n', NAMESPACE, 'delete', 'pvc', '--all', '--timeout=120s');
      // Offers stand for a while.
      const used = async () => (await its.volumes()).filter(({ status }) => status.phase !== 'Available');
      await waitFor('all the others to be gone', async () => (await used()).length === 1);
      expect(existsSync(its.at('node-1', LOGS)), 'what was to go').to.equal(false);
      expect(readFileSync(`${its.at('node-2', LOGS)}/app.log`, 'utf8')).to.equal('logs of node-2');
      await migration.kubectl('delete', 'pv', '--all', '--timeout=120s');
      expect(await migration.follow('orphans')).to.contain(
        `${LOGS}  kept  tars/remote-log-dir-tars-tarslog-1\n`,
      );
      await migration.set({ NODE: 'node-2', LEFT: LOGS });
      await migration.follow('purge');
      expect(await migration.follow('orphans')).to.equal(NO_ORPHANS);
    });

    it('takes away what the agent of TarsK8S leaves behind', async () => {
      await migration.follow('leftovers');
      expect(await migration.kubectl('-n', TARS, 'get', 'daemonsets', '-o', 'name')).to.equal('');
    });

    it('has done every step of the page', () => {
      expect(migration.undone()).to.deep.equal([]);
    });
  });
});
