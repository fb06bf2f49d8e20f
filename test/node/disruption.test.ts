import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { DEFAULT_ROOT } from '../../src/tars/host-path.ts';
import { STATEFUL_SETS } from '../controlplane/paths.ts';
import { waitFor } from '../controlplane/wait.ts';
import { Cluster } from './cluster.ts';
import {
  agentBack,
  agentPod,
  agentRestarts,
  DELAY_SECONDS,
  install,
  killAgent,
  orphans,
  tagImage,
} from './disruption-product.ts';
import {
  allReady,
  claim,
  directoryOf,
  holdings,
  linesOf,
  lives,
  PATIENCE,
  replicas,
  runsIn,
  startServers,
  statefulSet,
  told,
  whyPending,
} from './disruption-workload.ts';
import { buildServerImage, SERVER_IMAGE } from './images.ts';
import { skipUnlessIsolated } from './isolated.ts';
import type { WorkerNode } from './node.ts';
import { apply, ready } from './pods.ts';
import { productImage } from './product.ts';

/* Nodes and what runs on them die, are replaced and come back: data and identities of volumes stay as they are. */

const PARTS = ['containerd', 'kubelet', 'agent'] as const;
type Part = (typeof PARTS)[number];

/** All six. */
const ORDERS = PARTS.flatMap((first) => {
  const [second, third] = PARTS.filter((part) => part !== first);
  return [
    [first, second!, third!],
    [first, third!, second!],
  ];
});

/** What the scheduler says, the older and the newer one. */
const TIED_TO_ITS_NODE = /volume node affinity|PersistentVolume's node affinity/;

