import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { ROOT, tlv } from '../offline/tlv.ts';
import { sha256 } from './disks.ts';
import { PODS, VOLUMES } from './paths.ts';
import { type Pod, type Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/* The seeds' servers, from apply to running pods, on nodes that kwok plays and directories that are real. */

export const NODES = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'];

type Way = 'on-demand' | 'per-node';

const LOGS = 'default/tars.tarslog/remote-log-dir';

/** The volume in the seeds, but for the node, what binding adds, and what is ours. */
function seedVolume(node: string, root: string, way: Way) {
  return {
    labels: {
      'kubernetes.io/hostname': node,
      'tars.io/LocalVolume': 'remote-log-dir',
      'tars.io/ServerApp': 'tars',
      'tars.io/ServerName': 'tarslog',
      ...(way === 'per-node' ? { 'local.tars.io/namespace': 'default' } : {}),
    },
    annotations: {
      // Written by the controller where it is the one that has chosen the volume.
      ...(way === 'per-node' ? { 'pv.kubernetes.io/bound-by-controller': 'yes' } : {}),
      'pv.kubernetes.io/provisioned-by': `agent-downloader-provisioner-${node}`,
      'local.tars.io/size-enforced': 'false',
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '5Gi' },
      local: { path: `${root}/${LOGS}` },
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

/** Applies a TServer of the examples with the StatefulSet that it stands for. */
async function applyRendered(served: Served, example: string, classes: string): Promise<void> {
  const { stdout } = await tlv(['render', '--classes', classes, '-f', `${ROOT}examples/${example}.yaml`]);
  const { code, stderr } = await served.plane.kubectl(['apply', '-f', '-'], { input: stdout });
  expect(code, stderr).to.equal(0);
}

const podsOf = async (served: Served, set: string): Promise<Pod[]> =>
  (await served.list<Pod>(PODS)).filter(({ metadata }) => metadata.name.startsWith(`${set}-`));

/** What holds whichever way the volumes come to be. */
export function itServesTheSeeds(way: Way, cluster: () => Served): void {
  const classes = `t-storage-class=${way}`;

  it('binds the three replicas of tarslog on three nodes, to volumes as in the seeds', async () => {
    const served = cluster();
    const { agents } = served;
    await applyRendered(served, 'tarslog', classes);
    const pods = await served.runningPods('default', 3);
    const nodes = pods.map(({ spec }) => spec.nodeName!);
    expect(new Set(nodes)).to.have.lengthOf(3);
    for (const { metadata, spec } of pods) {
      const { uid, gid, mode } = statSync(agents.path(spec.nodeName!, LOGS));
      expect([uid, gid, (mode & 0o7777).toString(8)]).to.deep.equal([1000, 0, '755']);
      const volume = await served.bound(`remote-log-dir-${metadata.name}`);
      expectSeedVolume(volume, seedVolume(spec.nodeName!, agents.root(spec.nodeName!), way));
    }
    // Directories above are root's, whatever the umask.
    const { uid, mode } = statSync(agents.path(nodes[0]!, 'default/tars.tarslog'));
    expect([uid, (mode & 0o7777).toString(8)]).to.deep.equal([0, '755']);
  });

  it('ties the replicas of tarsconfig to their nodes by delay-bind, through a drain', async () => {
    const served = cluster();
    await applyRendered(served, 'tarsconfig', classes);
    await served.runningPods('default', 5);
    const [pod] = await podsOf(served, 'tars-tarsconfig');
    const { name, uid } = pod!.metadata;
    const node = pod!.spec.nodeName!;
    expect((await served.bound(`delay-bind-${name}`)).metadata.labels!['kubernetes.io/hostname']).to.equal(
      node,
    );
    await served.installed.kubectl('drain', node, '--force', '--ignore-daemonsets', '--timeout=120s');
    // Three other nodes at least are free, and it may have none of them.
    await served.unschedulable(name, /volume node affinity|PersistentVolume's node affinity/);
    await served.installed.kubectl('uncordon', node);
    const again = await waitFor(`${name} to run again`, async () => {
      const found = await served.find<Pod>(`${PODS}/${name}`);
      return found?.status.phase === 'Running' && found;
    });
    expect([again.spec.nodeName, again.metadata.uid === uid]).to.deep.equal([node, false]);
  });

  it('brings a deleted pod of tarslog back to its data', async () => {
    const served = cluster();
    const [pod] = await podsOf(served, 'tars-tarslog');
    const node = pod!.spec.nodeName!;
    const file = served.agents.path(node, LOGS, 'app.log');
    writeFileSync(file, `what ${node} has logged`);
    const before = [sha256(file), statSync(served.agents.path(node, LOGS)).ino];
    await served.remove(`${PODS}/${pod!.metadata.name}`);
    const again = await waitFor('the pod to be another one', async () => {
      const found = await served.find<Pod>(`${PODS}/${pod!.metadata.name}`);
      return found?.status.phase === 'Running' && found.metadata.uid !== pod!.metadata.uid && found;
    });
    expect(again.spec.nodeName).to.equal(node);
    expect([sha256(file), statSync(served.agents.path(node, LOGS)).ino]).to.deep.equal(before);
  });

  it('leaves nothing behind when servers and claims are deleted', async () => {
    const served = cluster();
    // Nothing but our own folder is in the root then; a foreign file in it has to stay.
    const foreign = served.agents.path('node-1', 'default');
    mkdirSync(foreign, { recursive: true });
    writeFileSync(`${foreign}/readme`, 'not ours');
    await served.installed.kubectl('delete', 'statefulset', '--all', '-n', 'default', '--wait=true');
    await served.installed.kubectl(
      'delete',
      'pvc',
      '--all',
      '-n',
      'default',
      '--wait=true',
      '--timeout=120s',
    );
    await itIsEmpty(served, (root) => (root.endsWith('/node-1') ? ['.tlv', 'default'] : ['.tlv']));
    expect(readdirSync(foreign)).to.deep.equal(['readme']);
    rmSync(foreign, { recursive: true });
  });
}

/** No volume, no directory, no trash. */
export async function itIsEmpty(
  served: Served,
  left: (root: string) => readonly string[] = () => ['.tlv'],
): Promise<void> {
  await waitFor('every volume to be gone', async () => (await served.list<Volume>(VOLUMES)).length === 0, {
    timeoutMs: 60_000,
  });
  for (const node of NODES) {
    const root = served.agents.root(node);
    await waitFor(`the trash of ${node} to be empty`, () => readdirSync(`${root}/.tlv/trash`).length === 0);
    await waitFor(`the ledger of ${node} to be empty`, () => readdirSync(`${root}/.tlv/ledger`).length === 0);
    expect(readdirSync(root), node).to.have.members([...left(root)]);
  }
}

function expectSeedVolume({ metadata, spec }: Volume, wanted: ReturnType<typeof seedVolume>): void {
  expect(metadata.name).to.match(/^default-remote-log-dir-tars-tarslog-[0-9a-f]{20}$/);
  expect(metadata.labels).to.deep.equal(wanted.labels);
  const { 'local.tars.io/pool': pool, ...annotations } = metadata.annotations!;
  expect(pool).to.match(/^[0-9a-f-]{36}$/);
  expect(annotations).to.deep.equal(wanted.annotations);
  expect(metadata.finalizers).to.have.members(['local.tars.io/volume', 'kubernetes.io/pv-protection']);
  const { claimRef, ...rest } = spec;
  expect(rest).to.deep.equal(wanted.spec);
  expect(claimRef).to.include({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'default' });
  expect(claimRef!.name).to.match(/^remote-log-dir-tars-tarslog-[012]$/);
}
