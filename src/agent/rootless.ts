import type { VolumePath } from '../tars/host-path.ts';
import type { ClaimView } from './claim-view.ts';
import { tell } from './execute.ts';
import { handBack, type HandBackTools } from './hand-back.ts';
import type { NodeCaches } from './root-caches.ts';
import { placeOf, type Roots } from './roots.ts';
import { aboutClaim } from './step.ts';

export interface RootlessOptions extends HandBackTools {
  readonly caches: NodeCaches;
  readonly roots: Roots;
}

/**
 * Claims of classes whose volumes are at no root of this agent. The scheduler may find them another node; to those that
 * wait for offers it is told that this node makes none.
 */
export async function refuseRootless(path: VolumePath, options: RootlessOptions): Promise<void> {
  const { caches, roots, node, said } = options;
  const faultOf = ({ storageClass }: ClaimView): string | undefined => {
    const place = placeOf(caches.classes.get(storageClass), roots);
    return 'fault' in place ? place.fault : undefined;
  };
  const claims = caches.claimsAt(path).filter((claim) => faultOf(claim) !== undefined);
  for (const claim of claims) {
    if (claim.way !== 'per-node' || claim.volumeName !== undefined || claim.isDeleting) continue;
    tell(said, aboutClaim(claim), 'ProvisioningFailed', `node ${node} ${faultOf(claim)}`, { path });
  }
  const asked = { path, claims, volumes: caches.volumes.at(path) };
  await handBack(asked, (claim) => faultOf(claim) ?? '', options);
}
