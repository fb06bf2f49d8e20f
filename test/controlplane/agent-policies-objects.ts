import { persistentVolume } from '../../src/tars/persistent-volume.ts';

/** What agents write, and what somebody might make of it who pretends to be another node's. */

export const SYSTEM = 't-local-volume-system';
export const CAPACITIES = `/apis/storage.k8s.io/v1/namespaces/${SYSTEM}/csistoragecapacities`;
export const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases`;
export const MERGE = 'application/merge-patch+json';

export interface VolumeParts {
  readonly way?: 'on-demand' | 'per-node';
  readonly namespace?: string;
  readonly claim?: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly storageClass?: string;
}

/** A volume as the agent of that node makes it, but for the finalizer, which nobody here would take off. */
export function volume(name: string, hostname: string, parts: VolumeParts = {}) {
  const { way = 'on-demand', namespace = 'default', claim, storageClass = 't-storage-class' } = parts;
  const { metadata, spec, ...object } = persistentVolume({
    name,
    address: { namespace, app: 'shop', server: 'cart', volume: 'data' },
    path: `/usr/local/app/tars/host-mount/${namespace}/shop.cart/data`,
    node: hostname,
    hostname,
    pool: 'pool',
    storageClass,
    way,
    accessMode: 'ReadWriteOnce',
    size: '5Gi',
    sizeEnforced: false,
    reclaimPolicy: 'Delete',
    ...(claim ? { claim } : {}),
  });
  const { finalizers: _left, ...kept } = metadata;
  return { ...object, metadata: kept, spec };
}

export const term = (operator: string, values: string[], key = 'kubernetes.io/hostname') => ({
  matchExpressions: [{ key, operator, values }],
});
export const OWN = term('In', ['node-1']);

/** A volume of node-1, but for the terms of its affinity. */
export function volumeWith(...nodeSelectorTerms: object[]) {
  const { spec, ...object } = volume('disguised', 'node-1');
  return { ...object, spec: { ...spec, nodeAffinity: { required: { nodeSelectorTerms } } } };
}

export const capacity = (name: string, nodeTopology: object, storageClassName = 't-storage-class') => ({
  metadata: { name, namespace: SYSTEM },
  nodeTopology,
  storageClassName,
  capacity: '1Gi',
});
export const of = (hostname: string) => ({ matchLabels: { 'kubernetes.io/hostname': hostname } });
export const lease = (name: string) => ({ metadata: { name }, spec: { holderIdentity: 'x' } });
export const annotate = (annotations: object) => ({ metadata: { annotations } });
export const label = (labels: object) => ({ metadata: { labels } });
