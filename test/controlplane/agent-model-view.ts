import { bytesOf } from '../../src/tars/quantity.ts';
import { diskAt, type DiskSeen, mountedAt } from './agent-model-disk.ts';
import type { KubeObject } from './api.ts';
import { VOLUMES } from './paths.ts';

/** What is there at one moment, read from the API server and the disks, in the few words that the model needs. */

export const NAMESPACE = 'default';
export const APP = 'shop';

interface NodeSeen {
  readonly name: string;
  /** The scheduler may send pods there. */
  readonly isOpen: boolean;
}

export interface PodSeen {
  readonly name: string;
  readonly set: string;
  readonly node?: string | undefined;
  readonly isRunning: boolean;
  readonly isDeleting: boolean;
  /** Names. */
  readonly claims: readonly string[];
  /** It may not share a node with others of its set. */
  readonly isSpread: boolean;
}

export interface ClaimSeen {
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly isDeleting: boolean;
  readonly volume?: string | undefined;
  readonly selectedNode?: string | undefined;
  readonly mayAdopt: boolean;
  /** Below the root of whatever node it is on. */
  readonly path: string;
  /** `uid:gid mode` */
  readonly owner: string;
  readonly requestBytes: number;
  /** As its status says, once it is bound. */
  readonly capacityBytes: number;
}

export interface VolumeSeen {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly path: string;
  readonly phase: string;
  readonly policy: string;
  readonly claim: string;
  readonly isDeleting: boolean;
  readonly capacityBytes: number;
}

export interface View {
  readonly nodes: readonly NodeSeen[];
  readonly pods: readonly PodSeen[];
  readonly claims: readonly ClaimSeen[];
  readonly volumes: readonly VolumeSeen[];
  readonly disks: ReadonlyMap<string, DiskSeen>;
  /** Paths on nodes at which something was mounted when all else had been read. */
  readonly mounted: ReadonlyMap<string, ReadonlySet<string>>;
  /** Bytes that the scheduler may think of, by node and class. */
  readonly capacities: ReadonlyMap<string, number>;
}

export const capacityKey = (node: string, storageClass: string): string => `${node} ${storageClass}`;

type Get = (path: string) => Promise<KubeObject>;

/**
 * The disks first: whose claim is there afterwards had it while the disk was read. What is mounted last: whose volume was
 * there before has to have it in its place.
 */
export async function look(
  get: Get,
  roots: ReadonlyMap<string, string>,
  folders: ReadonlyMap<string, string>,
): Promise<View> {
  const disks = new Map([...folders].map(([node, root]) => [node, diskAt(root)]));
  const list = async (path: string): Promise<KubeObject[]> => (await get(path))['items'] as KubeObject[];
  const [claims, volumes, pods, nodes, capacities] = await Promise.all([
    list(`/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`),
    list(VOLUMES),
    list(`/api/v1/namespaces/${NAMESPACE}/pods`),
    list('/api/v1/nodes'),
    list('/apis/storage.k8s.io/v1/csistoragecapacities'),
  ]);
  const mounted = new Map([...folders].map(([node, root]) => [node, new Set(mountedAt(root).keys())]));
  return {
    disks,
    claims: claims.map(claimSeen).toSorted(byName),
    volumes: volumes.map((volume) => volumeSeen(volume, roots)).toSorted(byName),
    pods: pods.map(podSeen).toSorted(byName),
    nodes: nodes.map(nodeSeen).toSorted(byName),
    mounted,
    capacities: new Map(capacities.map(capacitySeen)),
  };
}

const byName = (one: { name: string }, other: { name: string }): number => (one.name < other.name ? -1 : 1);

const isDeleting = ({ metadata }: KubeObject): boolean => metadata?.['deletionTimestamp'] !== undefined;
const phaseOf = ({ status }: KubeObject): string => (status as { phase?: string })?.phase ?? 'Pending';

function nodeSeen({ metadata, spec, status }: KubeObject): NodeSeen {
  const { unschedulable = false, taints = [] } = spec as { unschedulable?: boolean; taints?: object[] };
  const { conditions = [] } = status as { conditions?: { type: string; status: string }[] };
  const isReady = conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  return { name: metadata!.name!, isOpen: isReady && !unschedulable && taints.length === 0 };
}

function podSeen(pod: KubeObject): PodSeen {
  const { nodeName, volumes, affinity } = pod['spec'] as {
    nodeName?: string;
    volumes?: { persistentVolumeClaim?: { claimName: string } }[];
    affinity?: { podAntiAffinity?: object };
  };
  const name = pod.metadata!.name!;
  return {
    name,
    set: name.replace(/-\d+$/, ''),
    node: nodeName,
    isRunning: phaseOf(pod) === 'Running' && !isDeleting(pod),
    isDeleting: isDeleting(pod),
    claims: (volumes ?? []).flatMap(({ persistentVolumeClaim: claim }) => (claim ? [claim.claimName] : [])),
    isSpread: affinity?.podAntiAffinity !== undefined,
  };
}

function claimSeen(claim: KubeObject): ClaimSeen {
  const { name, uid, labels = {}, annotations = {} } = claim.metadata!;
  const ordinal = annotations['local.tars.io/scope'] === 'Pod' ? name!.replace(/^.*-/, '.') : '';
  const owner = (key: string, otherwise: string): string =>
    annotations[`tars.io/LocalVolume${key}`] ?? otherwise;
  const spec = claim['spec'] as { volumeName?: string; resources: { requests: { storage: string } } };
  const { capacity } = claim.status as { capacity?: { storage: string } };
  return {
    name: name!,
    uid: uid!,
    phase: phaseOf(claim),
    isDeleting: isDeleting(claim),
    volume: spec.volumeName,
    requestBytes: bytesOf(spec.resources.requests.storage),
    capacityBytes: bytesOf(capacity?.storage ?? '0'),
    selectedNode: annotations['volume.kubernetes.io/selected-node'],
    mayAdopt: annotations['local.tars.io/adopt'] === 'true',
    path: `${NAMESPACE}/${APP}.${labels['tars.io/ServerName']}/${labels['tars.io/LocalVolume']}${ordinal}`,
    owner: `${owner('UID', '0')}:${owner('GID', '0')} ${owner('Mode', '755')}`,
  };
}

function volumeSeen(volume: KubeObject, roots: ReadonlyMap<string, string>): VolumeSeen {
  const { name, uid, labels = {} } = volume.metadata!;
  const spec = volume['spec'] as {
    local: { path: string };
    persistentVolumeReclaimPolicy: string;
    claimRef?: { uid?: string };
    capacity: { storage: string };
  };
  const node = labels['kubernetes.io/hostname']!;
  return {
    name: name!,
    uid: uid!,
    node,
    path: spec.local.path.replace(`${roots.get(node)}/`, ''),
    phase: phaseOf(volume),
    policy: spec.persistentVolumeReclaimPolicy,
    claim: spec.claimRef?.uid ?? 'nobody',
    isDeleting: isDeleting(volume),
    capacityBytes: bytesOf(spec.capacity.storage),
  };
}

function capacitySeen(object: KubeObject): [string, number] {
  const { nodeTopology, storageClassName, capacity } = object as unknown as {
    nodeTopology: { matchLabels: Record<string, string> };
    storageClassName: string;
    capacity?: string;
  };
  const node = nodeTopology.matchLabels['kubernetes.io/hostname'] ?? '';
  return [capacityKey(node, storageClassName), bytesOf(capacity ?? '0')];
}
