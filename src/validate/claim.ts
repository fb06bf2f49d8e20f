import type { ClaimContext } from '../tars/context.ts';
import type { Finding } from '../tars/finding.ts';
import { claimOwner } from '../tars/ownership.ts';
import type { Claim } from '../tars/shapes.ts';
import { PLAIN_APP } from '../tars/vocabulary.ts';
import { checkClaim, checkGeneratedName, checkVolumeName, warnSize } from './claim-rules.ts';
import { ACCEPTED, ratchet, type Verdict } from './verdict.ts';

/** The rules on a PersistentVolumeClaim; claims of other classes and claims being deleted are let through. */
export function validateClaim(claim: Claim, { settings, old }: ClaimContext): Verdict {
  if (claim.metadata?.deletionTimestamp) return ACCEPTED;
  const found = checkClaim(claim, [], settings);
  if (old) return ratchet(found, checkClaim(old, [], settings));
  return {
    violations: [
      ...found,
      ...checkVolumeName(claim, [], settings),
      ...checkGeneratedName(claim, [], settings),
    ],
    warnings: createWarnings(claim, settings),
  };
}

/** A StatefulSet's claims were warned about when it was applied; here only a person's own claim is left. */
function createWarnings(claim: Claim, settings: ClaimContext['settings']): Finding[] {
  return claimOwner(claim).app === PLAIN_APP.claim ? warnSize(claim, [], settings) : [];
}
