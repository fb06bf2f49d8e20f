import type { VolumePath } from '../tars/host-path.ts';
import type { AgentApi } from './agent-api.ts';
import type { ClaimView } from './claim-view.ts';
import { type Hands, tell } from './execute.ts';
import { aboutClaim } from './step.ts';
import type { VolumeView } from './volume-view.ts';

export interface HandBackTools {
  readonly node: string;
  readonly api: Pick<AgentApi, 'handBack'>;
  readonly said: Pick<Hands, 'events' | 'logger'>;
  /** Resolves when the scheduler has been told what there is now of a class. */
  readonly published: (storageClass: string) => Promise<void>;
}

/** What is asked of one path, and what leads there. */
interface Asked {
  readonly path: VolumePath;
  readonly claims: readonly ClaimView[];
  readonly volumes: readonly VolumeView[];
}

/**
 * A fault of the node: whoever has no volume here yet may go elsewhere.
 * @param why - the end of a sentence that begins with the node
 */
export async function handBack(
  { path, claims, volumes }: Asked,
  why: (claim: ClaimView) => string,
  { node, api, said, published }: HandBackTools,
): Promise<void> {
  const served = new Set(volumes.map(({ claim }) => claim?.uid));
  for (const claim of claims) {
    if (claim.way !== 'on-demand' || claim.selectedNode !== node || claim.isDeleting) continue;
    if (claim.volumeName !== undefined || served.has(claim.uid)) continue;
    // The scheduler must not choose this node again at once.
    await published(claim.storageClass);
    await api.handBack(claim);
    const message = `node ${node} ${why(claim)}; the scheduler looks for another node`;
    tell(said, aboutClaim(claim), 'ClaimHandedBack', message, { path });
  }
}
