import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { AgentObserver } from '../../src/agent/metrics.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { quickened } from './agents.ts';
import { freeBytes, MIB, mountTmpfs, resize, sizeBytes } from './disks.ts';
import { CLAIMS, PODS } from './paths.ts';
import { type Claim, claimOf, MERGE, podOf, Served, statefulSetOf } from './served.ts';
import { waitFor } from './wait.ts';

/** How the scheduler learns of room, and what happens where there is none: nodes with disks of real, different sizes. */

const SYSTEM = 't-local-volume-system';
const CAPACITIES = `/apis/storage.k8s.io/v1/namespaces/${SYSTEM}/csistoragecapacities`;
const SIZES = { big: 1024, other: 512, small: 64 };
type Node = keyof typeof SIZES;
const NODES = Object.keys(SIZES) as Node[];

interface CapacityObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly labels: Record<string, string> };
  readonly capacity: string;
  readonly storageClassName: string;
  readonly nodeTopology: { readonly matchLabels: Record<string, string> };
}

const NO_CAPACITIES = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'no-capacities' },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['storage.k8s.io'],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['csistoragecapacities'],
          },
        ],
      },
      validations: [{ expression: 'false', message: 'not here' }],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'no-capacities' },
    spec: { policyName: 'no-capacities', validationActions: ['Deny'] },
  },
];

