import type { Claim, PodSpec, StatefulSet, VolumeMount } from '../../src/tars/shapes.ts';
import type { TServer } from '../../src/tars/tserver.ts';
import { claim, localMount, mount, tserver } from '../unit/builders.ts';
import { laxCrd } from './policies-lax-crd.ts';

/** What TarsK8S installs, and what its controller makes of a TServer: as it was seen to, field for field. */

export interface ItsOptions {
  readonly version?: 'v1beta3' | 'v1beta2';
  readonly className?: string;
  readonly image?: string;
  /** Owner and mode on the templates, and not on the claims alone. */
  readonly annotated?: boolean;
}

/** As Helm installs it with TarsK8S. */
export const ITS_CRD = {
  ...laxCrd(),
  metadata: {
    name: 'tservers.k8s.tars.io',
    labels: { 'app.kubernetes.io/managed-by': 'Helm', 'tars.io/release': 'crds' },
  },
};

/** Where TarsK8S's controller puts the mode: one key too short. */
const ITS_MODE = 'tars.io/LocalVolume';

export function itsTServer(name: string, namespace: string, root = ''): TServer {
  const [app = '', server = ''] = name.split('-');
  const ceph = {
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'ceph-rbd',
      resources: { requests: { storage: '1Gi' } },
    },
  };
  const mounts = [
    localMount('logs', { uid: '1000', gid: '1000', mode: '755' }, `${root}/logs`),
    localMount('data', {}, `${root}/data`),
    { name: 'ceph', mountPath: `${root}/ceph`, source: { persistentVolumeClaimTemplate: ceph } },
    { name: 'cache', mountPath: `${root}/cache`, source: { emptyDir: {} } },
  ];
  return tserver({ hostIPC: true, mounts, replicas: 3 }, { app, server }, { name, namespace });
}

export const itsLabels = ({ spec }: TServer) => ({
  'tars.io/ServerApp': spec.app,
  'tars.io/ServerName': spec.server,
});

export const itsAnnotations = ({ uid = '0', gid = '0', mode = '755' }: Record<string, unknown>) => ({
  'tars.io/LocalVolumeUID': uid,
  'tars.io/LocalVolumeGID': gid,
  [ITS_MODE]: mode,
});

/** What TarsK8S's controller makes of a TServer. */
export function itsStatefulSet(
  server: TServer,
  uid: string,
  { version = 'v1beta3', image = 'server:1', ...options }: ItsOptions = {},
): StatefulSet {
  const { name, namespace } = server.metadata!;
  const labels = itsLabels(server);
  const owner = {
    apiVersion: `k8s.tars.io/${version}`,
    kind: 'TServer',
    name: name!,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace, labels, ownerReferences: [owner] },
    spec: {
      replicas: server.spec.k8s?.replicas,
      selector: { matchLabels: labels },
      serviceName: name,
      podManagementPolicy: 'Parallel',
      revisionHistoryLimit: 10,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      template: {
        metadata: { name, labels: { ...labels, 'tars.io/ServerID': 'v1' } },
        spec: itsPod(server, image),
      },
      volumeClaimTemplates: itsTemplates(server, owner, options),
    },
  };
}

const TIMEZONE = { name: 'host-timezone', mountPath: '/etc/localtime' };
const NODE = { name: 'tarsnode-work-dir', mountPath: '/usr/local/app/tars/tarsnode' };

function itsPod(server: TServer, image: string): PodSpec {
  const { name, namespace } = server.metadata!;
  const mounts = server.spec.k8s?.mounts ?? [];
  const environment = ['Namespace', 'PodName'].map((variable, index) => ({
    name: variable,
    valueFrom: { fieldRef: { fieldPath: index === 0 ? 'metadata.namespace' : 'metadata.name' } },
  }));
  const onItsNodes = {
    matchExpressions: [{ key: `tars.io/node.${namespace ?? 'default'}`, operator: 'Exists' }],
  };
  return {
    hostIPC: server.spec.k8s?.hostIPC ?? false,
    initContainers: [
      {
        name: 'tarsnode',
        image: 'tarsnode:1',
        env: environment,
        imagePullPolicy: 'Always',
        volumeMounts: [NODE],
      },
    ],
    containers: [
      {
        name: name!,
        image,
        env: environment,
        imagePullPolicy: 'Always',
        volumeMounts: [
          ...mounts.map((item): VolumeMount => mount(item.name, item.mountPath)),
          TIMEZONE,
          NODE,
        ],
      },
    ],
    volumes: [
      ...mounts.flatMap((item) =>
        item.source && 'emptyDir' in item.source ? [{ name: item.name, emptyDir: {} }] : [],
      ),
      { name: TIMEZONE.name, hostPath: { path: TIMEZONE.mountPath } },
      { name: NODE.name, emptyDir: {} },
    ],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [onItsNodes] },
      },
    },
    dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
    enableServiceLinks: false,
    readinessGates: [{ conditionType: 'tars.io/active' }],
  };
}

function itsTemplates(
  server: TServer,
  owner: object,
  { className = 'tars-storage-class', annotated = false }: ItsOptions,
): Claim[] {
  const local = (name: string, volume?: Record<string, unknown>): Claim => {
    const labels = { 'tars.io/LocalVolume': name, ...itsLabels(server) };
    const spec = { storageClassName: className, selector: { matchLabels: labels }, volumeMode: 'Filesystem' };
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      ...claim(name, spec, {
        namespace: server.metadata!.namespace,
        labels,
        ownerReferences: [owner as never],
        ...(annotated && volume ? { annotations: itsAnnotations(volume) } : {}),
      }),
    };
  };
  const templates = (server.spec.k8s?.mounts ?? []).flatMap(({ name, source }) => {
    if (source?.tLocalVolume) return [local(name, source.tLocalVolume)];
    const given = source?.persistentVolumeClaimTemplate;
    return given ? [{ ...given, metadata: { ...given.metadata, name } }] : [];
  });
  return server.spec.k8s?.hostIPC ? [...templates, local('delay-bind')] : templates;
}
