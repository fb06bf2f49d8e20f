import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_ROOT } from '../../src/tars/host-path.ts';
import { waitFor } from '../controlplane/wait.ts';
import type { Cluster } from './cluster.ts';
import { SERVER_IMAGE } from './images.ts';
import type { WorkerNode } from './node.ts';
import { apply, inPod, ready, server } from './pods.ts';

/* Servers that hold data while their nodes are disrupted, and what of them has to stay as it is. */

const API = '/api/v1';
const CLAIMS = `${API}/namespaces/default/persistentvolumeclaims`;
const PODS = `${API}/namespaces/default/pods`;
export const PATIENCE = { timeoutMs: 120_000 };

/** A replica on each node: of a plain StatefulSet that writes all the time, and of a TServer that the webhook expands. */
const REPLICAS = ['store-0', 'store-1', 'tars-tarslog-0', 'tars-tarslog-1'];
const claimOf = (pod: string): string => `${pod.startsWith('store') ? 'data' : 'remote-log-dir'}-${pod}`;

/** Each start of it has a name of its own, and numbers its lines from 1. */
const WRITER = `cd /data
[ -e seed ] || { dd if=/dev/urandom of=seed bs=4k count=16; sync; }
read id </proc/sys/kernel/random/uuid
n=0
while n=$((n + 1)); do echo "$id $n" >>lines; sleep 0.1; done`;

/** A claim template or, with a name of its own, a claim. */
export const claim = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name,
    annotations: {
      'tars.io/LocalVolumeUID': '1000',
      'tars.io/LocalVolumeGID': '2000',
      'tars.io/LocalVolumeMode': '711',
    },
  },
  spec: {
    storageClassName: 't-storage-class',
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Mi' } },
  },
});

interface SetParts {
  readonly name: string;
  readonly replicas: number;
  readonly command?: readonly string[];
  readonly pod?: object;
}

/** A plain StatefulSet with a volume at /data, whose pods all start at once. */
export const statefulSet = ({ name, replicas: count, command, pod = {} }: SetParts): object => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: count,
    serviceName: name,
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 0,
        securityContext: { runAsUser: 1000, runAsGroup: 2000 },
        containers: [
          {
            name: 'main',
            image: SERVER_IMAGE,
            command,
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
        ...pod,
      },
    },
    volumeClaimTemplates: [claim('data')],
  },
});

/** Starts the servers and returns when each has data. */
export async function startServers(cluster: Cluster): Promise<void> {
  const apart = {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { labelSelector: { matchLabels: { app: 'store' } }, topologyKey: 'kubernetes.io/hostname' },
    ],
  };
  const volumes = { 'remote-log-dir': { uid: '1000', gid: '0', mode: '755' } };
  await apply(cluster, [
    statefulSet({
      name: 'store',
      replicas: 2,
      command: ['sh', '-c', WRITER],
      pod: { affinity: { podAntiAffinity: apart } },
    }),
    ...server({ name: 'tarslog', replicas: 2, uid: 1000, volumes }),
  ]);
  for (const pod of REPLICAS) {
    await ready(cluster, pod);
    if (pod.startsWith('tars'))
      await inPod(cluster, pod, 'dd if=/dev/urandom of=/remote-log-dir/seed bs=4k count=16; sync');
    else await waitFor(`${pod} to write`, async () => (await linesOf(cluster, pod)).length > 0, PATIENCE);
  }
}

/** All about a claim and its data that no disruption may change. */
interface Holding {
  readonly claim: string;
  readonly volume: string;
  readonly node: string;
  readonly inode: number;
  /** As `stat -c '%u:%g %a'`. */
  readonly access: string;
  /** The checksum of its file `seed`. */
  readonly seed: string;
}

interface ClaimView {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly volumeName: string };
}

interface VolumeView {
  readonly metadata: { readonly uid: string };
  readonly spec: {
    readonly local: { readonly path: string };
    readonly nodeAffinity: {
      readonly required: {
        readonly nodeSelectorTerms: readonly {
          readonly matchExpressions: readonly { readonly values: readonly string[] }[];
        }[];
      };
    };
  };
}

/** What the servers hold, by claim; it is looked up on the disks, whether their nodes run or not. */
export async function holdings(cluster: Cluster): Promise<Record<string, Holding>> {
  const names = REPLICAS.map(claimOf);
  const all = await Promise.all(names.map((name) => holding(cluster, name)));
  return Object.fromEntries(all.map((one, index) => [names[index], one]));
}

