import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FINALIZER, SELECTED_NODE } from '../../src/tars/vocabulary.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { treeOf } from './disks.ts';
import { Migration } from './migrate-cluster.ts';
import { LOCAL_PATH_CLASS, localPathVolume } from './migrate-local-path-objects.ts';
import { STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { type Claim, type Pod, statefulSetOf, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/** docs/migrate/from-local-path.md, done step by step: one replica there, back and there again, then the others. */

const NODES = ['node-1', 'node-2'];
const NAMESPACE = 'shop';
const SET = 'db';
/** Of the replicas, by ordinal. */
const PLACES = ['node-1', 'node-2', 'node-1'];
const CLAIMS = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;

describe('migrating from local-path-provisioner', function () {
  this.timeout(300_000);
  this.slow(60_000);
  let migration: Migration;
  /** Of each replica, before anything was done. */
  const olds: { readonly node: string; readonly path: string; readonly tree: Record<string, string> }[] = [];

  before(needRoot);
  before(async () => {
    migration = await Migration.start({
      page: 'from-local-path',
      overlay: 'on-demand',
      classes: 't-storage-class=on-demand',
      nodes: NODES,
    });
    await asItWas();
  });
  after(async () => migration?.stop());

  const list = async <T>(path: string) => (await migration.get<{ items: T[] }>(path)).items;
  const claimOf = (ordinal: number) => `data-${SET}-${ordinal}`;
  const newAt = (ordinal: number) =>
    migration.hosts.file(
      olds[ordinal]!.node,
      `${migration.hosts.root}/${NAMESPACE}/statefulset.${SET}/data.${ordinal}`,
    );
  const pod = (ordinal: number) => migration.get<Pod>(`${PODS}/${SET}-${ordinal}`);
  const uids = async () => (await list<Pod>(PODS)).map(({ metadata }) => metadata.uid);
  const volumeOf = async (ordinal: number): Promise<Volume> => {
    const { spec } = await migration.get<Claim>(`${CLAIMS}/${claimOf(ordinal)}`);
    return migration.get<Volume>(`${VOLUMES}/${spec.volumeName}`);
  };

  /** A server of the provisioner's, with data; its replicas are spread as the scheduler likes. */
  async function asItWas(): Promise<void> {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
    await migration.apply(namespace, LOCAL_PATH_CLASS);
    const set = statefulSetOf(SET, { request: '2Gi' });
    set.metadata.namespace = NAMESPACE;
    set.spec.volumeClaimTemplates[0]!.spec.storageClassName = 'local-path';
    await migration.kubectl('cordon', ...NODES);
    await migration.apply(set);
    for (const [ordinal, node] of PLACES.entries()) {
      // So that it is known which replica is where.
      await migration.kubectl('uncordon', node);
      await migration.kubectl('-n', NAMESPACE, 'scale', `statefulset/${SET}`, `--replicas=${ordinal + 1}`);
      await provision(ordinal, node);
      await migration.kubectl('cordon', node);
    }
    await migration.kubectl('uncordon', ...NODES);
  }

  /** What the provisioner and its helper pod do. */
  async function provision(ordinal: number, node: string): Promise<void> {
    const claim = await waitFor(`claim ${ordinal} to be sent to ${node}`, async () => {
      const found = await migration.get<Claim>(`${CLAIMS}/${claimOf(ordinal)}`);
      return found.metadata.annotations?.[SELECTED_NODE] === node && found;
    });
    const volume = localPathVolume(claim, node, join(migration.hosts.disk, 'opt/local-path-provisioner'));
    const path = migration.hosts.file(node, volume.spec.hostPath.path);
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
    await migration.create(VOLUMES, volume);
    await waitFor(`replica ${ordinal} to run`, async () => (await pod(ordinal)).status.phase === 'Running');
    // What the server makes of it.
    writeFileSync(join(path, 'data'), `data of ${ordinal}`, { mode: 0o600 });
    chownSync(join(path, 'data'), 999, 999);
    if (ordinal === 2) chownSync(path, 999, 999);
    olds.push({ node, path, tree: treeOf(path) });
  }

  /** The data of a replica at a place, as it was before anything was done. */
  const isThere = (path: string, ordinal: number) =>
    expect(treeOf(path), path).to.deep.equal(olds[ordinal]!.tree);

  /** This replica has been restarted and is on its node; the others have noticed nothing. */
  async function onlyRestarted(restarted: number, work: () => Promise<void>): Promise<void> {
    const before = await uids();
    await work();
    const after = await uids();
    for (const [ordinal, place] of PLACES.entries()) {
      expect(after[ordinal] === before[ordinal], `replica ${ordinal}`).to.equal(ordinal !== restarted);
      const { spec, status } = await pod(ordinal);
      expect([spec.nodeName, status.phase]).to.deep.equal([place, 'Running']);
    }
  }

  async function isMoved(ordinal: number): Promise<void> {
    isThere(newAt(ordinal), ordinal);
    const { metadata, spec } = await volumeOf(ordinal);
    expect(metadata.finalizers).to.include(FINALIZER);
    expect(spec['persistentVolumeReclaimPolicy']).to.equal('Retain');
    expect(migration.hosts.file(PLACES[ordinal]!, spec.local.path)).to.equal(newAt(ordinal));
  }

  describe('before any replica is stopped', () => {
    it('writes down what there is', async () => {
      await migration.follow('variables', 'write-down');
      // Whenever it is done again: what is there is what was first.
      const written = await migration.follow('write-down');
      expect(written.match(/POLICY=Delete/g)).to.have.lengthOf(PLACES.length);
    });

    it('keeps all data', async () => {
      await migration.follow('retain');
    });

    it('sets the policies back, and keeps all data again', async () => {
      await migration.follow('back-retain');
      const policies = (await list<Volume>(VOLUMES)).map(({ spec }) => spec['persistentVolumeReclaimPolicy']);
      expect(policies).to.deep.equal(['Delete', 'Delete', 'Delete']);
      await migration.follow('retain');
      expect(await migration.follow('write-down'))
        .to.contain('POLICY=Delete')
        .and.not.contain('Retain');
    });

    it('installs, with a class that keeps data', async () => {
      await migration.follow('install');
      await migration.hosts.startAgents();
      await migration.follow('answers', 'rehearse', 'rewrite');
      const { reclaimPolicy } = await migration.get(`${STORAGE_CLASSES}/t-storage-class`);
      expect(reclaimPolicy).to.equal('Retain');
    });
  });

  /** Each of them refuses, with these words, and nothing has changed but what it says of itself. */
  async function refuses(refusals: Readonly<Record<string, string>>): Promise<void> {
    const objects = async () => [await list<Claim>(CLAIMS), await list<Volume>(VOLUMES), await uids()];
    const before = await objects();
    for (const [step, words] of Object.entries(refusals))
      expect(await migration.fail(step)).to.contain(words);
    expect(await objects()).to.deep.equal(before);
  }

  describe('what is given too early', () => {
    it('is refused while the replica runs', async () => {
      await migration.follow('replica');
      const running = 'db-0 is there: stop it first (step 5)';
      const unmoved = 'is not there: move the data first (step 6)';
      await refuses({ move: running, copy: running, exchange: unmoved });
      const notYet = 'is not ready: exchange it first (step 7)';
      await refuses({ start: notYet, 'back-exchange': 'has its old volume', 'old-copy': 'leads to' });
      isThere(olds[0]!.path, 0);
    });

    it('is refused while the replica is away', async () => {
      await migration.follow('stop', 'move');
      await refuses({ move: 'is there already', copy: 'is there already' });
      await refuses({ start: 'is not ready', 'back-stop': 'move it back first (step 6)' });
      await refuses({ 'back-exchange': 'has its old volume' });
      await migration.follow('exchange');
      await refuses({ exchange: 'already', 'back-move': 'the way back of step 8' });
      await migration.follow('back-exchange');
      isThere(olds[0]!.path, 0);
    });
  });

  describe('replica 0', () => {
    it('is moved, and has its data on its node', async () => {
      await onlyRestarted(0, async () => void (await migration.follow('stop', 'move', 'exchange', 'start')));
      await isMoved(0);
      expect(existsSync(olds[0]!.path)).to.equal(false);
    });

    it('goes back, with all that it has written since', async () => {
      writeFileSync(join(newAt(0), 'since'), 'written since');
      const tree = treeOf(newAt(0));
      await onlyRestarted(0, async () => void (await migration.follow('back-exchange')));
      expect(treeOf(olds[0]!.path)).to.deep.equal(tree);
      expect((await volumeOf(0)).spec['storageClassName']).to.equal('local-path');
      expect(await migration.follow('orphans')).to.not.contain('statefulset.db');
      olds[0] = { ...olds[0]!, tree };
    });

    it('goes back from halfway, too', async () => {
      await onlyRestarted(
        0,
        async () => void (await migration.follow('stop', 'move', 'back-move', 'back-stop')),
      );
      isThere(olds[0]!.path, 0);
    });

    it('is not moved over anything that is there', async () => {
      mkdirSync(newAt(0), { recursive: true });
      writeFileSync(join(newAt(0), 'other'), 'of somebody else');
      await migration.follow('stop');
      expect(await migration.fail('move')).to.contain('is there already');
      isThere(olds[0]!.path, 0);
      expect(readFileSync(join(newAt(0), 'other'), 'utf8')).to.equal('of somebody else');
      rmSync(newAt(0), { recursive: true });
      await migration.follow('back-stop');
    });

    it('is not moved to another filesystem', async () => {
      const { path } = (await volumeOf(0)).spec['hostPath'] as { readonly path: string };
      await migration.follow('stop');
      await migration.onNode('node-1', `mount --bind '${path}' '${path}'`);
      expect(await migration.fail('move')).to.contain('another filesystem: copy it');
      await migration.onNode('node-1', `umount '${path}'`);
      isThere(olds[0]!.path, 0);
      await migration.follow('back-stop');
    });

    it('is moved again', async () => {
      await onlyRestarted(0, async () => void (await migration.follow('stop', 'move', 'exchange', 'start')));
      await isMoved(0);
    });
  });

  describe('the others', () => {
    it('are moved too, and copied where there is another disk', async () => {
      await migration.set({ ORDINAL: '1' });
      await migration.follow('replica');
      await onlyRestarted(1, async () => void (await migration.follow('stop', 'copy', 'exchange', 'start')));
      await isMoved(1);
      isThere(olds[1]!.path, 1);
      await migration.set({ ORDINAL: '2' });
      await migration.follow('replica');
      await onlyRestarted(2, async () => void (await migration.follow('stop', 'move', 'exchange', 'start')));
      await isMoved(2);
    });
  });

  describe('then', () => {
    it('leaves nothing of the old volumes', async () => {
      await migration.follow('old-volumes');
      expect(await list<Volume>(VOLUMES)).to.have.lengthOf(PLACES.length);
      for (const ordinal of PLACES.keys()) isThere(newAt(ordinal), ordinal);
      await migration.set({ ORDINAL: '1' });
      await migration.follow('old-copy');
      expect(existsSync(olds[1]!.path)).to.equal(false);
      await migration.follow('orphans');
    });

    it('brings a deleted pod back to its node', async () => {
      await onlyRestarted(1, async () => {
        await migration.kubectl('-n', NAMESPACE, 'delete', 'pod', `${SET}-1`);
        await waitFor('it to run', async () => (await pod(1)).status.phase === 'Running');
      });
    });

    it('scales: the new replica has a claim as the moved ones have, and a directory of that owner and mode', async () => {
      await migration.follow('class');
      await migration.kubectl('-n', NAMESPACE, 'scale', 'statefulset', SET, '--replicas=4');
      await waitFor('replica 3 to run', async () => (await pod(3)).status.phase === 'Running');
      const [moved, made] = await Promise.all([claimParts(0), claimParts(3)]);
      expect(moved).to.deep.equal(made);
      const { metadata, spec } = await volumeOf(3);
      const { uid, gid, mode } = statSync(
        migration.hosts.file(metadata.labels!['kubernetes.io/hostname']!, spec.local.path),
      );
      expect([uid, gid, (mode & 0o7777).toString(8)]).to.deep.equal([0, 0, '777']);
    });

    it('rolls', async () => {
      const before = await uids();
      await migration.kubectl('-n', NAMESPACE, 'rollout', 'restart', 'statefulset', SET);
      await migration.kubectl('-n', NAMESPACE, 'rollout', 'status', 'statefulset', SET, '--timeout=120s');
      expect((await uids()).filter((uid) => before.includes(uid))).to.deep.equal([]);
      for (const [ordinal, place] of PLACES.entries())
        expect((await pod(ordinal)).spec.nodeName).to.equal(place);
    });

    it('lets go of data as the policies say', async () => {
      await migration.set({ ORDINAL: '2' });
      await migration.follow('delete');
      await migration.kubectl('-n', NAMESPACE, 'delete', 'statefulset', SET);
      await migration.kubectl('-n', NAMESPACE, 'delete', 'pvc', '--all', '--timeout=120s');
      await waitFor('its data to be gone', () => !existsSync(newAt(2)));
      await waitFor('two volumes to be left', async () => (await list<Volume>(VOLUMES)).length === 2);
      for (const ordinal of [0, 1]) isThere(newAt(ordinal), ordinal);
    });

    it('has done every step of the page', () => {
      expect(migration.undone()).to.deep.equal([]);
    });
  });

  /** What a claim asks for. */
  async function claimParts(ordinal: number) {
    const { metadata, spec } = await migration.get<Claim>(`${CLAIMS}/${claimOf(ordinal)}`);
    const { 'local.tars.io/node': _node, ...labels } = metadata.labels!;
    const annotations = Object.entries(metadata.annotations!).filter(([key]) => key.includes('tars.io'));
    return { labels, annotations: Object.fromEntries(annotations), spec: { ...spec, volumeName: undefined } };
  }
});
