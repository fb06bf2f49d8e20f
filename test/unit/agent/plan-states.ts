import type { Found } from '../../../src/agent/backends/backend.ts';
import type { ClaimView } from '../../../src/agent/claim-view.ts';
import { type ClassView, readClassView } from '../../../src/agent/class-view.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { plan } from '../../../src/agent/plan.ts';
import type { LiveClaim, LiveLook, PathState } from '../../../src/agent/state.ts';
import { PLAIN } from '../../../src/agent/storage.ts';
import type { Decision, Step } from '../../../src/agent/step.ts';
import type { VolumeView } from '../../../src/agent/volume-view.ts';
import type { KubeObject } from '../../../src/cluster/kube-object.ts';
import { asVolumePath, type VolumePath } from '../../../src/tars/host-path.ts';

/** One path and what there is of it, for tests of the plan; each test says what is different. */

export const PATH = 'shop/Shop.cart/data' as VolumePath;
export const WHERE = '/pool/shop/Shop.cart/data';
/** Pinned: the lock on that path of that node. */
export const NAME = 'shop-data-shop-cart-1c54148735bb9d5b68c0';
export const OWNER = { uid: 0, gid: 0, mode: 0o755 };
const SITE = { node: 'n1', hostname: 'host-1', root: '/pool', pool: 'pool-1' };
export const MINE = { namespace: 'shop', name: 'data-cart-0', uid: 'claim-1' };
export const OTHER = { namespace: 'shop', name: 'data-cart-1', uid: 'claim-2' };

/** A class with these parameters, of policy Delete. */
export const storageClass = (
  name: string,
  provisioner: string,
  parameters: Readonly<Record<string, string>> = {},
): ClassView =>
  readClassView({
    metadata: { name, resourceVersion: '' },
    provisioner,
    parameters,
    allowVolumeExpansion: true,
  } as KubeObject);

const CLASSES: readonly ClassView[] = [
  storageClass('t-storage-class', 'local.tars.io'),
  storageClass('offers', 'kubernetes.io/no-provisioner'),
];

export type Way = 'on-demand' | 'per-node';

export const found = (kind: Found['kind'], owner = OWNER): Found => {
  if (kind === 'absent' || kind === 'detached') return { kind };
  return kind === 'blocked' ? { kind, why: `${PATH} is a link` } : { kind, owner };
};

export function claim(over: Partial<ClaimView> = {}): ClaimView {
  const way = over.way ?? 'on-demand';
  return {
    ...MINE,
    resourceVersion: '7',
    createdAt: '2024-01-01T00:00:00Z',
    isDeleting: false,
    phase: 'Pending',
    storageClass: way === 'on-demand' ? 't-storage-class' : 'offers',
    way,
    selectedNode: way === 'on-demand' ? 'n1' : undefined,
    volumeName: undefined,
    mayAdopt: false,
    accessMode: 'ReadWriteOnce',
    request: '1G',
    requestBytes: 10 ** 9,
    capacityBytes: 0,
    wanted: {
      address: { namespace: 'shop', app: 'Shop', server: 'cart', volume: 'data' },
      path: PATH,
      owner: OWNER,
    },
    ...over,
  };
}

export const bound = (over: Partial<ClaimView> = {}): ClaimView =>
  claim({ phase: 'Bound', volumeName: NAME, ...over });

/** Of ours, for the first claim, as the controllers leave it. */
export function volume(over: Partial<VolumeView> = {}): VolumeView {
  return {
    name: NAME,
    uid: 'volume-1',
    resourceVersion: '9',
    isDeleting: false,
    phase: 'Bound',
    reclaimPolicy: 'Delete',
    storageClass: 't-storage-class',
    path: WHERE,
    claim: MINE,
    capacityBytes: 5 * 2 ** 30,
    hasFinalizer: true,
    pool: 'pool-1',
    ...over,
  };
}

export const foreign = (over: Partial<VolumeView> = {}): VolumeView =>
  volume({ name: 'theirs', uid: 'volume-2', hasFinalizer: false, pool: undefined, ...over });

export function entry(known: LedgerEntry['state'] = 'made', over: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    version: 1,
    state: known,
    path: PATH,
    volume: NAME,
    storageClass: 't-storage-class',
    reclaimPolicy: 'Delete',
    claim: MINE,
    owner: OWNER,
    ...over,
  };
}

/** What an offer leaves in the ledger. */
export function offered(known: LedgerEntry['state'] = 'made', over: Partial<LedgerEntry> = {}): LedgerEntry {
  const { claim: _nobody, ...rest } = entry(known, { storageClass: 'offers', ...over });
  return rest;
}

export function live(over: Partial<LiveClaim> = {}): LiveClaim {
  return {
    ...MINE,
    phase: 'Pending',
    isDeleting: false,
    volumeName: undefined,
    selectedNode: 'n1',
    view: undefined,
    ...over,
  };
}

export function state(over: Partial<PathState> = {}): PathState {
  return {
    site: SITE,
    path: PATH,
    claims: [],
    volumes: [],
    entry: undefined,
    kept: { storage: PLAIN, traits: { enforcesSize: false, survivesReboot: true } },
    found: found('empty'),
    freeBytes: 50 * 2 ** 30,
    classes: new Map(CLASSES.map((each) => [each.name, each])),
    offer: { idleMs: 0, ttlMs: 600_000 },
    ...over,
  };
}

/** What the plan says, at once or after the look that it asks for. */
export function decided(
  given: PathState,
  look: LiveLook = { volume: undefined, claim: undefined },
): Decision {
  const first = plan(given);
  return first.kind === 'look' ? plan({ ...given, live: look }) : first;
}

/** Steps without what they say, in short: `make`, `record made`, `release deleted`, `say VolumeRestored`. */
export const brief = (decision: Decision): string[] =>
  decision.kind === 'look' ? ['look'] : decision.steps.map(briefStep);

function briefStep(step: Step): string {
  if (step.do === 'record') return `record ${step.entry.state}`;
  if (step.do === 'release') return `release ${step.as}`;
  return step.do === 'say' ? `say ${step.reason}` : step.do;
}

export function pathOf(text: string): VolumePath {
  const path = asVolumePath(text);
  if (path === undefined) throw new Error(text);
  return path;
}