describe('capacity', function () {
  this.timeout(300_000);
  this.slow(10_000);
  let served: Served;

  before(needRoot);
  before(async () => {
    served = await Served.start({ nodes: NODES, asksForRoom: true, agents: { clock: quickened(5) } });
    for (const node of NODES) mountTmpfs(served.agents.root(node), `size=${SIZES[node]}m`);
    await served.agents.startAll(NODES);
  });
  after(async () => served?.stop());

  const capacityOf = async (node: Node) => {
    const all = await served.list<CapacityObject>(CAPACITIES);
    return all.find(({ nodeTopology }) => nodeTopology.matchLabels['kubernetes.io/hostname'] === node);
  };
  /** What is left of the disk, and a hundredth of it kept back. */
  const room = (node: Node) => {
    const root = served.agents.root(node);
    return `${Math.floor((freeBytes(root) - sizeBytes(root) / 100) / MIB)}Mi`;
  };
  const saysWhatThereIs = (node: Node) =>
    waitFor(`the capacity of ${node}`, async () => (await capacityOf(node))?.capacity === room(node));
  const fill = (node: Node, mebibytes: number, name = 'ballast') => {
    mkdirSync(served.agents.path(node, '.ballast'), { recursive: true });
    writeFileSync(served.agents.path(node, '.ballast', name), Buffer.alloc(mebibytes * MIB, 1));
  };
  const empty = (node: Node) =>
    rmSync(served.agents.path(node, '.ballast'), { recursive: true, force: true });
  const claim = async (name: string) => (await served.find<Claim>(`${CLAIMS}/${name}`))!;
  const selected = ({ metadata }: Claim) => metadata.annotations?.['volume.kubernetes.io/selected-node'];

  it('is one object a node and class, of what may be promised', async () => {
    for (const node of NODES) await saysWhatThereIs(node);
    const all = await served.list<CapacityObject>(CAPACITIES);
    expect(all).to.have.lengthOf(3);
    for (const node of NODES) {
      const { metadata, nodeTopology, storageClassName } = (await capacityOf(node))!;
      expect(storageClassName).to.equal('t-storage-class');
      expect(nodeTopology).to.deep.equal({ matchLabels: { 'kubernetes.io/hostname': node } });
      expect(metadata.labels).to.deep.equal({
        'app.kubernetes.io/name': 't-local-volume',
        'app.kubernetes.io/component': 'agent',
        'local.tars.io/node': node,
      });
    }
    expect(room('small')).to.equal('63Mi');
  });

  it('keeps pods away from nodes without room', async () => {
    await served.installed.apply([statefulSetOf('roomy', { replicas: 3, request: '600Mi' })]);
    const pods = await served.runningPods('default', 3);
    expect(pods.map(({ spec }) => spec.nodeName)).to.deep.equal(['big', 'big', 'big']);
    await served.installed.kubectl('delete', 'statefulset,pod,pvc', '--all', '--timeout=120s');
  });

  it('leaves a claim that is larger than any node to the scheduler, until there is room', async () => {
    await served.create(CLAIMS, claimOf('huge', { request: '1500Mi' }));
    await served.create(PODS, podOf('huge', 'huge'));
    await served.unschedulable('huge', /did not have enough free storage/);
    expect(selected(await claim('huge'))).to.equal(undefined);
    resize(served.agents.root('big'), '2g');
    await served.bound('huge');
    await served.installed.kubectl('delete', 'pod,pvc', '--all', '--timeout=120s');
    resize(served.agents.root('big'), `${SIZES.big}m`);
    await saysWhatThereIs('big');
  });

  it('is told anew when it has changed by a tenth, or a volume comes or goes', async () => {
    const seen = () => Math.floor(served.agents.agent('other').running!.health.pool!.room.left('pool') / MIB);
    const before = (await capacityOf('other'))!.capacity;
    fill('other', 30);
    await waitFor('the agent to see less', () => `${seen()}Mi` === room('other'));
    expect((await capacityOf('other'))!.capacity).to.equal(before);
    fill('other', 30, 'more');
    await saysWhatThereIs('other');

    fill('other', 20, 'yet more');
    await waitFor('the agent to see less', () => `${seen()}Mi` === room('other'));
    expect((await capacityOf('other'))!.capacity).not.to.equal(room('other'));
    await served.claim('comes', { node: 'other', request: '10Mi' });
    await served.bound('comes');
    await saysWhatThereIs('other');

    fill('other', 20, 'still more');
    await waitFor('the agent to see less', () => `${seen()}Mi` === room('other'));
    expect((await capacityOf('other'))!.capacity).not.to.equal(room('other'));
    await served.remove(`${CLAIMS}/comes`);
    await saysWhatThereIs('other');
    empty('other');
    await saysWhatThereIs('other');
  });

  describe('where a node fills after it was chosen', () => {
    afterEach(async () => {
      await served.installed.kubectl('delete', 'pod,pvc', '--all', '--timeout=120s');
      empty('other');
      await waitFor('other to have room', async () =>
        /^[45]\d\dMi$/.test((await capacityOf('other'))!.capacity),
      );
    });

    it('gives the claim back when it is less than asked for, and another node serves it', async () => {
      await served.agents.stop('other');
      const before = (await capacityOf('other'))!.capacity;
      await served.claim('moves', { node: 'other', request: '400Mi' });
      await served.create(PODS, podOf('moves', 'moves'));
      fill('other', 300);
      // The scheduler still reads that there is room.
      expect((await capacityOf('other'))!.capacity).to.equal(before);
      await served.agents.start('other');
      const words = /^node other has 2\d\dMi to give at .*, less than the 400Mi asked for; the scheduler/;
      await served.told('PersistentVolumeClaim', 'moves', 'ClaimHandedBack', words);
      const volume = await served.bound('moves');
      expect(volume.metadata.labels!['kubernetes.io/hostname']).to.equal('big');
    });

    it('gives it back when nothing at all can be written, having said so to the scheduler first', async () => {
      fill('other', 1);
      writeFileSync(
        served.agents.path('other', '.ballast', 'all'),
        Buffer.alloc(freeBytes(served.agents.root('other')), 1),
      );
      await served.claim('written', { node: 'other', request: '100Mi' });
      await served.create(PODS, podOf('written', 'written'));
      const words =
        /^node other cannot serve it: .*no space .*; the scheduler looks for another node$|less than the 100Mi/;
      await served.told('PersistentVolumeClaim', 'written', 'ClaimHandedBack', words);
      expect((await capacityOf('other'))!.capacity).to.equal('0');
      const volume = await served.bound('written');
      expect(volume.metadata.labels!['kubernetes.io/hostname']).to.equal('big');
    });
  });

  describe('and its agent', () => {
    it('is published again when somebody deletes it, and stays with the Lease when the agent ends', async () => {
      await served.agents.stop('small');
      await served.agents.start('small', { lookUpMs: 2000 });
      const { metadata } = (await capacityOf('small'))!;
      await served.remove(`${CAPACITIES}/${metadata.name}`);
      const again = await waitFor('the capacity of small', () => capacityOf('small'));
      expect(again.metadata.uid).not.to.equal(metadata.uid);
      await served.agents.stop('small');
      expect((await capacityOf('small'))!.metadata.uid).to.equal(again.metadata.uid);
      const lease = await served.find<{ metadata: { labels: object }; spec: object }>(
        `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases/t-local-volume-agent-small`,
      );
      expect(lease!.metadata.labels).to.deep.equal(metadata.labels);
      expect(lease!.spec).to.include({ holderIdentity: 'small' });
    });

    it('is no matter to a fault of the claim itself, which is said once and changes nothing', async () => {
      await served.agents.stop('big');
      const effects: string[] = [];
      let rounds = 0;
      const observer: AgentObserver = {
        queue: {},
        watches: {},
        work: { provisioned: () => {}, reclaimed: () => {} },
        trash: { deleted: () => {} },
        orphans: () => void rounds++,
      };
      const path = served.agents.path('big', 'default/tars.faulty/data');
      mkdirSync(path, { recursive: true });
      writeFileSync(`${path}/file`, 'of somebody else');
      await served.agents.start('big', {
        lookUpMs: 1000,
        observer,
        beforeEffect: (what) => effects.push(what),
      });
      const { metadata } = await served.claim('faulty', { node: 'big' });
      await served.create(PODS, podOf('faulty', 'faulty'));
      await served.told('PersistentVolumeClaim', 'faulty', 'DirectoryNotEmpty', /neither served nor removed/);
      // The controller has written what it has to.
      const { metadata: settled } = await waitFor('the controller to have seen it', async () => {
        const found = await claim('faulty');
        return found.metadata.annotations!['volume.kubernetes.io/storage-provisioner'] !== undefined && found;
      });
      effects.length = 0;
      const from = rounds;
      await waitFor('ten more rounds', () => rounds >= from + 10);
      expect(effects.filter((what) => /persistentvolume/.test(what))).to.deep.equal([]);
      const now = await claim('faulty');
      expect([now.metadata.resourceVersion, selected(now)]).to.deep.equal([settled.resourceVersion, 'big']);
      expect(now.metadata.uid).to.equal(metadata.uid);
      const events = await served.events('PersistentVolumeClaim', 'faulty');
      expect(events.filter(({ source }) => source?.host === 'big')).to.have.lengthOf(1);
    });

    it('is asked of a claim without the routing label, too: the slow look-up finds it', async () => {
      const warnings: string[] = [];
      const logger = {
        info: () => {},
        error: () => {},
        warn: (_: object, text: string) => warnings.push(text),
      };
      await served.agents.stop('big');
      await served.agents.start('big', { lookUpMs: 1000, logger });
      await served.create(CLAIMS, claimOf('unrouted', { request: '600Mi' }));
      await served.installed.stopWebhook();
      await served.create(PODS, podOf('unrouted', 'unrouted'));
      const volume = await served.bound('unrouted');
      expect(volume.metadata.labels!['kubernetes.io/hostname']).to.equal('big');
      expect(warnings.some((text) => text.includes('1 claims came without the routing label'))).to.equal(
        true,
      );
      expect((await claim('unrouted')).metadata.labels!['local.tars.io/node']).to.equal('big');
    });
  });

  describe('that somebody forbids to tell', () => {
    before(() => served.installed.startWebhook());

    it('keeps no agent from its work, nor from ending', async () => {
      await served.installed.apply(NO_CAPACITIES);
      const { metadata } = (await capacityOf('small'))!;
      await waitFor('the policy to work', async () => {
        const path = `${CAPACITIES}/${metadata.name}?dryRun=All`;
        const { status } = await served.plane.api('PATCH', path, { capacity: '1Mi' }, MERGE);
        return status === 422;
      });
      await served.agents.stop('small');
      await served.agents.start('small');
      await served.claim('untold', { node: 'small', request: '1Mi' });
      await served.bound('untold');
      await served.agents.stop('small');
    });
  });
});
