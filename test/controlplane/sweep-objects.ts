import { agentLabels, agentLeaseName } from '../../src/tars/agent-lease.ts';
import { FINALIZER, HOSTNAME_LABEL, LABEL, OURS, SELECTED_NODE } from '../../src/tars/vocabulary.ts';

/** What agents that have died since left in the cluster. */

export const SYSTEM = 't-local-volume-system';

export const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 't-storage-class' },
  provisioner: 'local.tars.io',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** As the scheduler and the webhook leave it, where a node is given; or the scheduler alone, while there was no webhook. */
export function claimObject(name: string, node?: string, isRouted = true) {
  const chosen = node && {
    annotations: { [SELECTED_NODE]: node },
    ...(isRouted ? { labels: { [OURS.node]: node } } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default', ...chosen },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1G' } },
      storageClassName: 't-storage-class',
    },
  };
}

export function leaseObject(node: string) {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: agentLeaseName(node), namespace: SYSTEM, labels: agentLabels(node) },
    spec: { holderIdentity: node, leaseDurationSeconds: 4, renewTime: '2026-03-01T10:00:00.000000Z' },
  };
}

export function capacityObject(node: string) {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIStorageCapacity',
    metadata: { name: `capacity-${node}`, namespace: SYSTEM, labels: agentLabels(node) },
    storageClassName: 't-storage-class',
    nodeTopology: { matchLabels: { [HOSTNAME_LABEL]: node } },
    capacity: '1Gi',
  };
}

interface VolumeParts {
  readonly policy?: 'Delete' | 'Retain';
  /** Of a claim that is gone: the volume is then Released. */
  readonly claim?: string;
  /** A disk that was discovered is of no server, and says what it is in an annotation. */
  readonly isDiscovered?: boolean;
}

export function volumeObject(
  name: string,
  node: string,
  { policy = 'Delete', claim, isDiscovered = false }: VolumeParts = {},
) {
  const ofServer = { [LABEL.volume]: 'data', [LABEL.app]: 'app', [LABEL.server]: 'server' };
  const uid = '00000000-0000-4000-8000-000000000000';
  const claimRef = claim && {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    namespace: 'default',
    name: claim,
    uid,
  };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      labels: { [HOSTNAME_LABEL]: node, ...(isDiscovered ? {} : ofServer) },
      annotations: {
        'pv.kubernetes.io/provisioned-by': `agent-downloader-provisioner-${node}`,
        ...(isDiscovered ? { [OURS.discovered]: 'true' } : {}),
      },
      finalizers: [FINALIZER],
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '5Gi' },
      ...(claimRef && { claimRef }),
      local: { path: `/usr/local/app/tars/host-mount/default/app.server/${name}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: HOSTNAME_LABEL, operator: 'In', values: [node] }] },
          ],
        },
      },
      persistentVolumeReclaimPolicy: policy,
      storageClassName: 't-storage-class',
    },
  };
}

/** A pod that may run on these nodes only. */
export function podObject(name: string, claim: string, nodes: readonly string[]) {
  const inNodes = { key: HOSTNAME_LABEL, operator: 'In', values: nodes };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      containers: [{ name: 'main', image: 'main' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: claim } }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [inNodes] }],
          },
        },
      },
    },
  };
}
