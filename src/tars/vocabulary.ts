/**
 * The words that Kubernetes objects carry between TarsK8S, the webhook and the agent.
 * They are an interface: clusters hold objects with these names, so none of them may ever change.
 */

export const TSERVER_GROUP = 'k8s.tars.io';
export const TSERVER_KIND = 'TServer';
/** Newest first: the first one is what the CRD stores. */
export const TSERVER_VERSIONS = ['v1beta3', 'v1beta2'] as const;

/** Labels of claim templates, claims and volumes; app and server are on the StatefulSet too. */
export const LABEL = {
  volume: 'tars.io/LocalVolume',
  app: 'tars.io/ServerApp',
  server: 'tars.io/ServerName',
} as const;

/** Annotations of claim templates and claims: who owns the directory, with which mode. */
export const ANNOTATION = {
  uid: 'tars.io/LocalVolumeUID',
  gid: 'tars.io/LocalVolumeGID',
  mode: 'tars.io/LocalVolumeMode',
} as const;

/** What this product adds to the words of the seeds, all under one prefix. */
export const OURS = {
  /** Claim label: the node whose agent has to serve the claim. */
  node: 'local.tars.io/node',
  /** Fourth label and selector term of per-node classes: their offers are cluster-wide. */
  namespace: 'local.tars.io/namespace',
  /** Annotation of StatefulSets, TServers, templates and claims: `Node` or `Pod`. */
  scope: 'local.tars.io/scope',
  /** Label of a StatefulSet that must not be created before its TServer: `required`. */
  tserver: 'local.tars.io/tserver',
  /** Annotation of volumes: the identity of the storage that holds their data, so that no other node's is mistaken for it. */
  pool: 'local.tars.io/pool',
  /** Annotation of a claim: `"true"` lets the agent serve a directory that somebody else filled. */
  adopt: 'local.tars.io/adopt',
  /** Annotation of a claim, for a moment: the node that the scheduler's choice of was taken back. */
  freedFrom: 'local.tars.io/freed-from',
  /** Annotation of volumes: `"true"` where a writer is stopped at the volume's size. */
  sizeEnforced: 'local.tars.io/size-enforced',
  /** Annotation of volumes: `"true"` where the volume is a disk that somebody mounted, and not made by us. */
  discovered: 'local.tars.io/discovered',
} as const;

/** Provisioner of the on-demand classes, and name of the CSIDriver that makes the scheduler ask for capacity. */
export const PROVISIONER = 'local.tars.io';
/** Of every volume of ours: it stays until its data is dealt with. */
export const FINALIZER = 'local.tars.io/volume';

/** The class of every template that we make. */
export const STORAGE_CLASS = 't-storage-class';
/**
 * Further classes that are served wherever somebody makes them, and nowhere else: for backends that stop a writer at the
 * claim's size. What a class really is its parameters say; these are the names of the examples in deploy/classes.
 */
export const BACKEND_CLASSES = [
  't-storage-loop',
  't-storage-loop-xfs',
  't-storage-tmpfs',
  't-storage-btrfs',
  't-storage-quota',
  't-storage-lvm',
] as const;
/** Newer TarsK8S makes its own templates with this class: recognised, never changed. */
export const TARSK8S_STORAGE_CLASS = 'tars-storage-class';

/** The reserved claim: it holds no data, it ties a replica to its node. */
export const PLACEHOLDER = 'delay-bind';

/** What a claim asks for when nobody says how much: a placeholder, as the seeds say. */
export const DEFAULT_REQUEST = '1G';

/** Set by the scheduler on a claim of a WaitForFirstConsumer class that is made on demand. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const HOSTNAME_LABEL = 'kubernetes.io/hostname';

/** `app` of what belongs to no server: a plain StatefulSet and a bare claim. */
export const PLAIN_APP = { statefulSet: 'statefulset', claim: 'claim' } as const;
