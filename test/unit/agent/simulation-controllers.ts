import { HOSTNAME_LABEL, OURS, SELECTED_NODE } from '../../../src/tars/vocabulary.ts';
import {
  PV_PROTECTION,
  PVC_PROTECTION,
  type SimApi,
  type SimClaim,
  type SimVolume,
} from './simulation-api.ts';

/**
 * What kube-controller-manager and the scheduler do, one write at a time, each decided anew from what is there.
 * Source: pkg/controller/volume/persistentvolume (syncClaim, syncVolume), pvprotection, pvcprotection, and
 * plugins/volumebinding of the scheduler.
 */
export interface Write {
  readonly what: string;
  readonly do: () => void;
}

const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

/** Everything that one of the controllers would write next. */
export function pendingWrites(api: SimApi, isUsed: (claim: SimClaim) => boolean): Write[] {
  const writes: (Write | undefined)[] = [];
  for (const volume of api.volumes.values()) writes.push(syncVolume(api, volume), protectVolume(api, volume));
  for (const claim of api.claims.values())
    writes.push(syncClaim(api, claim), protectClaim(api, claim, isUsed));
  return writes.filter((write) => write !== undefined);
}

function setPhase(api: SimApi, { metadata, status }: SimVolume, phase: string): Write | undefined {
  if (status.phase === phase) return undefined;
  const what = `volume ${metadata.name} is ${phase}`;
  return { what, do: () => api.editVolume(metadata.name, (volume) => (volume.status.phase = phase)) };
}

function syncVolume(api: SimApi, volume: SimVolume): Write | undefined {
  const { claimRef } = volume.spec;
  if (!claimRef?.uid) return setPhase(api, volume, 'Available');
  const claim = api.claimOf(claimRef);
  if (claim?.metadata.uid !== claimRef.uid) {
    return volume.status.phase === 'Failed' ? undefined : setPhase(api, volume, 'Released');
  }
  const { volumeName } = claim.spec;
  // The binding is not completed, which is for syncClaim to do.
  if (volumeName === undefined) return undefined;
  if (volumeName === volume.metadata.name) return setPhase(api, volume, 'Bound');
  return boundElsewhere(api, volume);
}

function boundElsewhere(api: SimApi, volume: SimVolume): Write | undefined {
  const { metadata, spec } = volume;
  if (PROVISIONED_BY in metadata.annotations && spec.persistentVolumeReclaimPolicy === 'Delete') {
    return setPhase(api, volume, 'Released');
  }
  const what = `volume ${metadata.name} is unbound`;
  const unbind = (each: SimVolume): void => {
    if (BOUND_BY_CONTROLLER in metadata.annotations) delete each.spec.claimRef;
    else delete each.spec.claimRef?.uid;
    each.status.phase = 'Available';
  };
  return { what, do: () => api.editVolume(metadata.name, unbind) };
}

function protectVolume(api: SimApi, { metadata, status }: SimVolume): Write | undefined {
  const isDone = metadata.deletionTimestamp !== undefined && status.phase !== 'Bound';
  if (!isDone || !metadata.finalizers.includes(PV_PROTECTION)) return undefined;
  const drop = (volume: SimVolume): void => {
    volume.metadata.finalizers = volume.metadata.finalizers.filter((name) => name !== PV_PROTECTION);
  };
  return { what: `volume ${metadata.name} is unprotected`, do: () => api.editVolume(metadata.name, drop) };
}

function protectClaim(api: SimApi, claim: SimClaim, isUsed: (claim: SimClaim) => boolean): Write | undefined {
  const { metadata } = claim;
  if (metadata.deletionTimestamp === undefined || isUsed(claim)) return undefined;
  if (!metadata.finalizers.includes(PVC_PROTECTION)) return undefined;
  const drop = (each: SimClaim): void => void (each.metadata.finalizers = []);
  return { what: `claim ${keyOf(claim)} is unprotected`, do: () => api.editClaim(keyOf(claim), drop) };
}

