import { FINALIZER, HOSTNAME_LABEL, OURS } from '../../tars/vocabulary.ts';
import type { ClaimReference } from '../volume-view.ts';
import type { DiscoveryConfig } from './config.ts';
import type { Place } from './place.ts';

/** The node as its volumes show it. */
export interface DiscoveryNode {
  readonly name: string;
  readonly uid: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pool: string;
}

export interface DiscoveredWanted {
  readonly name: string;
  readonly place: Place;
  readonly node: DiscoveryNode;
  readonly config: DiscoveryConfig;
  readonly bytes: number;
  readonly reclaimPolicy: string;
  readonly mountOptions?: readonly string[] | undefined;
  /** Of a volume that is made again for its claim. */
  readonly claim?: ClaimReference | undefined;
}

export type DiscoveredVolume = ReturnType<typeof discoveredVolume>;

/** The volume as the API is told of it: what the static provisioner would write, and our own signs. */
export function discoveredVolume(wanted: DiscoveredWanted) {
  const { name, place, node, config, reclaimPolicy, mountOptions, claim } = wanted;
  const { storageClass, accessMode, volumeMode, fsType } = place.of;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      labels: {
        ...copiedLabels(node, config.nodeLabels),
        ...config.labels,
        // Last, for by it volumes are found.
        [HOSTNAME_LABEL]: node.hostname,
      },
      annotations: {
        'pv.kubernetes.io/provisioned-by': provisionerOf(node, config),
        [OURS.pool]: node.pool,
        [OURS.discovered]: 'true',
        [OURS.sizeEnforced]: 'true',
      },
      finalizers: [FINALIZER],
      ...(config.setOwner
        ? { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid }] }
        : {}),
    },
    spec: {
      accessModes: [accessMode],
      capacity: { storage: quantityOf(roundedDown(wanted.bytes)) },
      ...(claim ? { claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim } } : {}),
      local: { path: place.path, ...(fsType === undefined ? {} : { fsType }) },
      ...(mountOptions === undefined ? {} : { mountOptions }),
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: HOSTNAME_LABEL, operator: 'In', values: [node.hostname] }] },
          ],
        },
      },
      persistentVolumeReclaimPolicy: reclaimPolicy,
      storageClassName: storageClass,
      volumeMode,
    },
  };
}

/** Of these labels, those that the node has. */
function copiedLabels({ labels }: DiscoveryNode, wanted: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    wanted.flatMap((label) => {
      const value = labels[label];
      return value === undefined ? [] : [[label, value]];
    }),
  );
}

/** The static provisioner's own name, so that whoever looks for its volumes finds these. */
function provisionerOf({ name, uid }: DiscoveryNode, { useNodeNameOnly }: DiscoveryConfig): string {
  return useNodeNameOnly ? `local-volume-provisioner-${name}` : `local-volume-provisioner-${name}-${uid}`;
}

const GIB = 2 ** 30;
const MIB = 2 ** 20;
/** Fewer of a unit than that, and what is lost by rounding would be seen. */
const ENOUGH = 10;

/** Down to whole GiB, else to whole MiB, where there are ten or more of them: as the static provisioner does. */
export function roundedDown(bytes: number): number {
  const unit = [GIB, MIB].find((each) => bytes >= ENOUGH * each);
  return unit === undefined ? bytes : Math.floor(bytes / unit) * unit;
}

function quantityOf(bytes: number): string {
  if (bytes % GIB === 0) return `${bytes / GIB}Gi`;
  return bytes % MIB === 0 ? `${bytes / MIB}Mi` : String(bytes);
}
