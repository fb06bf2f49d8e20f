import { completeClaim } from '../tars/claim-template.ts';
import type { ClaimContext } from '../tars/context.ts';
import { labelValueOf, nodeLabelValue } from '../tars/label-value.ts';
import { claimOwner } from '../tars/ownership.ts';
import { servedClass } from '../tars/settings.ts';
import { withField } from '../tars/sharing.ts';
import type { Claim } from '../tars/shapes.ts';
import { OURS, SELECTED_NODE } from '../tars/vocabulary.ts';

/**
 * A claim of a served class as it is to be stored: completed when it is created, and always with the
 * scheduler's choice mirrored into the routing label, so that an agent can watch just its own claims.
 */
export function mutateClaim(claim: Claim, { namespace, settings, old }: ClaimContext): Claim {
  const way = servedClass(claim.spec?.storageClassName, settings)?.way;
  const name = claim.metadata?.name;
  if (!way || !name) return claim;
  if (old) return routeClaim(claim);
  const { app, server, scope } = claimOwner(claim);
  return routeClaim(completeClaim(claim, labelValueOf(name), { app, server, scope, namespace, way }));
}

function routeClaim(claim: Claim): Claim {
  const { metadata } = claim;
  const node = metadata?.annotations?.[SELECTED_NODE];
  const label = typeof node === 'string' && node !== '' ? nodeLabelValue(node) : undefined;
  const labels = metadata?.labels ?? {};
  if (labels[OURS.node] === label) return claim;
  const { [OURS.node]: _stale, ...others } = labels;
  const routed = label === undefined ? others : { ...labels, [OURS.node]: label };
  return withField(claim, 'metadata', withField(metadata ?? {}, 'labels', routed));
}
