import { STORAGE_CLASS } from '../../src/tars/vocabulary.ts';

/** What ours are set beside: as many volumes as there are claims, there before anybody asks. */
export const FLOOR = 'made by hand beforehand';
/** The class of those. */
export const HAND_MADE = 'hand-made';

export const handMadeClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: HAND_MADE },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** As docs of Kubernetes show it. */
export const handMadeVolume = (name: string, node: string): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: HAND_MADE,
    local: { path: `/mnt/disks/${name}` },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
        ],
      },
    },
  },
});

/** The class of ours whose volumes are kept by that backend. */
export const backendClass = (backend: string): object => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: STORAGE_CLASS },
  provisioner: 'local.tars.io',
  volumeBindingMode: 'WaitForFirstConsumer',
  reclaimPolicy: 'Delete',
  parameters: { backend },
});