function syncClaim(api: SimApi, claim: SimClaim): Write | undefined {
  const { volumeName } = claim.spec;
  if (volumeName === undefined) {
    // Of several any: here the last one, so that a claim may get another than the agent's first.
    const volume = [...api.volumes.values()].findLast((each) => isPreBound(each, claim));
    return volume && bind(api, volume, claim);
  }
  const volume = api.volumes.get(volumeName);
  const claimRef = volume?.spec.claimRef;
  if (volume && (claimRef === undefined || claimRef.uid === claim.metadata.uid))
    return bind(api, volume, claim);
  if (claim.status.phase === 'Lost') return undefined;
  const lose = (each: SimClaim): void => void (each.status.phase = 'Lost');
  return { what: `claim ${keyOf(claim)} is Lost`, do: () => api.editClaim(keyOf(claim), lose) };
}

function isPreBound({ metadata, spec }: SimVolume, claim: SimClaim): boolean {
  const { claimRef, storageClassName } = spec;
  return (
    claimRef !== undefined &&
    metadata.deletionTimestamp === undefined &&
    storageClassName === claim.spec.storageClassName &&
    `${claimRef.namespace}/${claimRef.name}` === keyOf(claim) &&
    (claimRef.uid ?? claim.metadata.uid) === claim.metadata.uid
  );
}

/** Four writes in the controller too, any of which may be the last one that is seen for a while. */
function bind(api: SimApi, volume: SimVolume, claim: SimClaim): Write | undefined {
  const { name } = volume.metadata;
  if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
    return { what: `volume ${name} is given to ${keyOf(claim)}`, do: () => give(api, name, claim) };
  }
  const bound = setPhase(api, volume, 'Bound');
  if (bound) return bound;
  if (claim.spec.volumeName === undefined) {
    const edit = (each: SimClaim): void => void (each.spec.volumeName = name);
    return { what: `claim ${keyOf(claim)} names ${name}`, do: () => api.editClaim(keyOf(claim), edit) };
  }
  if (claim.status.phase === 'Bound') return undefined;
  const { storage } = volume.spec.capacity;
  const edit = (each: SimClaim): void => void (each.status = { phase: 'Bound', capacity: { storage } });
  return { what: `claim ${keyOf(claim)} is Bound`, do: () => api.editClaim(keyOf(claim), edit) };
}

function give(api: SimApi, volume: string, claim: SimClaim): void {
  const { namespace, name, uid } = claim.metadata;
  api.editVolume(volume, (each) => {
    // What a person or an agent has written beforehand is not the controller's to take back.
    if (!each.spec.claimRef) each.metadata.annotations[BOUND_BY_CONTROLLER] = 'yes';
    each.spec.claimRef = { namespace, name, uid };
  });
}

/** The scheduler's turn for a claim whose pod waits: a volume that is there, else this node, as far as it may. */
export function schedule(
  api: SimApi,
  claim: SimClaim,
  node: string,
  mayProvision: boolean,
): string | undefined {
  const key = keyOf(claim);
  const { metadata, spec } = claim;
  const isWaiting = spec.volumeName === undefined && metadata.deletionTimestamp === undefined;
  // A claim for which there is a volume already is the controller's.
  if (!isWaiting || [...api.volumes.values()].some((volume) => isPreBound(volume, claim))) return undefined;
  const volume = [...api.volumes.values()].find((each) => isOffer(each, claim));
  if (volume) {
    give(api, volume.metadata.name, claim);
    return `${key} takes ${volume.metadata.name}`;
  }
  // What was chosen sticks.
  if (!mayProvision || metadata.annotations[SELECTED_NODE] !== undefined) return undefined;
  api.editClaim(key, (each) => {
    each.metadata.annotations[SELECTED_NODE] = node;
    each.metadata.labels[OURS.node] = node;
  });
  return `${key} is to be on ${node}`;
}

function isOffer({ metadata, spec, status }: SimVolume, claim: SimClaim): boolean {
  const { selector } = claim.spec as { readonly selector?: { readonly matchLabels: Record<string, string> } };
  return (
    spec.claimRef === undefined &&
    status.phase === 'Available' &&
    metadata.deletionTimestamp === undefined &&
    spec.storageClassName === claim.spec.storageClassName &&
    Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => metadata.labels[key] === value)
  );
}

export const isOnNode = ({ metadata }: SimVolume, hostname: string): boolean =>
  metadata.labels[HOSTNAME_LABEL] === hostname;

export const keyOf = ({ metadata }: SimClaim): string => `${metadata.namespace}/${metadata.name}`;
