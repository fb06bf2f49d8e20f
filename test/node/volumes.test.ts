import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { waitFor } from '../controlplane/wait.ts';
import { Cluster } from './cluster.ts';
import { itIsConfined } from './confined.ts';
import { buildServerImage } from './images.ts';
import { skipUnlessIsolated } from './isolated.ts';
import { apply, inPod, podOf, type PodView, ready, replaced, server, tryInPod } from './pods.ts';
import { installOverlay, productImage } from './product.ts';

/* Servers that write and read their volumes, on nodes with a real kubelet. */

interface Summary {
  readonly pods: readonly {
    readonly volume?: readonly {
      readonly pvcRef?: { readonly name: string };
      readonly capacityBytes: number;
      readonly availableBytes: number;
    }[];
  }[];
}

/** Each mount with the directory of its filesystem; the pool's is pool/ of the node's disk. */
const MOUNTS = 'cat /proc/self/mountinfo';

describe('volumes on a real node', function () {
  this.timeout(900_000);
  let cluster: Cluster;
  let folder: string;

  before(skipUnlessIsolated);
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'images-'));
    cluster = await Cluster.start({ images: [await buildServerImage(folder), await productImage(folder)] });
    await installOverlay(cluster);
  });
  after(async () => {
    await cluster?.stop();
    if (folder) rmSync(folder, { recursive: true });
  });

  /** Where a directory of a pod's node is seen from here. */
  const onDisk = (pod: PodView, path: string): string => {
    const node = cluster.nodes.find(({ name }) => name === pod.spec.nodeName);
    return join(node?.pool ?? '', path);
  };
  const volumeOf = (claim: string): Promise<string> =>
    cluster.kubectl('get', 'pvc', claim, '--output=jsonpath={.spec.volumeName}');
  const deleteServer = async (name: string): Promise<void> => {
    await cluster.kubectl('delete', 'statefulset,tserver', name);
    await cluster.kubectl('delete', 'pvc', '--selector', `tars.io/ServerName=${name.replace('tars-', '')}`);
  };

  it('lets tarslog write as uid 1000, and read its data again after its pod was deleted', async () => {
    const volumes = { 'remote-log-dir': { uid: '1000', gid: '0', mode: '755' } };
    await apply(cluster, server({ name: 'tarslog', replicas: 2, uid: 1000, volumes }));
    const pods = await Promise.all(['tars-tarslog-0', 'tars-tarslog-1'].map((name) => ready(cluster, name)));
    // Two replicas of one server on two nodes, for they would share a directory on one.
    expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).to.equal(2);
    for (const { metadata } of pods) {
      expect(await inPod(cluster, metadata.name, 'id -u; stat -c "%u %g %a" /remote-log-dir')).to.equal(
        '1000\n1000 0 755',
      );
      await inPod(cluster, metadata.name, `echo log of ${metadata.name} >/remote-log-dir/app.log; sync`);
    }
    for (const { metadata, spec } of pods) {
      const again = await replaced(cluster, metadata.name);
      expect(again.spec.nodeName).to.equal(spec.nodeName);
      expect(await inPod(cluster, metadata.name, MOUNTS)).to.contain(
        '/pool/default/tars.tarslog/remote-log-dir ',
      );
      expect(await inPod(cluster, metadata.name, 'cat /remote-log-dir/app.log')).to.equal(
        `log of ${metadata.name}`,
      );
      const file = onDisk(again, 'default/tars.tarslog/remote-log-dir/app.log');
      expect([readFileSync(file, 'utf8'), statSync(file).uid]).to.deep.equal([
        `log of ${metadata.name}\n`,
        1000,
      ]);
    }
  });

  it('shows the pod the owner and mode that were asked for, wrong ones too', async () => {
    const volumes = {
      mine: { uid: '1000', gid: '1000', mode: '711' },
      foreign: { uid: '2000', gid: '3000', mode: '711' },
    };
    await apply(cluster, server({ name: 'owners', uid: 1000, volumes }));
    await ready(cluster, 'tars-owners-0');
    const seen = 'stat -c "%n %u %g %a" /foreign /mine';
    expect(await inPod(cluster, 'tars-owners-0', seen)).to.equal(
      '/foreign 2000 3000 711\n/mine 1000 1000 711',
    );
    await inPod(cluster, 'tars-owners-0', 'echo mine >/mine/file');
    const { code, stderr } = await tryInPod(cluster, 'tars-owners-0', 'echo foreign >/foreign/file');
    expect([code, stderr]).to.satisfy(() => code !== 0 && stderr.includes('Permission denied'), stderr);
  });

  it('keeps a server of the host network on its node, without a volume in its pod', async () => {
    await apply(cluster, server({ name: 'gateway', uid: 1000, hostNetwork: true }));
    const { spec } = await ready(cluster, 'tars-gateway-0');
    expect(
      await cluster.kubectl('get', 'pvc', 'delay-bind-tars-gateway-0', '--output=jsonpath={.status.phase}'),
    ).to.equal('Bound');
    expect(await inPod(cluster, 'tars-gateway-0', MOUNTS)).not.to.contain('/pool/');
    const other = cluster.nodes.find(({ name }) => name !== spec.nodeName)?.name ?? '';
    expect((await replaced(cluster, 'tars-gateway-0')).spec.nodeName).to.equal(spec.nodeName);
    // Its node is closed, the other one is free: it waits.
    await cluster.kubectl('cordon', spec.nodeName ?? '');
    await cluster.kubectl('delete', 'pod', 'tars-gateway-0');
    const message = await waitFor('the scheduler to give up', async () => {
      const pod = await podOf(cluster, 'tars-gateway-0');
      return pod?.status.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
        ?.message;
    });
    expect(message, other).to.match(/volume node affinity|PersistentVolume's node affinity/);
    await cluster.kubectl('uncordon', spec.nodeName ?? '');
    expect((await ready(cluster, 'tars-gateway-0')).spec.nodeName).to.equal(spec.nodeName);
  });

  it('is counted by kubelet: statistics of volumes, as in its metrics', async () => {
    const { spec } = await ready(cluster, 'tars-tarslog-0');
    const claim = 'remote-log-dir-tars-tarslog-0';
    const proxy = `/api/v1/nodes/${spec.nodeName}/proxy`;
    const volume = await waitFor(
      'kubelet to have looked at the volume',
      async () => {
        const { pods } = JSON.parse(
          await cluster.kubectl('get', '--raw', `${proxy}/stats/summary`),
        ) as Summary;
        return pods
          .flatMap(({ volume: volumes = [] }) => volumes)
          .find(({ pvcRef }) => pvcRef?.name === claim);
      },
      { timeoutMs: 120_000 },
    );
    expect(volume.capacityBytes).to.be.greaterThan(volume.availableBytes).and.greaterThan(0);
    const metrics = await cluster.kubectl('get', '--raw', `${proxy}/metrics`);
    expect(metrics).to.match(
      new RegExp(
        `^kubelet_volume_stats_capacity_bytes\\{namespace="default",persistentvolumeclaim="${claim}"\\} `,
        'm',
      ),
    );
  });

  it('removes a released volume from the disk', async () => {
    const pod = await ready(cluster, 'tars-owners-0');
    const volume = await volumeOf('mine-tars-owners-0');
    expect(readFileSync(onDisk(pod, 'default/tars.owners/mine/file'), 'utf8')).to.equal('mine\n');
    await deleteServer('tars-owners');
    await cluster.kubectl('wait', '--for=delete', `pv/${volume}`, '--timeout=120s');
    await waitFor('the directory to be gone', () => !existsSync(onDisk(pod, 'default/tars.owners')), {
      timeoutMs: 60_000,
    });
  });

  it('keeps a released volume whose policy is Retain', async () => {
    const pod = await ready(cluster, 'tars-tarslog-0');
    const volume = await volumeOf('remote-log-dir-tars-tarslog-0');
    await cluster.kubectl(
      'patch',
      'pv',
      volume,
      '--patch={"spec":{"persistentVolumeReclaimPolicy":"Retain"}}',
    );
    const other = await volumeOf('remote-log-dir-tars-tarslog-1');
    await deleteServer('tars-tarslog');
    // Its neighbour, of policy Delete, is gone when it is still there.
    await cluster.kubectl('wait', '--for=delete', `pv/${other}`, '--timeout=120s');
    await cluster.kubectl(
      'wait',
      '--for=jsonpath={.status.phase}=Released',
      `pv/${volume}`,
      '--timeout=120s',
    );
    const file = onDisk(pod, 'default/tars.tarslog/remote-log-dir/app.log');
    expect(readFileSync(file, 'utf8')).to.equal('log of tars-tarslog-0\n');
  });

  describe('and the product there', () => itIsConfined(() => cluster));
});
