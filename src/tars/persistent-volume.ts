import { createHash } from 'node:crypto';
import type { VolumeAddress } from './host-path.ts';
import { nanosOf } from './quantity.ts';
import type { ClassWay } from './settings.ts';
import { FINALIZER, HOSTNAME_LABEL, LABEL, OURS } from './vocabulary.ts';

/** What a directory says it holds where its claim asks for less (seed): a placeholder, nobody enforces it. */
const DIRECTORY_SIZE = '5Gi';

const NAME_MAX = 253;
/** 80 bits: two paths never share a name. */
const HASH_LENGTH = 20;

/**
 * `<namespace>-<volume>-<app>-<server>-<hash>` (seed). The hash is of the node's name and the absolute path and of
 * nothing else: a volume of that name is the lock on that path, and "already exists" means that it is taken.
 */
export function persistentVolumeName(
  { namespace, app, server, volume }: VolumeAddress,
  node: string,
  absolutePath: string,
): string {
  const hash = createHash('sha256').update(`${node}\0${absolutePath}`).digest('hex').slice(0, HASH_LENGTH);
  const words = [namespace, volume, app, server].join('-').toLowerCase();
  const head = words.replace(/[^a-z0-9]+/g, '-').slice(0, NAME_MAX - HASH_LENGTH - 1);
  return `${head.replace(/-+$/, '')}-${hash}`;
}

export interface VolumeWanted {
  readonly name: string;
  readonly address: VolumeAddress;
  /** Absolute, on the host. */
  readonly path: string;
  readonly node: string;
  /** The node's value of the hostname label, which need not be its name. */
  readonly hostname: string;
  readonly pool: string;
  readonly storageClass: string;
  readonly way: ClassWay;
  readonly accessMode: string;
  /** A quantity. */
  readonly size: string;
  readonly sizeEnforced: boolean;
  readonly reclaimPolicy: string;
  /** Whose it is; absent for an offer, which any claim of its namespace may take. */
  readonly claim?: { readonly namespace: string; readonly name: string; readonly uid: string };
}

/** As much of core/v1 PersistentVolume as we write. */
export type PersistentVolume = ReturnType<typeof persistentVolume>;

/** The volume as the API is told of it. */
export function persistentVolume(wanted: VolumeWanted) {
  const { address, claim, hostname } = wanted;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: wanted.name,
      labels: {
        [HOSTNAME_LABEL]: hostname,
        [LABEL.volume]: address.volume,
        [LABEL.app]: address.app,
        [LABEL.server]: address.server,
        // Offers are cluster-wide: without it, the same server in another namespace would take them.
        ...(wanted.way === 'per-node' ? { [OURS.namespace]: address.namespace } : {}),
      },
      annotations: {
        'pv.kubernetes.io/provisioned-by': `agent-downloader-provisioner-${wanted.node}`,
        [OURS.pool]: wanted.pool,
        [OURS.sizeEnforced]: String(wanted.sizeEnforced),
      },
      finalizers: [FINALIZER],
    },
    spec: {
      accessModes: [wanted.accessMode],
      capacity: { storage: wanted.size },
      ...(claim ? { claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim } } : {}),
      local: { path: wanted.path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: HOSTNAME_LABEL, operator: 'In', values: [hostname] }] },
          ],
        },
      },
      persistentVolumeReclaimPolicy: wanted.reclaimPolicy,
      storageClassName: wanted.storageClass,
      volumeMode: 'Filesystem',
    },
  };
}

/** The size of a volume that enforces none: what the claim asks for, and no less than the placeholder. */
export function directorySize(request: string): string {
  return (nanosOf(request) ?? 0n) > (nanosOf(DIRECTORY_SIZE) ?? 0n) ? request : DIRECTORY_SIZE;
}
