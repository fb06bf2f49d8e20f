import { PODS } from '../controlplane/paths.ts';
import type { Outcome } from '../controlplane/run.ts';
import { waitFor } from '../controlplane/wait.ts';
import type { Cluster } from './cluster.ts';
import { SERVER_IMAGE } from './images.ts';

/* Servers of the tests, and what is seen from inside their pods. */

const PATIENCE = { timeoutMs: 120_000 };

export interface PodView {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

interface ServerParts {
  readonly name: string;
  readonly replicas?: number;
  /** Who its container is. */
  readonly uid: number;
  readonly hostNetwork?: boolean;
  /** Local volumes by name, each mounted at /NAME: uid, gid and mode as a TServer has them. */
  readonly volumes?: Readonly<
    Record<string, { readonly uid: string; readonly gid: string; readonly mode: string }>
  >;
}

/** A TServer and the StatefulSet that TarsK8S makes for it, but for what the webhook adds: templates and mounts. */
export function server({
  name,
  replicas = 1,
  uid,
  hostNetwork = false,
  volumes = {},
}: ServerParts): object[] {
  const labels = { 'tars.io/ServerApp': 'tars', 'tars.io/ServerName': name };
  const mounts = Object.entries(volumes).map(([volume, tLocalVolume]) => ({
    name: volume,
    mountPath: `/${volume}`,
    source: { tLocalVolume },
  }));
  return [
    {
      apiVersion: 'k8s.tars.io/v1beta3',
      kind: 'TServer',
      metadata: { name: `tars-${name}`, namespace: 'default' },
      spec: {
        app: 'tars',
        server: name,
        subType: 'tars',
        tars: { template: 'tars.es', servants: [{ name: 'LogObj', port: 12_111 }] },
        k8s: { replicas, hostNetwork, mounts },
        release: { id: 'test', image: SERVER_IMAGE },
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: `tars-${name}`, namespace: 'default', labels },
      spec: {
        replicas,
        serviceName: `tars-${name}`,
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            hostNetwork,
            terminationGracePeriodSeconds: 0,
            securityContext: { runAsUser: uid, runAsGroup: uid },
            containers: [{ name: `tars-${name}`, image: SERVER_IMAGE }],
          },
        },
      },
    },
  ];
}

/** `kubectl apply` of objects that have to be accepted, one after the other. */
export async function apply(cluster: Cluster, objects: readonly object[]): Promise<void> {
  for (const object of objects) {
    const { code, stderr } = await cluster.plane.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify(object),
    });
    if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
  }
}

export async function podOf(cluster: Cluster, name: string): Promise<PodView | undefined> {
  const { status, body } = await cluster.plane.api<PodView>('GET', `${PODS}/${name}`);
  return status === 200 ? body : undefined;
}

/** Waits until the pod is Ready, and another one than that of the given uid. */
export async function ready(cluster: Cluster, name: string, otherThan = ''): Promise<PodView> {
  return waitFor(
    `pod ${name} to be Ready`,
    async () => {
      const pod = await podOf(cluster, name);
      const isReady = pod?.status.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      );
      return pod && isReady && pod.metadata.uid !== otherThan && pod;
    },
    PATIENCE,
  );
}

/** Deletes a pod and waits until its successor is Ready. */
export async function replaced(cluster: Cluster, name: string): Promise<PodView> {
  const { metadata } = await ready(cluster, name);
  await cluster.kubectl('delete', 'pod', name, '--wait=false');
  return ready(cluster, name, metadata.uid);
}

/** Runs a shell's line in the pod. */
export async function tryInPod(cluster: Cluster, name: string, line: string): Promise<Outcome> {
  return cluster.plane.kubectl(['exec', name, '--', 'sh', '-c', line]);
}

/** Runs a shell's line in the pod, which has to succeed, and returns what it printed. */
export async function inPod(cluster: Cluster, name: string, line: string): Promise<string> {
  const { code, stdout, stderr } = await tryInPod(cluster, name, line);
  if (code !== 0) throw new Error(`${line} in ${name}: ${stderr}`);
  return stdout.trim();
}
