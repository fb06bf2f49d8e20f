import { statefulSetOf } from './served.ts';

/** Volumes and claims as people write them. */

export const HAND_MADE_CLASS = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'local-volume' },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** As the seeds have them for redis-cluster: one volume and one claim a replica, which find each other by a label. */
export function redisVolume(ordinal: number, node: string, disk: string) {
  const name = `redis-${ordinal}-data`;
  const matchLabels = { 'alicloud-pvname': name };
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name, labels: matchLabels },
      spec: {
        capacity: { storage: '2Gi' },
        volumeMode: 'Filesystem',
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 'local-volume',
        local: { path: `${disk}/${name}` },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: `redis-cluster-data-redis-cluster-${ordinal}`, namespace: 'redis' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '2Gi' } },
        storageClassName: 'local-volume',
        selector: { matchLabels },
      },
    },
  ] as const;
}

/** Its StatefulSet, of that class. */
export function redisCluster(replicas: number) {
  const set = statefulSetOf('redis-cluster', { replicas, request: '2Gi' });
  set.metadata.namespace = 'redis';
  const [template] = set.spec.volumeClaimTemplates;
  template!.metadata.name = 'redis-cluster-data';
  template!.spec.storageClassName = 'local-volume';
  set.spec.template.spec.containers[0]!.volumeMounts[0]!.name = 'redis-cluster-data';
  return set;
}

/** A Deployment on a volume of no class, which only its nodeSelector ties to a node. */
export function webServer(node: string, path: string) {
  const labels = { app: 'web' };
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      // People label volumes as they label nodes, and ours are found by that label.
      metadata: { name: 'web-data', labels: { 'kubernetes.io/hostname': node } },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        hostPath: { path },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'web-data', namespace: 'default' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        storageClassName: '',
        volumeName: 'web-data',
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            nodeSelector: { 'kubernetes.io/hostname': node },
            terminationGracePeriodSeconds: 0,
            containers: [
              { name: 'web', image: 'web:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] },
            ],
            volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'web-data' } }],
          },
        },
      },
    },
  ] as const;
}
