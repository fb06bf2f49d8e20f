import type { VolumePath } from '../tars/host-path.ts';
import type { Found, Traits } from './backends/backend.ts';
import type { ClaimView } from './claim-view.ts';
import type { ClassView } from './class-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import type { Storage } from './storage.ts';
import type { ClaimReference, VolumeView } from './volume-view.ts';

/** What the API server itself says, at this moment and not some time ago. */
export interface LiveLook {
  readonly volume: VolumeView | undefined;
  /** The claim that the volume, or else the ledger, names; whatever its class. */
  readonly claim: LiveClaim | undefined;
}

export interface LiveClaim extends ClaimReference {
  readonly phase: string;
  readonly isDeleting: boolean;
  readonly volumeName: string | undefined;
  readonly selectedNode: string | undefined;
  /** Where its class is served. */
  readonly view: ClaimView | undefined;
}

/** The node that plans are made for, and the pool that it has. */
export interface Site {
  readonly node: string;
  /** Value of the node's hostname label. */
  readonly hostname: string;
  readonly root: string;
  /** Id of the pool, which has just been seen. */
  readonly pool: string;
}

/** Everything known of one path: what is asked, what the cluster has, what was intended, what is on the disk. */
export interface PathState {
  readonly site: Site;
  readonly path: VolumePath;
  /** Claims that want this path, and are this node's to serve: oldest first. */
  readonly claims: readonly ClaimView[];
  /** Volumes of this node that lead there, whoever made them. */
  readonly volumes: readonly VolumeView[];
  readonly entry: LedgerEntry | undefined;
  /** How the volume here is kept, or would be. */
  readonly kept: Kept;
  readonly found: Found;
  /** What may still be promised of that which it is made from; what it has been promised itself is in it. */
  readonly freeBytes: number;
  readonly classes: ReadonlyMap<string, ClassView>;
  /** How long an offer has stood with no claim waiting, against how long it may. */
  readonly offer: { readonly idleMs: number; readonly ttlMs: number };
  readonly live?: LiveLook;
}

/** How a volume is kept, and what can be said of that on this node. */
interface Kept {
  readonly storage: Storage;
  readonly traits: Traits;
  /** Why this node cannot keep volumes so. */
  readonly missing?: string | undefined;
}

export const absolutePath = ({ site, path }: PathState): string => `${site.root}/${path}`;

/** It was in memory, and the node has been down since: nothing of it is left but its place. */
export const isLost = ({ found, kept }: PathState): boolean =>
  found.kind === 'detached' && !kept.traits.survivesReboot;

/** Also where it is not in its place: what that holds cannot be seen, and counts as data. */
export const holdsData = (state: PathState): boolean =>
  state.found.kind === 'filled' || (state.found.kind === 'detached' && !isLost(state));

/** `namespace/name` for people. */
export const claimText = ({ namespace, name }: { namespace: string; name: string }): string =>
  `${namespace}/${name}`;
