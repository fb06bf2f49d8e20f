import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DEFAULT_ROOT } from '../../src/tars/host-path.ts';
import { CLAIMS } from '../controlplane/paths.ts';
import { waitFor } from '../controlplane/wait.ts';
import { ROOT } from '../offline/tlv.ts';
import { Cluster } from './cluster.ts';
import { agentBack, agentRestarts, killAgent } from './disruption-product.ts';
import { PATIENCE, told } from './disruption-workload.ts';
import { buildServerImage, SERVER_IMAGE } from './images.ts';
import { skipUnlessIsolated } from './isolated.ts';
import type { WorkerNode } from './node.ts';
import { apply, inPod, podOf, ready } from './pods.ts';
import { installOverlay, productImage } from './product.ts';

/*
 * The privileged agent of deploy/overlays/backends on a real node, with a class of deploy/classes: what it mounts, a
 * kubelet hands to pods, and it is there again after whatever happens to the node.
 */

const MEBIBYTE = 2 ** 20;
/**
 * Of xfs, which grows for any administrator; for ext4 a container needs CAP_SYS_RESOURCE, which the root of this machine
 * may lack. It needs a part for itself, and is full when the rest is used up.
 */
const SIZES = {
  asked: { text: '300Mi', least: 200 * MEBIBYTE, most: 300 * MEBIBYTE },
  grown: { text: '400Mi', least: 300 * MEBIBYTE, most: 400 * MEBIBYTE },
} as const;
const CLAIM = 'full';
const PATH = `${DEFAULT_ROOT}/default/claim.${CLAIM}/${CLAIM}`;

/** Writes until there is no room, and goes on when there is some again; ends where there is no data directory to enter. */
const WRITER = `cd /data || exit
[ -e seed ] || { dd if=/dev/urandom of=seed bs=4k count=16; sync; }
while :; do dd if=/dev/zero bs=64k count=64 >>fill || sleep 1; sleep 0.05; done`;

const OBJECTS = [
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: CLAIM,
      annotations: { 'tars.io/LocalVolumeUID': '1000', 'tars.io/LocalVolumeGID': '2000' },
    },
    spec: {
      storageClassName: 't-storage-loop-xfs',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: SIZES.asked.text } },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: CLAIM },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsUser: 1000, runAsGroup: 2000 },
      containers: [
        {
          name: 'main',
          image: SERVER_IMAGE,
          command: ['sh', '-c', WRITER],
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
      ],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: CLAIM } }],
    },
  },
];

interface ClaimView {
  readonly spec: { readonly volumeName: string };
  readonly status: { readonly capacity?: { readonly storage: string }; readonly conditions?: unknown };
}

interface Summary {
  readonly pods: readonly {
    readonly volume?: readonly {
      readonly pvcRef?: { readonly name: string };
      readonly capacityBytes: number;
    }[];
  }[];
}

