import { quantityOf } from '../tars/quantity.ts';
import type { ClaimView } from './claim-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { absolutePath, type PathState } from './state.ts';
import { aboutClaim, type Decision, type Step } from './step.ts';
import type { VolumeView } from './volume-view.ts';

/** What may make room. */
const AGAIN_MS = 60_000;

/** A volume in use, its claim, and what the ledger is to have of it. */
interface Bound {
  readonly volume: VolumeView;
  readonly claim: ClaimView;
  readonly entry: LedgerEntry;
}

/**
 * What makes a bound volume as large as its claim has come to ask for: first it is promised, then the volume grows, then
 * volume and claim say so. Each may be done again after a crash. Source: `allowVolumeExpansion` of the Kubernetes API; the
 * API server lets no claim of another class grow.
 * @param before - steps that come before
 */
export function expansion(state: PathState, bound: Bound, before: readonly Step[]): Decision {
  const { volume, claim } = bound;
  const isDue = claim.requestBytes > Math.min(volume.capacityBytes, claim.capacityBytes || Infinity);
  if (!isDue || claim.isDeleting) return { kind: 'steps', steps: before };
  const fault = faultOf(state, claim);
  if (fault === undefined) return { kind: 'steps', steps: [...before, ...growing(state, bound)] };
  const message = `volume ${volume.name} stays at ${quantityOf(volume.capacityBytes)}, and the claim asks for ${claim.request}: ${fault}`;
  const told: Step = { do: 'say', about: aboutClaim(claim), reason: 'ExpansionFailed', message };
  return { kind: 'steps', steps: [...before, told], againMs: AGAIN_MS };
}

/** Why it cannot grow, and what would help. */
function faultOf(state: PathState, { storageClass, requestBytes }: ClaimView): string | undefined {
  const { found, kept, freeBytes, site, classes } = state;
  const known = classes.get(storageClass);
  if (known && !known.allowsExpansion) {
    return `StorageClass ${storageClass} does not allow it; set allowVolumeExpansion: true there`;
  }
  const maxBytes = known && !('fault' in known.parameters) ? known.parameters.maxBytes : Infinity;
  if (requestBytes > maxBytes) {
    return `StorageClass ${storageClass} allows ${quantityOf(maxBytes)} (parameter maxSize); move the data to a claim of another class`;
  }
  if (found.kind !== 'empty' && found.kind !== 'filled') {
    return `${absolutePath(state)} on node ${site.node} is ${found.kind}; the Events of the volume say more`;
  }
  if (!kept.traits.enforcesSize || requestBytes <= Math.max(freeBytes, kept.storage.size)) return undefined;
  return `node ${site.node} can give it ${quantityOf(freeBytes)} at most; make room there`;
}

function growing(state: PathState, { volume, claim, entry }: Bound): Step[] {
  const { storage } = entry;
  const message = `volume ${volume.name} holds ${claim.request} now`;
  return [
    ...(storage && storage.size < claim.requestBytes
      ? [{ do: 'record', entry: { ...entry, storage: { ...storage, size: claim.requestBytes } } } as const]
      : []),
    ...(state.kept.traits.enforcesSize ? [{ do: 'grow', size: claim.requestBytes } as const] : []),
    { do: 'resize', volume, claim, capacity: claim.request },
    { do: 'say', about: aboutClaim(claim), reason: 'VolumeExpanded', message },
  ];
}
