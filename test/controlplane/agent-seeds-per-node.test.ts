import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { needRoot } from '../unit/agent/disk-world.ts';
import { CLAIMS, PODS, VOLUMES } from './paths.ts';
import { itIsEmpty, itServesTheSeeds, NODES } from './seeds-suite.ts';
import { claimOf, podOf, Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/** Long enough for a pod to be bound, short enough to wait for. */
const OFFER_TTL_MS = 15_000;

describe('the seeds, per node', function () {
  this.timeout(300_000);
  this.slow(20_000);
  let served: Served;

  before(needRoot);
  before(async () => {
    served = await Served.start({
      overlay: 'per-node',
      classes: 't-storage-class=per-node',
      nodes: NODES,
      agents: { offerTtlMs: OFFER_TTL_MS },
    });
    await served.agents.startAll(NODES);
  });
  after(async () => served?.stop());

  itServesTheSeeds('per-node', () => served);

  describe('offers', () => {
    const PATH = 'default/tars.offered/data';
    const OTHER = 'other/tars.offered/data';

    const offered = (count: number) =>
      waitFor(`${count} offers`, async () => {
        const volumes = await served.volumesAt(PATH);
        const available = volumes.filter(({ status }) => status.phase === 'Available');
        return available.length === count && available;
      });
    const nodeOf = ({ metadata }: Volume) => metadata.labels!['kubernetes.io/hostname']!;

    it('come from every node while a claim waits', async () => {
      await served.create(CLAIMS, claimOf('offered'));
      const offers = await offered(5);
      expect(offers.map(nodeOf)).to.have.members(NODES);
      for (const { spec, metadata } of offers) {
        expect(spec.claimRef).to.equal(undefined);
        expect(metadata.labels!['local.tars.io/namespace']).to.equal('default');
        expect(statSync(spec.local.path).isDirectory()).to.equal(true);
      }
    });

    it('come again when somebody deletes them, politely or by force', async () => {
      const [polite, forced] = await offered(5);
      await served.remove(`${VOLUMES}/${polite!.metadata.name}`);
      await served.tearOut(`${VOLUMES}/${forced!.metadata.name}`);
      for (const { metadata } of [polite!, forced!]) {
        await waitFor(`${metadata.name} to be another one`, async () => {
          const found = await served.find<Volume>(`${VOLUMES}/${metadata.name}`);
          return found?.status.phase === 'Available' && found.metadata.uid !== metadata.uid;
        });
      }
      await offered(5);
    });

    it('are never bound by the same server of another namespace', async () => {
      // Only the first one's offers are there while no agent runs.
      for (const node of NODES) await served.agents.stop(node);
      await served.installed.kubectl('create', 'namespace', 'other');
      const claim = claimOf('offered', { namespace: 'other' });
      await served.create('/api/v1/namespaces/other/persistentvolumeclaims', claim);
      const pod = podOf('offered', 'offered');
      await waitFor('the account of the namespace', () =>
        served.find('/api/v1/namespaces/other/serviceaccounts/default'),
      );
      await served.create('/api/v1/namespaces/other/pods', {
        ...pod,
        metadata: { ...pod.metadata, namespace: 'other' },
      });
      await served.unschedulable('offered', /didn't find available persistent volumes to bind/, 'other');
      const offers = await served.volumesAt(PATH);
      expect(offers.map(({ status }) => status.phase)).to.deep.equal(Array(5).fill('Available'));

      await served.agents.startAll(NODES);
      const volume = await served.bound('offered', 'other');
      expect(volume.spec.local.path).to.match(new RegExp(`/${OTHER}$`));
    });

    it('are withdrawn when one of them was bound, also after a restart of the agents', async () => {
      await offered(5);
      await served.create(PODS, podOf('offered', 'offered'));
      const bound = await served.bound('offered');
      writeFileSync(`${bound.spec.local.path}/data`, 'of the one');
      await Promise.all(NODES.map((node) => served.agents.stop(node)));
      expect(await served.volumesAt(PATH)).to.have.lengthOf(5);
      await served.agents.startAll(NODES);
      const isAlone = async () => (await served.volumesAt(PATH)).length === 1;
      await waitFor('four to be withdrawn', isAlone, { timeoutMs: 60_000 });
      const [left] = await served.volumesAt(PATH);
      expect(left!.metadata.uid).to.equal(bound.metadata.uid);
      for (const node of NODES) {
        const isThere = node === nodeOf(bound);
        await waitFor(
          `the directory on ${node}`,
          () => existsSync(served.agents.path(node, PATH)) === isThere,
        );
      }
      expect(readdirSync(bound.spec.local.path)).to.deep.equal(['data']);
    });

    it('and all that they were leave nothing behind', async () => {
      for (const namespace of ['default', 'other']) {
        await served.installed.kubectl('delete', 'pod,pvc', '--all', '-n', namespace, '--timeout=120s');
      }
      await itIsEmpty(served);
    });
  });
});
