import { localMount, tserver } from '../unit/builders.ts';
import { itsLabels } from './tarsk8s-objects.ts';
import type { TServer } from '../../src/tars/tserver.ts';

/** What TarsK8S has in a cluster that its own agent serves, field for field as it writes it. */

export const NAMESPACE = 'tars';
export const CLASS = 't-storage-class';
export const TARS = 'tars-system';

export const ITS_CLASS = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: CLASS },
  provisioner: 'kubernetes.io/no-provisioner',
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
};

const AGENT = { 'tars.io/Agent': 'true' };

/** It runs where nodes carry the label of TarsK8S's. */
export const ITS_AGENT = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'tars-agent', namespace: TARS, labels: AGENT },
  spec: {
    selector: { matchLabels: AGENT },
    template: {
      metadata: { labels: AGENT },
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'tars.io/node', operator: 'Exists' }] }],
            },
          },
        },
        containers: [{ name: 'tars-agent', image: 'tarsagent:1' }],
        terminationGracePeriodSeconds: 0,
      },
    },
  },
};

/** Labels by which it, and its servers, run on a node. */
export const NODE_LABELS = {
  'tars.io/node': '',
  [`tars.io/node.${NAMESPACE}`]: '',
  'tars.io/SupportLocalVolume': '',
};

/** A log server with a directory of its own on each node. */
export const tarslog = (): TServer =>
  tserver(
    { mounts: [localMount('remote-log-dir', { uid: '1000', gid: '0', mode: '755' })], replicas: 1 },
    { app: 'tars', server: 'tarslog' },
    { name: 'tars-tarslog', namespace: NAMESPACE },
  );

/** On the host's IPC, and so tied to its node by `delay-bind`. */
export const tarsconfig = (): TServer =>
  tserver(
    { hostIPC: true, replicas: 1 },
    { app: 'tars', server: 'tarsconfig' },
    { name: 'tars-tarsconfig', namespace: NAMESPACE },
  );

interface ItsVolume {
  readonly server: TServer;
  readonly volume: string;
  readonly node: string;
  readonly root: string;
}

/** As its newer agents offer it: with nothing but the claim's labels, so that no node is found by them. */
export function itsVolume({ server, volume, node, root }: ItsVolume) {
  const { namespace = '' } = server.metadata ?? {};
  const { app, server: name } = server.spec;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: `${namespace}-${volume}-${app}-${name}-${fnv1a(`${node}${CLASS}`)}`.toLowerCase(),
      labels: { 'tars.io/LocalVolume': volume, ...itsLabels(server) },
      annotations: { 'pv.kubernetes.io/provisioned-by': 'tars-local-volume-provisioner' },
      finalizers: ['kubernetes.io/pv-protection'],
    },
    spec: {
      capacity: { storage: '1G' },
      local: { path: `${root}/${namespace}/${app}.${name}/${volume}` },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: CLASS,
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
    },
  };
}

/** As the agents did of which the seeds tell: after the static provisioner, with the disk's size and the node's label. */
export function itsOldVolume(wanted: ItsVolume) {
  const volume = itsVolume(wanted);
  const { labels, name } = volume.metadata;
  return {
    ...volume,
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': wanted.node, ...labels },
      annotations: { 'pv.kubernetes.io/provisioned-by': `agent-downloader-provisioner-${wanted.node}` },
    },
    spec: { ...volume.spec, capacity: { storage: '100Gi' }, volumeMode: 'Filesystem' },
  };
}

/** The hash that tells its nodes apart: 32-bit FNV-1a, in hexadecimal digits. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16);
}
