import type { KubeObject } from '../cluster/kube-object.ts';
import { textAt, valueAt } from '../tars/json.ts';
import type { Settings } from '../tars/settings.ts';
import { FINALIZER, HOSTNAME_LABEL, OURS, SELECTED_NODE } from '../tars/vocabulary.ts';

/** As much of each object as the sweeper decides by; what is never of interest is not kept at all. */

export interface NodeView {
  readonly name: string;
  /** What volumes name it by. */
  readonly hostname: string | undefined;
}

/** Any object of ours, in the version that was seen. */
interface Seen {
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** A claim without a volume, of a class that is served on demand, for which the scheduler has chosen a node. */
export interface WaitingClaim extends Seen {
  readonly namespace: string;
  readonly selectedNode: string;
}

export interface ClaimIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A volume that our finalizer keeps. */
export interface VolumeView extends Seen {
  readonly hostname: string;
  readonly path: string;
  readonly isDeleting: boolean;
  readonly phase: string;
  readonly reclaimPolicy: string;
  /** A whole disk, which may outlive what its node knew of it. */
  readonly isDiscovered: boolean;
  /** Where our finalizer is in the list. */
  readonly finalizerIndex: number;
  /** The claim that it is reserved for. */
  readonly claim: ClaimIdentity | undefined;
}

/** What an agent keeps in the product's namespace. */
export interface AgentObject extends Seen {
  readonly namespace: string;
  /** The value of the node's routing label. */
  readonly nodeKey: string;
}

export interface LeaseView extends AgentObject {
  readonly renewTime: string;
  /** For how long its holder lives without renewing it. */
  readonly durationMs: number;
}

const TERMS = ['spec', 'nodeAffinity', 'required', 'nodeSelectorTerms'];

export function readNode(object: KubeObject): NodeView {
  const { name } = object.metadata;
  return { name, hostname: textAt(object, 'metadata', 'labels', HOSTNAME_LABEL) };
}

export function readWaitingClaim(
  object: KubeObject,
  settings: Pick<Settings, 'classes'>,
): WaitingClaim | undefined {
  const setting = settings.classes.get(textAt(object, 'spec', 'storageClassName') ?? '');
  const selectedNode = textAt(object, 'metadata', 'annotations', SELECTED_NODE) ?? '';
  const { namespace } = object.metadata;
  if (setting?.way !== 'on-demand' || selectedNode === '' || namespace === undefined) return undefined;
  if (textAt(object, 'spec', 'volumeName') || textAt(object, 'metadata', 'deletionTimestamp'))
    return undefined;
  if ((textAt(object, 'status', 'phase') ?? 'Pending') !== 'Pending') return undefined;
  return { ...seen(object), namespace, selectedNode };
}

export function readVolume(object: KubeObject): VolumeView | undefined {
  const finalizers = valueAt(object, ['metadata', 'finalizers']);
  const finalizerIndex = Array.isArray(finalizers) ? finalizers.indexOf(FINALIZER) : -1;
  const hostname = hostnameOf(object);
  if (finalizerIndex < 0 || hostname === undefined) return undefined;
  return {
    ...seen(object),
    hostname,
    finalizerIndex,
    path: textAt(object, 'spec', 'local', 'path') ?? '',
    isDeleting: textAt(object, 'metadata', 'deletionTimestamp') !== undefined,
    phase: textAt(object, 'status', 'phase') ?? 'Pending',
    reclaimPolicy: textAt(object, 'spec', 'persistentVolumeReclaimPolicy') ?? '',
    isDiscovered: textAt(object, 'metadata', 'annotations', OURS.discovered) === 'true',
    claim: claimOf(object),
  };
}

export function readAgentObject(object: KubeObject): AgentObject | undefined {
  const nodeKey = textAt(object, 'metadata', 'labels', OURS.node);
  const { namespace } = object.metadata;
  return nodeKey && namespace ? { ...seen(object), namespace, nodeKey } : undefined;
}

export function readLease(object: KubeObject): LeaseView | undefined {
  const lease = readAgentObject(object);
  if (!lease) return undefined;
  const seconds = valueAt(object, ['spec', 'leaseDurationSeconds']);
  const durationMs = typeof seconds === 'number' ? seconds * 1000 : 0;
  return { ...lease, renewTime: textAt(object, 'spec', 'renewTime') ?? '', durationMs };
}

function seen(object: KubeObject): Seen {
  const { name, resourceVersion } = object.metadata;
  return { name, resourceVersion, uid: textAt(object, 'metadata', 'uid') ?? '' };
}

function claimOf(volume: KubeObject): ClaimIdentity | undefined {
  const [namespace, name, uid] = ['namespace', 'name', 'uid'].map((key) =>
    textAt(volume, 'spec', 'claimRef', key),
  );
  return namespace && name && uid ? { namespace, name, uid } : undefined;
}

/** Where the volume can be used, in the one way that we write it; undefined where anybody else wrote it. */
function hostnameOf(volume: KubeObject): string | undefined {
  const term = only(valueAt(volume, TERMS));
  const expression = only(valueAt(term, ['matchExpressions']));
  if (valueAt(expression, ['key']) !== HOSTNAME_LABEL || valueAt(expression, ['operator']) !== 'In')
    return undefined;
  const hostname = only(valueAt(expression, ['values']));
  return typeof hostname === 'string' && hostname !== '' ? hostname : undefined;
}

/** The one item of a list of one. */
function only(list: unknown): unknown {
  return Array.isArray(list) && list.length === 1 ? list[0] : undefined;
}
