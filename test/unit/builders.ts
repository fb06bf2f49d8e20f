import { mutateStatefulSet, type Mutation } from '../../src/mutate/statefulset.ts';
import { formatPath, type Finding } from '../../src/tars/finding.ts';
import { DEFAULT_SETTINGS, parseClasses, type Settings } from '../../src/tars/settings.ts';
import type {
  Claim,
  ClaimSpec,
  Container,
  Metadata,
  PodSpec,
  StatefulSet,
  StatefulSetSpec,
  VolumeMount,
} from '../../src/tars/shapes.ts';
import type { TServer, TServerK8S, TServerMount } from '../../src/tars/tserver.ts';

/** Small objects for the unit tests: the tarslog of the seeds, as bare as the API server would take it. */

export const NAMESPACE = 'default';
export const NAME = 'tars-tarslog';
const SELECTOR = { matchLabels: { app: 'tarslog' } };

export const settingsWith = (classes: string): Settings => ({
  ...DEFAULT_SETTINGS,
  classes: parseClasses(classes),
});
export const PER_NODE = settingsWith('t-storage-class=per-node');
export const DISCOVERY = settingsWith('t-storage-class=discovery');
export const POSIX: Settings = { ...DEFAULT_SETTINGS, modePattern: 'posix' };

export function tserver(
  k8s: TServerK8S = {},
  spec: Partial<TServer['spec']> = {},
  metadata: Metadata = {},
): TServer {
  return {
    apiVersion: 'k8s.tars.io/v1beta3',
    kind: 'TServer',
    metadata: { name: NAME, namespace: NAMESPACE, ...metadata },
    spec: {
      app: 'tars',
      server: 'tarslog',
      subType: 'tars',
      tars: { servants: [{ name: 'LogObj', port: 12111 }], ports: [{ name: 'http', port: 80 }] },
      k8s,
      ...spec,
    },
  };
}

/** A mount of a TServer with a local volume, at /NAME where no path is said. */
export function localMount(name: string, volume: Record<string, unknown> = {}, mountPath = `/${name}`) {
  return { name, mountPath, source: { tLocalVolume: volume } } satisfies TServerMount;
}

/** A mount of a TServer with a claim template of a class of network disks. */
export function templateMount(name: string, storage: unknown = '1Gi', storageClassName = 'ceph-rbd') {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, storageClassName };
  return {
    name,
    mountPath: `/${name}`,
    source: { persistentVolumeClaimTemplate: { spec } },
  } satisfies TServerMount;
}

export interface SetParts {
  readonly metadata?: Metadata;
  readonly spec?: Partial<StatefulSetSpec>;
  readonly pod?: PodSpec;
  readonly mounts?: VolumeMount[];
  readonly templates?: Claim[];
}

/** A StatefulSet with one container, named as the set. */
export function statefulSet({ metadata, spec, pod, mounts, templates }: SetParts = {}): StatefulSet {
  const container: Container = {
    name: NAME,
    image: 'tarslog:1',
    ...(mounts ? { volumeMounts: mounts } : {}),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: NAME, namespace: NAMESPACE, ...metadata },
    spec: {
      replicas: 3,
      selector: SELECTOR,
      serviceName: NAME,
      template: {
        metadata: { labels: SELECTOR.matchLabels },
        spec: { containers: [container], ...pod },
      },
      ...(templates ? { volumeClaimTemplates: templates } : {}),
      ...spec,
    },
  };
}

/** Labels that opt a plain StatefulSet in. */
export const LABELS = { 'tars.io/ServerApp': 'shop', 'tars.io/ServerName': 'cart' };

/** A user's claim template, or a claim, as people write it. */
export function claim(name: string, spec: ClaimSpec = {}, metadata: Metadata = {}): Claim {
  return {
    metadata: { name, ...metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1G' } },
      storageClassName: 't-storage-class',
      ...spec,
    },
  };
}

export const mount = (name: string, mountPath = `/${name}`): VolumeMount => ({ name, mountPath });

export interface Surroundings {
  readonly server?: TServer | undefined;
  readonly settings?: Settings;
  readonly namespace?: string;
}

export function create(set: StatefulSet, around: Surroundings = {}): StatefulSet {
  return mutateStatefulSet(set, { namespace: NAMESPACE, settings: DEFAULT_SETTINGS, ...around }).object;
}

export function update(set: StatefulSet, old: StatefulSet, around: Surroundings = {}): Mutation<StatefulSet> {
  return mutateStatefulSet(set, { namespace: NAMESPACE, settings: DEFAULT_SETTINGS, ...around, old });
}

/** What the API server would have stored and gives back: the same fields in objects of its own. */
export function stored(set: StatefulSet): StatefulSet {
  return structuredClone({ ...set, metadata: { ...set.metadata, uid: 'f0c4', generation: 1 } });
}

/**
 * What `kubectl apply` of the plain manifest sends: lists without a merge key (claim templates, required
 * anti-affinity) come from the manifest, mounts and containers are merged by their keys, so that live ones stay.
 */
export function applied(manifest: StatefulSet, live: StatefulSet): StatefulSet {
  const { volumeClaimTemplates: _live, ...spec } = live.spec ?? {};
  const list = manifest.spec?.volumeClaimTemplates;
  const { affinity } = podOf(manifest);
  return structuredClone({
    ...live,
    spec: {
      ...spec,
      replicas: manifest.spec?.replicas,
      template: { ...spec.template, spec: { ...podOf(live), ...(affinity ? { affinity } : {}) } },
      ...(list ? { volumeClaimTemplates: list } : {}),
    },
  });
}

/** What `kubectl replace` of the plain manifest sends: the manifest and nothing else. */
export function replaced(manifest: StatefulSet, live: StatefulSet): StatefulSet {
  return structuredClone({ ...manifest, metadata: { ...live.metadata, ...manifest.metadata } });
}

export const templatesOf = (set: StatefulSet): Claim[] => set.spec?.volumeClaimTemplates ?? [];
export const templateNames = (set: StatefulSet): string[] =>
  templatesOf(set).map(({ metadata }) => metadata?.name ?? '');
export const podOf = (set: StatefulSet): PodSpec => set.spec?.template?.spec ?? {};

/** The mounts of every container, as `container: volume@path`. */
export function mountsOf(set: StatefulSet): string[] {
  return (podOf(set).containers ?? []).flatMap(({ name, volumeMounts }) =>
    (volumeMounts ?? []).map((item) => `${name ?? ''}: ${item.name ?? ''}@${item.mountPath ?? ''}`),
  );
}

export function requiredTerms(set: StatefulSet): unknown[] {
  return podOf(set).affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

export const OUR_TERM = { labelSelector: SELECTOR, topologyKey: 'kubernetes.io/hostname' };

export function withRequired(terms: Record<string, unknown>[]): PodSpec {
  return { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } };
}

/** A finding as people see it: code, field, message. */
export const lines = (findings: readonly Finding[]): string[] =>
  findings.map(({ code, path, message }) => `${code} ${formatPath(path)}: ${message}`);
