/** The objects of one world, as users and the rest of the cluster make them. */

export const NAMESPACE = 'default';

export interface Place {
  readonly node: string;
  /** Each has its own: what is offered is offered by every agent that serves the class. */
  readonly className: string;
  readonly way: 'on-demand' | 'per-node';
  /** Of the class: how its volumes are kept. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

export interface ClaimAsked {
  readonly annotations?: Readonly<Record<string, string>>;
  /** False as if the webhook had been down. */
  readonly isRouted?: boolean;
  readonly volumeName?: string;
}

/** Of every claim. */
const REQUEST = '8Mi';

const LABELS = {
  'tars.io/ServerApp': 'Test',
  'tars.io/ServerName': 'Crash',
  'tars.io/LocalVolume': 'data',
};
const HOSTNAME = 'kubernetes.io/hostname';

export function claimObject(
  { node, className, way }: Place,
  { annotations = {}, isRouted = true, volumeName }: ClaimAsked,
) {
  const isOnDemand = way === 'on-demand';
  const labels = { ...LABELS, ...(isOnDemand ? {} : { 'local.tars.io/namespace': NAMESPACE }) };
  const selectedNode = { 'volume.kubernetes.io/selected-node': node };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      // There is one claim at a time, so that its name may be that of its node.
      name: node,
      labels: { ...labels, ...(isOnDemand && isRouted ? { 'local.tars.io/node': node } : {}) },
      annotations: { ...(isOnDemand ? selectedNode : {}), ...annotations },
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: className,
      resources: { requests: { storage: REQUEST } },
      selector: { matchLabels: labels },
      ...(volumeName === undefined ? {} : { volumeName }),
    },
  };
}

export const claimReference = (name: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  namespace: NAMESPACE,
  name,
});

/** As TarsK8S makes it: no finalizer, no pool. */
export function foreignVolumeObject({ node, className }: Place, path: string) {
  const matchExpressions = [{ key: HOSTNAME, operator: 'In', values: [node] }];
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: `foreign-${node}`,
      labels: { ...LABELS, [HOSTNAME]: node },
      annotations: { 'pv.kubernetes.io/provisioned-by': `agent-downloader-provisioner-${node}` },
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '5Gi' },
      claimRef: claimReference(node),
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: className,
    },
  };
}

export const nodeObject = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { [HOSTNAME]: name } },
});

export const classObject = ({ className, way, parameters }: Place, reclaimPolicy: string) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: className },
  provisioner: way === 'on-demand' ? 'local.tars.io' : 'kubernetes.io/no-provisioner',
  ...(parameters ? { parameters } : {}),
  allowVolumeExpansion: true,
  volumeBindingMode: 'WaitForFirstConsumer',
  reclaimPolicy,
});
