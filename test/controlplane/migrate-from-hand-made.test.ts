import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FINALIZER } from '../../src/tars/vocabulary.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { treeOf } from './disks.ts';
import { Migration } from './migrate-cluster.ts';
import { HAND_MADE_CLASS, redisCluster, redisVolume, webServer } from './migrate-hand-made-objects.ts';
import { PODS, VOLUMES } from './paths.ts';
import { type Claim, type Pod, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/** docs/migrate/from-hand-made.md, with the volumes of the redis seed: kept beside ours, and brought under ours. */

const NODES = ['node-1', 'node-2'];
/** Of the replicas, by ordinal. */
const PLACES = ['node-1', 'node-2'];
const REDIS = '/api/v1/namespaces/redis';
/** A replica's volume that nobody uses yet, beside those that are moved. */
const SPARE = 2;
const NO_ORPHANS = NODES.map((node) => `# ${node}\nno orphans\n`).join('');

describe('migrating from hand-made volumes', function () {
  this.timeout(300_000);
  this.slow(60_000);
  let migration: Migration;
  /** By path, before anything was done. */
  const trees = new Map<string, Record<string, string>>();

  before(needRoot);
  before(async () => {
    migration = await Migration.start({
      page: 'from-hand-made',
      others: ['from-local-path'],
      overlay: 'on-demand',
      classes: 't-storage-class=on-demand',
      nodes: NODES,
    });
    await asItWas();
  });
  after(async () => migration?.stop());

  const list = async <T>(path: string) => (await migration.get<{ items: T[] }>(path)).items;
  const oldAt = (ordinal: number) =>
    migration.hosts.file(PLACES[ordinal] ?? 'node-1', `${migration.hosts.disk}/disk1/redis-${ordinal}-data`);
  const webAt = () => migration.hosts.file('node-2', `${migration.hosts.disk}/data/web`);
  const below = (node: string, path: string) => migration.hosts.file(node, `${migration.hosts.root}/${path}`);
  const webNewAt = () => below('node-2', 'default/claim.web-data-local/web-data-local');

  /** A directory that people have made, with data of a server in it. */
  function filled(path: string, mode: number, owner: number): void {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'data'), `data at ${path}`);
    chmodSync(path, mode);
    chownSync(path, owner, owner);
    trees.set(path, treeOf(path));
  }

  async function asItWas(): Promise<void> {
    await migration.apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'redis' } },
      HAND_MADE_CLASS,
    );
    for (const ordinal of [...PLACES.keys(), SPARE]) {
      filled(oldAt(ordinal), 0o755, 999);
      await migration.apply(
        ...redisVolume(ordinal, PLACES[ordinal] ?? 'node-1', `${migration.hosts.disk}/disk1`),
      );
    }
    await migration.apply(redisCluster(PLACES.length));
    filled(webAt(), 0o775, 33);
    await migration.apply(...webServer('node-2', `${migration.hosts.disk}/data/web`));
    await migration.kubectl(
      '-n',
      'redis',
      'rollout',
      'status',
      'statefulset/redis-cluster',
      '--timeout=120s',
    );
    await migration.kubectl('rollout', 'status', 'deployment/web', '--timeout=120s');
  }

  const isThere = (path: string, from: string) => {
    expect(treeOf(path), path).to.deep.equal(trees.get(from));
    if (path !== from) expect(existsSync(from), from).to.equal(false);
  };
  const volumeOf = async (namespace: string, claim: string) => {
    const { spec } = await migration.get<Claim>(
      `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`,
    );
    return migration.get<Volume>(`${VOLUMES}/${spec.volumeName}`);
  };
  const isOurs = ({ metadata }: Volume) => metadata.finalizers!.includes(FINALIZER);
  const redisPod = (ordinal: number) => migration.get<Pod>(`${REDIS}/pods/redis-cluster-${ordinal}`);
  const running = (ordinal: number) =>
    waitFor(`redis-cluster-${ordinal} to run`, async () => {
      const pod = await redisPod(ordinal);
      return pod.status.phase === 'Running' && !pod.metadata.deletionTimestamp && pod;
    });
  const web = () =>
    waitFor('the web server to run', async () => {
      const pods = (await list<Pod>(PODS)).filter(({ metadata }) => !metadata.deletionTimestamp);
      return pods.length === 1 && pods[0]?.status.phase === 'Running' && pods[0];
    });

  describe('that are kept', () => {
    it('keep their data too, when their claims go', async () => {
      await migration.follow('keep');
      await migration.set({ CLASS: '' });
      expect(await migration.follow('keep')).to.equal('persistentvolume/web-data patched (no change)\n');
      const policies = (await list<Volume>(VOLUMES)).map(({ spec }) => spec['persistentVolumeReclaimPolicy']);
      expect(new Set(policies)).to.deep.equal(new Set(['Retain']));
    });

    it('are not touched by the agents', async () => {
      await migration.follow('set', 'from-local-path:variables', 'from-local-path:write-down');
      await migration.follow('from-local-path:retain', 'from-local-path:install');
      const before = await list<Volume>(VOLUMES);
      await migration.hosts.startAgents();
      await migration.follow('from-local-path:answers');
      // Each agent has looked at everything when it says what there is that it does not know.
      expect(await migration.follow('from-local-path:orphans')).to.equal(NO_ORPHANS);
      expect(await list<Volume>(VOLUMES)).to.deep.equal(before);
      for (const path of trees.keys()) isThere(path, path);
      const events = await list<{ source: { component?: string }; involvedObject: { kind: string } }>(
        '/api/v1/events',
      );
      const told = events.filter(({ source }) => source.component === 't-local-volume-agent');
      expect(told.map(({ involvedObject }) => involvedObject.kind)).to.not.include('PersistentVolume');
    });
  });

  describe('of a StatefulSet', () => {
    it('are brought under ours, as the other page says', async () => {
      await migration.follow('from-local-path:rewrite');
      for (const [ordinal, place] of PLACES.entries()) {
        await migration.set({ ORDINAL: `${ordinal}` });
        for (const step of ['replica', 'stop', 'move', 'exchange', 'start'])
          await migration.follow(`from-local-path:${step}`);
        const path = `redis/statefulset.redis-cluster/redis-cluster-data.${ordinal}`;
        isThere(below(place, path), oldAt(ordinal));
        expect(isOurs(await volumeOf('redis', `redis-cluster-data-redis-cluster-${ordinal}`))).to.equal(true);
        expect((await running(ordinal)).spec.nodeName).to.equal(place);
      }
      await migration.follow('from-local-path:old-volumes');
      expect(await migration.follow('from-local-path:orphans')).to.equal(NO_ORPHANS);
    });

    it('leave the one that was written for a replica to come, which gets it; the next one gets ours', async () => {
      await migration.kubectl('-n', 'redis', 'scale', 'statefulset', 'redis-cluster', '--replicas=4');
      expect((await running(SPARE)).spec.nodeName).to.equal('node-1');
      expect(isOurs(await volumeOf('redis', `redis-cluster-data-redis-cluster-${SPARE}`))).to.equal(false);
      isThere(oldAt(SPARE), oldAt(SPARE));
      await running(3);
      expect(isOurs(await volumeOf('redis', 'redis-cluster-data-redis-cluster-3'))).to.equal(true);
    });

    it('roll, and come back to their nodes', async () => {
      const before = await Promise.all([0, 1, 2, 3].map((ordinal) => redisPod(ordinal)));
      await migration.kubectl('-n', 'redis', 'rollout', 'restart', 'statefulset/redis-cluster');
      await migration.kubectl(
        '-n',
        'redis',
        'rollout',
        'status',
        'statefulset/redis-cluster',
        '--timeout=120s',
      );
      for (const { metadata, spec } of before) {
        const after = await migration.get<Pod>(`${REDIS}/pods/${metadata.name}`);
        expect([after.spec.nodeName, after.metadata.uid === metadata.uid]).to.deep.equal([
          spec.nodeName,
          false,
        ]);
      }
    });
  });

  describe('of a claim of its own', () => {
    it('are brought under ours', async () => {
      await migration.set({ NAMESPACE: 'default' });
      await migration.follow('variables', 'write-down');
      expect(await migration.fail('move')).to.match(/^web-\S+ uses web-data: stop it first/);
      expect(await migration.fail('claim')).to.contain('move the data first (step 3)');
      expect(await migration.fail('start')).to.contain('make it first (step 4)');
      await migration.follow('stop', 'move');
      expect(await migration.fail('back-stop')).to.contain('move it back first (step 3)');
      await migration.follow('claim', 'start');
      isThere(webNewAt(), webAt());
      expect((await web()).spec.nodeName).to.equal('node-2');
      expect(isOurs(await volumeOf('default', 'web-data-local'))).to.equal(true);
    });

    it('go back', async () => {
      expect(await migration.fail('back-claim')).to.contain('the way back of step 5 first');
      await migration.follow('stop');
      expect(await migration.fail('back-move')).to.contain('the way back of step 4 first');
      await migration.follow('back-start', 'back-claim', 'back-move', 'back-stop');
      isThere(webAt(), webAt());
      expect((await web()).spec.nodeName).to.equal('node-2');
      expect((await volumeOf('default', 'web-data')).metadata.name).to.equal('web-data');
      expect(existsSync(webNewAt())).to.equal(false);
    });

    it('are brought under ours again, by a copy, and leave nothing behind', async () => {
      await migration.follow('stop', 'copy', 'claim', 'start');
      expect(await migration.fail('old-copy')).to.contain('volume web-data leads to');
      expect(treeOf(webAt())).to.deep.equal(trees.get(webAt()));
      await migration.follow('leftovers', 'old-copy');
      isThere(webNewAt(), webAt());
      const names = (await list<Volume>(VOLUMES)).map(({ metadata }) => metadata.name);
      expect(names).to.not.include('web-data');
      expect(await migration.follow('from-local-path:orphans')).to.equal(NO_ORPHANS);
    });

    it('go as the policy says', async () => {
      await migration.follow('delete');
      await migration.kubectl('delete', 'deployment/web', 'pvc/web-data-local', '--timeout=120s');
      await waitFor('the data to be gone', () => !existsSync(webNewAt()));
    });
  });

  describe('in the end', () => {
    it('have had every step of the page', () => {
      expect(migration.undone()).to.deep.equal([]);
    });
  });
});