describe('disruptions of real nodes', function () {
  this.timeout(900_000);
  this.slow(60_000);
  let cluster: Cluster;
  let folder: string;
  let first: WorkerNode;

  before(skipUnlessIsolated);
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'disruption-'));
    cluster = await Cluster.start({ images: [await buildServerImage(folder), await productImage(folder)] });
    first = cluster.nodes[0]!;
    await install(cluster, folder, 'dev');
    await startServers(cluster).catch(async (error: unknown) => {
      await say();
      throw error;
    });
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await say();
  });
  after(async () => {
    await cluster?.stop();
    if (folder) rmSync(folder, { recursive: true });
  });

  /** What a person would look at first. */
  const say = async (): Promise<void> => {
    const columns =
      'LAST:.lastTimestamp,KIND:.involvedObject.kind,NAME:.involvedObject.name,REASON:.reason,MESSAGE:.message';
    for (const words of [
      ['get', 'nodes,pods,pv,pvc', '--all-namespaces', '--output=wide'],
      [
        'get',
        'events',
        '--field-selector=type!=Normal',
        '--sort-by=.lastTimestamp',
        `--output=custom-columns=${columns}`,
      ],
    ])
      console.error((await cluster.plane.kubectl(words)).stdout);
  };

  const kill = (part: Part, node: WorkerNode): Promise<unknown> =>
    part === 'agent' ? waitFor(`an agent to kill on ${node.name}`, () => killAgent(node)) : node.kill(part);

  it('lets kubelet, containerd and agent be killed and started again in any order: no pod notices', async () => {
    const [heldBefore, livesBefore] = [await holdings(cluster), await lives(cluster)];
    const disrupt = async (node: WorkerNode, order: readonly Part[]): Promise<void> => {
      const restarts = await agentRestarts(cluster, node);
      for (const part of order) await kill(part, node);
      const started = order.filter((part) => part !== 'agent');
      await Promise.all(started.map((part) => node.start(part)));
      await agentBack(cluster, node, restarts);
    };
    const rounds = [ORDERS.slice(0, 3), ORDERS.slice(3)];
    await Promise.all(
      rounds.map(async (orders, index) => {
        for (const order of orders) await disrupt(cluster.nodes[index]!, order);
      }),
    );
    expect(await lives(cluster)).to.deep.equal(livesBefore);
    expect(await holdings(cluster)).to.deep.equal(heldBefore);
    for (const pod of ['store-0', 'store-1']) expect(runsIn(await linesOf(cluster, pod))).to.have.lengthOf(1);
  });

  it('brings pods back to their node and data after a power failure', async () => {
    const before = await holdings(cluster);
    const there = await replicas(cluster, first);
    const store = there.find(({ metadata }) => metadata.name.startsWith('store'))!.metadata.name;
    const restarts = await agentRestarts(cluster, first);
    await first.powerOff();
    const written = await linesOf(cluster, store);
    await first.powerOn();
    await waitFor(
      'the pods to run again',
      async () => {
        const again = (await replicas(cluster, first)).filter(({ status }) =>
          status.containerStatuses?.every((container) => container.ready && container.restartCount > 0),
        );
        const uids = new Set(again.map(({ metadata }) => metadata.uid));
        return there.every(({ metadata }) => uids.has(metadata.uid));
      },
      PATIENCE,
    );
    expect(await holdings(cluster)).to.deep.equal(before);
    const lines = await waitFor(`${store} to write again`, async () => {
      const all = await linesOf(cluster, store);
      return all.length > written.length && all;
    });
    expect(lines.slice(0, written.length)).to.deep.equal(written);
    expect(runsIn(lines).length).to.be.greaterThan(1);
    await agentBack(cluster, first, restarts);
  });

  it('finishes what a power failure interrupted, and leaves no directory without a volume', async () => {
    const burst = 'default/statefulset.burst';
    const directories = (): string[] => readdirSync(join(first.pool, burst));
    const volumes = async (): Promise<string[]> => {
      const about = ['--selector=tars.io/ServerName=burst', '--output=jsonpath={.items[*].spec.local.path}'];
      return (await cluster.kubectl('get', 'pv', ...about)).split(' ').filter(Boolean);
    };
    const nodeSelector = { 'kubernetes.io/hostname': first.name };
    await apply(cluster, [statefulSet({ name: 'burst', replicas: 10, pod: { nodeSelector } })]);
    const restarts = await agentRestarts(cluster, first);
    await waitFor('the first directory', () => directories().length > 0, PATIENCE);
    await first.powerOff();
    const made = (await volumes()).length;
    expect(made, 'volumes that were made before the power failed').to.be.lessThan(10);
    await first.powerOn();
    await cluster.kubectl('rollout', 'status', 'statefulset/burst', '--timeout=280s');
    const names = Array.from({ length: 10 }, (_, ordinal) => `data.${ordinal}`);
    expect(directories()).to.have.members(names);
    const below = (await volumes()).map((path) => path.split(`${burst}/`)[1]);
    expect(below).to.have.members(names);
    await agentBack(cluster, first, restarts);
    expect(await orphans(cluster, first)).to.deep.equal({ code: 0, stdout: 'no orphans\n', stderr: '' });
    await cluster.kubectl('delete', 'statefulset', 'burst');
    await cluster.kubectl('delete', 'pvc', '--selector=tars.io/ServerName=burst');
  });

  it('is upgraded while pods run: no pod notices, and no StatefulSet is refused meanwhile', async () => {
    const [heldBefore, livesBefore] = [await holdings(cluster), await lives(cluster)];
    const runsBefore = runsIn(await linesOf(cluster, 'store-0')).length;
    await tagImage(cluster, 'dev', 'next');
    const over = new AbortController();
    const creating = createAllTheTime(cluster, over.signal);
    await install(cluster, folder, 'next');
    over.abort();
    const { count, failures } = await creating;
    expect(failures).to.deep.equal([]);
    expect(count).to.be.greaterThan(20);
    for (const node of cluster.nodes) {
      const { spec } = await agentPod(cluster, node);
      expect(spec.containers[0]?.image).to.equal('localhost/t-local-volume:next');
    }
    expect(await lives(cluster)).to.deep.equal(livesBefore);
    expect(await holdings(cluster)).to.deep.equal(heldBefore);
    expect(runsIn(await linesOf(cluster, 'store-0'))).to.have.lengthOf(runsBefore);
  });

  it('has pods of a drained node wait for it, and says why', async () => {
    const before = await holdings(cluster);
    const there = await replicas(cluster, first);
    await cluster.kubectl(
      'drain',
      first.name,
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--timeout=120s',
    );
    for (const { metadata } of there)
      expect(await whyPending(cluster, metadata.name)).to.match(TIED_TO_ITS_NODE);
    expect(await holdings(cluster)).to.deep.equal(before);
    await cluster.kubectl('uncordon', first.name);
    await allReady(cluster, there);
    expect(await holdings(cluster)).to.deep.equal(before);
  });

  it('does not mind that a node is deleted and registers again while its pods run', async () => {
    const [heldBefore, livesBefore] = [await holdings(cluster), await lives(cluster)];
    // Before, for pods of a node that is not there are deleted after 40 s, and a kubelet takes its time to come up.
    await first.kill('kubelet');
    await cluster.kubectl('delete', 'node', first.name);
    await first.start('kubelet');
    await cluster.ready(first);
    await agentBack(cluster, first);
    // What was said of the node before is still said of it.
    expect(await cluster.kubectl('describe', 'node', first.name)).to.contain('VolumePoolReady');
    expect(await lives(cluster)).to.deep.equal(livesBefore);
    expect(await holdings(cluster)).to.deep.equal(heldBefore);
  });

  it('keeps the data of a node that is gone until it is back under its name, and says so', async () => {
    const before = await holdings(cluster);
    const there = await replicas(cluster, first);
    await apply(cluster, [claim('left'), podWith('left', first)]);
    await ready(cluster, 'left');
    const left = await directoryOf(cluster, 'left');
    writeFileSync(join(left, 'seed'), 'precious');

    await first.powerOff();
    // The scheduler does not know yet.
    await apply(cluster, [claim('late'), podWith('late', first)]);
    await told(cluster, 'late', 'ExternalProvisioning');
    await cluster.kubectl('delete', 'node', first.name);
    // As the controller for such pods would, after a minute.
    await cluster.kubectl(
      'delete',
      'pods',
      '--all-namespaces',
      `--field-selector=spec.nodeName=${first.name}`,
      '--force',
      '--grace-period=0',
    );
    const volume = await cluster.kubectl('get', 'pvc', 'left', '--output=jsonpath={.spec.volumeName}');
    await cluster.kubectl('delete', 'pvc', 'left');

    for (const { metadata } of there)
      expect(await whyPending(cluster, metadata.name)).to.match(TIED_TO_ITS_NODE);
    const delay = `for more than ${DELAY_SECONDS} s`;
    expect(await told(cluster, 'late', 'SelectedNodeDropped')).to.equal(
      `There has been no node ${first.name} ${delay}. The claim has no volume yet: the choice of that node is dropped, so that the scheduler chooses again.`,
    );
    expect(await told(cluster, volume, 'VolumeLetGo')).to.equal(
      `There has been no node ${first.name} ${delay}: the volume is let go. Its data was not removed: it is still on the disk of that node, at ${DEFAULT_ROOT}/default/claim.left/left.`,
    );
    expect(await holdings(cluster)).to.deep.equal(before);
    expect(readdirSync(left)).to.deep.equal(['seed']);

    await first.powerOn();
    await cluster.ready(first);
    await allReady(cluster, there);
    expect(await holdings(cluster)).to.deep.equal(before);
    await ready(cluster, 'late');
    await agentBack(cluster, first);
    const listed = await orphans(cluster, first);
    expect(listed.stdout).to.contain('default/claim.left/left');
    expect(readdirSync(left)).to.deep.equal(['seed']);
  });
});

const podWith = (claimName: string, node: WorkerNode): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: claimName },
  spec: {
    nodeSelector: { 'kubernetes.io/hostname': node.name },
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: SERVER_IMAGE, volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
  },
});

/** What a deployment pipeline would see: StatefulSets of ours that are created, on trial, ten a second. */
async function createAllTheTime(
  cluster: Cluster,
  over: AbortSignal,
): Promise<{ count: number; failures: string[] }> {
  const path = `${STATEFUL_SETS}?dryRun=All`;
  const failures: string[] = [];
  let count = 0;
  while (!over.aborted) {
    const { status, body } = await cluster.plane.api(
      'POST',
      path,
      statefulSet({ name: 'trial', replicas: 1 }),
    );
    count++;
    const isExpanded = JSON.stringify(body).includes('"tars.io/ServerName":"trial"');
    if (status !== 201 || !isExpanded) failures.push(`${status} ${JSON.stringify(body)}`);
    await sleep(100);
  }
  return { count, failures };
}