describe('a volume with a size of its own, on a real node', function () {
  this.timeout(900_000);
  this.slow(60_000);
  let cluster: Cluster;
  let node: WorkerNode;
  let folder: string;

  before(skipUnlessIsolated);
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'backends-'));
    const images = [await buildServerImage(folder), await productImage(folder)];
    cluster = await Cluster.start({ nodes: 1, images });
    node = cluster.nodes[0]!;
    await installOverlay(cluster, 'backends');
    await cluster.kubectl('apply', '-f', `${ROOT}deploy/classes/loop-xfs.yaml`);
    await apply(cluster, OBJECTS);
    await ready(cluster, CLAIM);
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    for (const words of [
      ['get', 'pods,pv,pvc', '--all-namespaces', '--output=wide'],
      ['get', 'events', '--all-namespaces', '--sort-by=.lastTimestamp'],
      ['logs', '--namespace=t-local-volume-system', 'daemonset/t-local-volume-agent', '--tail=30'],
    ])
      console.error((await cluster.plane.kubectl(words)).stdout);
  });
  after(async () => {
    await cluster?.stop();
    if (folder) rmSync(folder, { recursive: true });
  });

  const claim = async (): Promise<ClaimView> =>
    (await cluster.plane.api<ClaimView>('GET', `${CLAIMS}/${CLAIM}`)).body;

  /** How often the pod's container was started again. */
  const restarts = async (): Promise<number> =>
    (await podOf(cluster, CLAIM))?.status.containerStatuses?.[0]?.restartCount ?? -1;

  const written = async (): Promise<number> => Number(await inPod(cluster, CLAIM, 'stat -c %s /data/fill'));

  /** Waits until the writer is told that there is no room, and returns how much it wrote until then. */
  async function full(): Promise<number> {
    const said = ['logs', CLAIM, '--tail=4'];
    return waitFor(
      'the writer to be out of room',
      async () => {
        const before = await written();
        const isTold = (await cluster.kubectl(...said)).includes('No space left on device');
        return isTold && (await written()) === before && before;
      },
      PATIENCE,
    );
  }

  const seed = (): Promise<string> => inPod(cluster, CLAIM, 'busybox sha256sum </data/seed');

  /** The loop devices that are mounted at the volume's place on the node: one, as long as all is well. */
  async function mounted(): Promise<string[]> {
    const { stdout } = await node.run('cat', '/proc/self/mountinfo');
    const lines = stdout.split('\n').map((line) => line.split(' '));
    return lines.flatMap((words) => (words[4] === PATH ? [words.at(-2)!] : []));
  }

  /** Of the node's pool, as the kernel knows them: of whatever the tests around this one mount, none. */
  async function loopDevices(): Promise<string[]> {
    const { stdout } = await node.run('sh', '-c', 'cat /sys/block/loop*/loop/backing_file');
    return stdout.split('\n').filter((file) => file.includes('/.tlv/'));
  }

  it('stops its writer there, and nobody else', async () => {
    const bytes = await full();
    expect(bytes).to.be.within(SIZES.asked.least, SIZES.asked.most);
    expect((await claim()).status.capacity?.storage).to.equal(SIZES.asked.text);
    expect(await mounted())
      .to.have.lengthOf(1)
      .and.match(/^\/dev\/loop\d+$/);
    expect(await loopDevices()).to.have.lengthOf(1);
    const { code, stderr } = await node.run(
      'dd',
      'if=/dev/zero',
      `of=${DEFAULT_ROOT}/beside`,
      'bs=1M',
      'count=128',
    );
    expect(code, stderr).to.equal(0);
    await node.run('rm', `${DEFAULT_ROOT}/beside`);
  });

  it('is counted by kubelet as what it is, and not as the disk below it', async () => {
    const proxy = `/api/v1/nodes/${node.name}/proxy/stats/summary`;
    const volume = await waitFor(
      'kubelet to have looked at the volume',
      async () => {
        const { pods } = JSON.parse(await cluster.kubectl('get', '--raw', proxy)) as Summary;
        const all = pods.flatMap(({ volume: volumes = [] }) => volumes);
        return all.find(({ pvcRef }) => pvcRef?.name === CLAIM);
      },
      PATIENCE,
    );
    expect(volume.capacityBytes).to.be.within(SIZES.asked.least, SIZES.asked.most);
  });

  it('grows below its writer, which goes on', async () => {
    const [before, kept] = [await written(), await seed()];
    const patch = { spec: { resources: { requests: { storage: SIZES.grown.text } } } };
    await cluster.kubectl('patch', 'pvc', CLAIM, `--patch=${JSON.stringify(patch)}`);
    await waitFor('the writer to go on', async () => (await written()) > before + 16 * MEBIBYTE, PATIENCE);
    expect(await full()).to.be.within(SIZES.grown.least, SIZES.grown.most);
    const { spec, status } = await waitFor('the claim to say so', async () => {
      const now = await claim();
      return now.status.capacity?.storage === SIZES.grown.text && now;
    });
    expect(status.conditions).to.equal(undefined);
    const capacity = await cluster.kubectl(
      'get',
      'pv',
      spec.volumeName,
      '--output=jsonpath={.spec.capacity.storage}',
    );
    expect(capacity).to.equal(SIZES.grown.text);
    expect(await told(cluster, CLAIM, 'VolumeExpanded')).to.equal(
      `volume ${spec.volumeName} holds ${SIZES.grown.text} now`,
    );
    expect([await restarts(), await seed()]).to.deep.equal([0, kept]);
  });

  it('stays in its place when agent, kubelet and containerd are killed', async () => {
    const [kept, place, again] = [await seed(), await mounted(), await agentRestarts(cluster, node)];
    await waitFor('an agent to kill', () => killAgent(node));
    for (const part of ['kubelet', 'containerd'] as const) await node.kill(part);
    for (const part of ['containerd', 'kubelet'] as const) await node.start(part);
    await agentBack(cluster, node, again);
    expect(await mounted()).to.deep.equal(place);
    await waitFor('a shell in the pod', () => inPod(cluster, CLAIM, 'true').then(() => true));
    expect([await restarts(), await seed()]).to.deep.equal([0, kept]);
  });

  it('is back in its place with its data after a power failure', async () => {
    const [kept, again] = [await seed(), await agentRestarts(cluster, node)];
    await node.powerOff();
    await node.powerOn();
    await agentBack(cluster, node, again);
    const isBack = () =>
      inPod(cluster, CLAIM, 'cat /data/seed').then(
        () => true,
        () => false,
      );
    await waitFor('the pod to have its data again', isBack, PATIENCE);
    expect(await seed()).to.equal(kept);
    expect(await mounted()).to.have.lengthOf(1);
    expect(await loopDevices()).to.have.lengthOf(1);
    expect(await full()).to.be.within(SIZES.grown.least, SIZES.grown.most);
  });

  it('goes with its claim: no mount, no device, no image', async () => {
    const { volumeName } = (await claim()).spec;
    await cluster.kubectl('delete', 'pod,pvc', CLAIM);
    await cluster.kubectl('wait', '--for=delete', `pv/${volumeName}`, '--timeout=120s');
    expect(await mounted()).to.deep.equal([]);
    await waitFor('its image to be gone', async () => {
      const { stdout } = await node.run(
        'find',
        `${DEFAULT_ROOT}/.tlv/images`,
        `${DEFAULT_ROOT}/.tlv/trash`,
        '-type',
        'f',
      );
      return stdout === '';
    });
    // A device goes with its last user, which may be a program that just looks at all of them.
    await waitFor('the devices to be gone', async () => (await loopDevices()).length === 0);
  });
});