async function holding(cluster: Cluster, name: string): Promise<Holding> {
  const { uid, volumeName, volumeUid, node, directory } = await find(cluster, name);
  const { ino, uid: owner, gid, mode } = statSync(directory);
  return {
    claim: uid,
    volume: `${volumeName} ${volumeUid}`,
    node,
    inode: ino,
    access: `${owner}:${gid} ${(mode & 0o7777).toString(8)}`,
    seed: createHash('sha256')
      .update(readFileSync(join(directory, 'seed')))
      .digest('hex'),
  };
}

async function find(cluster: Cluster, claimName: string) {
  const { body: asked } = await cluster.plane.api<ClaimView>('GET', `${CLAIMS}/${claimName}`);
  const { volumeName } = asked.spec;
  const { body: volume } = await cluster.plane.api<VolumeView>(
    'GET',
    `${API}/persistentvolumes/${volumeName}`,
  );
  const node = volume.spec.nodeAffinity.required.nodeSelectorTerms[0]?.matchExpressions[0]?.values[0] ?? '';
  const pool = cluster.nodes.find(({ name }) => name === node)?.pool ?? '';
  const directory = volume.spec.local.path.replace(DEFAULT_ROOT, pool);
  return { uid: asked.metadata.uid, volumeName, volumeUid: volume.metadata.uid, node, directory };
}

/** Where a claim's data is seen from here. */
export async function directoryOf(cluster: Cluster, claimName: string): Promise<string> {
  return (await find(cluster, claimName)).directory;
}

/** What a replica of `store` has written. */
export async function linesOf(cluster: Cluster, pod: string): Promise<string[]> {
  const directory = await directoryOf(cluster, claimOf(pod));
  return readFileSync(join(directory, 'lines'), 'utf8').trimEnd().split('\n');
}

/** How many lines each start of its writer has left, in order; throws where one is missing. */
export function runsIn(lines: readonly string[]): number[] {
  const runs = new Map<string, number>();
  for (const line of lines) {
    const [id = '', number] = line.split(' ');
    const expected = (runs.get(id) ?? 0) + 1;
    if (Number(number) !== expected) throw new Error(`"${line}" where line ${expected} was due`);
    runs.set(id, expected);
  }
  return [...runs.values()];
}

interface RunningPod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly restartCount: number;
      readonly ready: boolean;
    }[];
  };
}

/** The servers' pods on a node, or on all nodes. */
export async function replicas(cluster: Cluster, node?: WorkerNode): Promise<RunningPod[]> {
  const { body } = await cluster.plane.api<{ items: RunningPod[] }>('GET', PODS);
  return body.items
    .filter(({ metadata }) => REPLICAS.includes(metadata.name))
    .filter(({ spec }) => node === undefined || spec.nodeName === node.name);
}

/** What changes when a pod notices anything: by pod, itself, its container, and its mounts as it sees them. */
export async function lives(cluster: Cluster): Promise<Record<string, unknown>> {
  const all = (await replicas(cluster)).map(async ({ metadata, spec, status }) => {
    const [container] = status.containerStatuses ?? [];
    // A kubelet that was just started says that there is no such pod.
    const mounts = await waitFor(`a shell in ${metadata.name}`, () =>
      inPod(cluster, metadata.name, 'cat /proc/1/mountinfo'),
    );
    const { uid, name } = metadata;
    const { containerID, restartCount } = container ?? {};
    return [name, { uid, node: spec.nodeName, containerID, restartCount, mounts }] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}

/** Waits until all servers' pods are Ready, none of them one of those given. */
export async function allReady(cluster: Cluster, otherThan: readonly RunningPod[] = []): Promise<void> {
  const old = new Map(otherThan.map(({ metadata }) => [metadata.name, metadata.uid]));
  for (const pod of REPLICAS) await ready(cluster, pod, old.get(pod));
}

/** Why the scheduler does not place a pod. */
export async function whyPending(cluster: Cluster, name: string): Promise<string> {
  return waitFor(
    `the scheduler to say why ${name} waits`,
    async () => {
      const { body } = await cluster.plane.api<RunningPod>('GET', `${PODS}/${name}`);
      return body.status.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
        ?.message;
    },
    PATIENCE,
  );
}

interface EventView {
  readonly reason: string;
  readonly message: string;
}

/** What Events say of an object with this reason, once there is one. */
export async function told(cluster: Cluster, name: string, reason: string): Promise<string> {
  const query = new URLSearchParams({ fieldSelector: `involvedObject.name=${name},reason=${reason}` });
  return waitFor(
    `an Event ${reason} about ${name}`,
    async () => {
      const { body } = await cluster.plane.api<{ items: EventView[] }>(
        'GET',
        `${API}/events?${query.toString()}`,
      );
      return body.items.at(-1)?.message;
    },
    PATIENCE,
  );
}
