import { ApiStatusError, ConnectionError } from '../../../src/cluster/faults.ts';
import { isRecord } from '../../../src/tars/json.ts';

/** The API server of the simulated world: two kinds of objects, and what it does to every write. */

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  resourceVersion: string;
  readonly creationTimestamp: string;
  deletionTimestamp?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  finalizers: string[];
}

interface ClaimRef {
  readonly namespace: string;
  readonly name: string;
  uid?: string;
}

export interface SimVolume {
  readonly metadata: Metadata;
  readonly spec: {
    claimRef?: ClaimRef;
    capacity: { storage: string };
    readonly local: { readonly path: string };
    persistentVolumeReclaimPolicy: string;
    readonly storageClassName: string;
    readonly [field: string]: unknown;
  };
  status: { phase: string };
}

export interface SimClaim {
  readonly metadata: Metadata & { readonly namespace: string };
  readonly spec: {
    readonly storageClassName: string;
    volumeName?: string;
    resources: { requests: { storage: string } };
    readonly [field: string]: unknown;
  };
  status: { phase: string; capacity?: { storage: string } };
}

export type SimObject = SimVolume | SimClaim;
export type SimKind = 'volume' | 'claim';

export const PV_PROTECTION = 'kubernetes.io/pv-protection';
export const PVC_PROTECTION = 'kubernetes.io/pvc-protection';

type Changed = (
  kind: SimKind,
  key: string,
  before: SimObject | undefined,
  after: SimObject | undefined,
) => void;
type Preconditions = { readonly uid?: string; readonly resourceVersion?: string };

/** Objects are replaced and never changed where they stand, so that whoever has one keeps what it was. */
export class SimApi {
  readonly volumes = new Map<string, SimVolume>();
  readonly claims = new Map<string, SimClaim>();
  /** Volumes as they were last, by uid. */
  readonly gone = new Map<string, SimVolume>();
  readonly #changed: Changed;
  #count = 0;

  constructor(changed: Changed) {
    this.#changed = changed;
  }

  claimOf(reference: { readonly namespace: string; readonly name: string }): SimClaim | undefined {
    return this.claims.get(`${reference.namespace}/${reference.name}`);
  }

  addVolume(object: object): SimVolume {
    const volume = this.#stored(object, PV_PROTECTION) as SimVolume;
    this.#put('volume', volume.metadata.name, volume);
    return volume;
  }

  addClaim(object: object): SimClaim {
    const claim = this.#stored(object, PVC_PROTECTION) as SimClaim;
    this.#put('claim', `${claim.metadata.namespace}/${claim.metadata.name}`, claim);
    return claim;
  }

  editVolume(name: string, change: (volume: SimVolume) => void): void {
    this.#edit('volume', name, (object) => change(object as SimVolume));
  }

  editClaim(key: string, change: (claim: SimClaim) => void): void {
    this.#edit('claim', key, (object) => change(object as SimClaim));
  }

  delete(kind: SimKind, key: string): void {
    this.#edit(kind, key, ({ metadata }) => {
      metadata.deletionTimestamp ??= '2024-01-02T00:00:00Z';
    });
  }

  /** As people do who take the finalizers off. */
  force(kind: SimKind, key: string): void {
    this.#edit(kind, key, ({ metadata }) => {
      metadata.deletionTimestamp ??= '2024-01-02T00:00:00Z';
      metadata.finalizers = [];
    });
  }

  get(path: string): SimObject | undefined {
    const [kind, key] = placeOf(path);
    return this.#of(kind).get(key);
  }

  /** @throws ApiStatusError as the API server answers */
  create(path: string, body: { readonly metadata: { readonly name: string } }): void {
    const { name } = body.metadata;
    if (path !== '/api/v1/persistentvolumes') throw new Error(`nobody creates at ${path}`);
    if (this.volumes.has(name)) throw refusal(409, `${name} already exists`);
    this.addVolume(body);
  }

  patch(path: string, body: { readonly metadata?: { readonly resourceVersion?: string } }): void {
    const [kind, key] = placeOf(path);
    this.#check(kind, key, body.metadata ?? {});
    this.#edit(kind, key, (object) => {
      const { resourceVersion: _condition, ...metadata } = body.metadata ?? {};
      merge(object as unknown as Record<string, unknown>, { ...body, metadata });
    });
  }

  remove(path: string, preconditions: Preconditions): void {
    const [kind, key] = placeOf(path);
    this.#check(kind, key, preconditions);
    this.delete(kind, key);
  }

  #of(kind: SimKind): Map<string, SimObject> {
    return kind === 'volume' ? this.volumes : this.claims;
  }

  #check(kind: SimKind, key: string, { uid, resourceVersion }: Preconditions): void {
    const object = this.#of(kind).get(key);
    if (!object) throw refusal(404, `${key} not found`);
    const isSame = (uid ?? object.metadata.uid) === object.metadata.uid;
    const isFresh = (resourceVersion ?? object.metadata.resourceVersion) === object.metadata.resourceVersion;
    if (!isSame || !isFresh) throw refusal(409, `${key} has been modified`);
  }

  #stored(object: object, finalizer: string): SimObject {
    const count = ++this.#count;
    const given = object as { readonly metadata: Partial<Metadata> };
    return structuredClone({
      status: { phase: 'Pending' },
      ...given,
      metadata: {
        labels: {},
        annotations: {},
        ...given.metadata,
        finalizers: [...(given.metadata.finalizers ?? []), finalizer],
        uid: `u${count}`,
        // A string that sorts as time does.
        creationTimestamp: `2024-01-01T00:00:${String(count).padStart(9, '0')}Z`,
      },
    }) as unknown as SimObject;
  }

  #edit(kind: SimKind, key: string, change: (object: SimObject) => void): void {
    const old = this.#of(kind).get(key);
    if (!old) return;
    const object = structuredClone(old);
    change(object);
    this.#put(kind, key, object);
  }

  #put(kind: SimKind, key: string, object: SimObject): void {
    const all = this.#of(kind);
    const before = all.get(key);
    object.metadata.resourceVersion = String(++this.#count);
    if (kind === 'volume') this.gone.set(object.metadata.uid, object as SimVolume);
    const isGone = object.metadata.deletionTimestamp !== undefined && object.metadata.finalizers.length === 0;
    if (isGone) all.delete(key);
    else all.set(key, object);
    this.#changed(kind, key, before, isGone ? undefined : object);
  }
}

/** The volume's, or the claim's, key. */
function placeOf(path: string): [SimKind, string] {
  const [, volume] = /^\/api\/v1\/persistentvolumes\/([^/]+)$/.exec(path) ?? [];
  if (volume !== undefined) return ['volume', volume];
  const [, namespace, claim] =
    /\/namespaces\/([^/]+)\/persistentvolumeclaims\/([^/]+)(?:\/status)?$/.exec(path) ?? [];
  return ['claim', `${namespace}/${claim}`];
}

/** RFC 7396. */
function merge(target: Record<string, unknown>, patch: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(patch)) {
    const old = target[key];
    if (value === null) delete target[key];
    else if (isRecord(value) && isRecord(old)) merge(old, value);
    else target[key] = value;
  }
}

function refusal(status: number, message: string): Error {
  return new ApiStatusError(status, message);
}

export const lostConnection = (what: string): Error =>
  new ConnectionError(`${what}: the connection was lost`);
