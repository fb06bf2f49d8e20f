import type { KubeObject } from '../cluster/kube-object.ts';
import { bytesOf } from '../tars/quantity.ts';
import { isRecord, textAt, textOf, valueAt } from '../tars/json.ts';
import { FINALIZER, OURS } from '../tars/vocabulary.ts';

/** A claim, as volumes and the ledger name it. */
export interface ClaimReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A PersistentVolume of this node, with as much of it as the agent decides by. */
export interface VolumeView {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly isDeleting: boolean;
  /** `Pending`, `Available`, `Bound`, `Released` or `Failed`. */
  readonly phase: string;
  readonly reclaimPolicy: string;
  readonly storageClass: string;
  /** Absolute; empty where it is no local volume. */
  readonly path: string;
  /** Without uid where a person wrote it by hand and no claim was bound yet. */
  readonly claim?: ClaimReference | undefined;
  readonly capacityBytes: number;
  readonly hasFinalizer: boolean;
  readonly pool?: string | undefined;
  /** It is a disk that was found. */
  readonly isDiscovered?: true;
}

export function readVolumeView(object: KubeObject): VolumeView {
  const { name, resourceVersion } = object.metadata;
  const finalizers = valueAt(object, ['metadata', 'finalizers']);
  return {
    name,
    uid: textAt(object, 'metadata', 'uid') ?? '',
    resourceVersion,
    isDeleting: textAt(object, 'metadata', 'deletionTimestamp') !== undefined,
    phase: textAt(object, 'status', 'phase') ?? 'Pending',
    reclaimPolicy: textAt(object, 'spec', 'persistentVolumeReclaimPolicy') ?? '',
    storageClass: textAt(object, 'spec', 'storageClassName') ?? '',
    path: textAt(object, 'spec', 'local', 'path') ?? '',
    claim: claimIn(object),
    capacityBytes: bytesOf(valueAt(object, ['spec', 'capacity', 'storage'])),
    hasFinalizer: Array.isArray(finalizers) && finalizers.includes(FINALIZER),
    pool: textAt(object, 'metadata', 'annotations', OURS.pool),
    ...(textAt(object, 'metadata', 'annotations', OURS.discovered) === 'true' ? { isDiscovered: true } : {}),
  };
}

function claimIn(volume: KubeObject): ClaimReference | undefined {
  const reference = valueAt(volume, ['spec', 'claimRef']);
  if (!isRecord(reference)) return undefined;
  const { namespace, name, uid } = reference;
  return { namespace: textOf(namespace ?? ''), name: textOf(name ?? ''), uid: textOf(uid ?? '') };
}
