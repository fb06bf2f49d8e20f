import { agentLeaseName } from '../tars/agent-lease.ts';
import { nodeLabelValue } from '../tars/label-value.ts';
import type { Verdicts, World } from './patience.ts';
import type { AgentObject, ClaimIdentity, LeaseView, VolumeView, WaitingClaim } from './views.ts';

/** What a step rests on, to be looked at once more before it is done: a watch may be behind. */
export type Reason =
  | { readonly kind: 'node-gone'; readonly node: string }
  | { readonly kind: 'host-gone'; readonly hostname: string }
  /** An empty renewTime: there is no such Lease. */
  | { readonly kind: 'agent-silent'; readonly leaseName: string; readonly renewTime: string };

/** One thing to do, and the reasons that must all hold. */
export type Step = { readonly because: readonly Reason[] } & (
  | { readonly kind: 'free-claim'; readonly object: WaitingClaim }
  | { readonly kind: 'remove-capacity'; readonly object: AgentObject }
  | { readonly kind: 'remove-lease'; readonly object: LeaseView }
  | { readonly kind: 'delete-volume'; readonly object: VolumeView }
  | { readonly kind: 'let-go-volume'; readonly object: VolumeView }
  /** Only people can do something about it. */
  | { readonly kind: 'tell-claim'; readonly object: VolumeView; readonly claim: ClaimIdentity }
);

export const STEP_KINDS = [
  'free-claim',
  'remove-capacity',
  'remove-lease',
  'delete-volume',
  'let-go-volume',
  'tell-claim',
] as const satisfies readonly Step['kind'][];

/** Names a step for as long as it is to be done. */
export const stepKey = ({ kind, object }: Step): string => `${kind} ${object.uid}`;

/**
 * What is left to do for nodes and agents that are gone.
 *
 * - A claim that has a volume, or one reserved for it, is never touched: the binder has its way.
 * - A volume is never let go while it is bound, or where its policy is to retain it; unless somebody has deleted it.
 *   Of one that is bound its claim is told.
 * - The volume of a discovered disk is deleted by people alone: where its node comes back with a new system disk, it is
 *   all that says that the disk holds data and has to be cleaned before anybody else is given it.
 * - In a cluster without nodes nothing is done: more likely it is misread than empty.
 */
export function plan(world: World, verdicts: Verdicts): Step[] {
  if (world.nodes.length === 0) return [];
  const leases = new Map(world.leases.map((lease) => [lease.nodeKey, lease]));
  const reserved = new Set(world.volumes.map(({ claim }) => claim?.uid));
  const unavailable = (nodeKey: string, node = nodeKey): Reason | undefined => {
    if (verdicts.isGone(nodeKey)) return { kind: 'node-gone', node };
    return verdicts.isSilent(nodeKey) ? silent(leases.get(nodeKey), node) : undefined;
  };
  const claims = world.claims.filter(({ uid }) => !reserved.has(uid));
  return [
    ...claims.flatMap((object) => {
      const reason = unavailable(nodeLabelValue(object.selectedNode), object.selectedNode);
      return reason ? [{ kind: 'free-claim' as const, object, because: [reason] }] : [];
    }),
    ...world.capacities.flatMap((object) => {
      const reason = unavailable(object.nodeKey);
      return reason ? [{ kind: 'remove-capacity' as const, object, because: [reason] }] : [];
    }),
    ...world.volumes.flatMap((object) => volumeStep(object, verdicts)),
    ...world.leases.flatMap((object) => leaseStep(object, verdicts)),
  ];
}

function volumeStep(object: VolumeView, verdicts: Verdicts): Step[] {
  const { hostname, isDeleting, isDiscovered, phase, reclaimPolicy, claim } = object;
  if (!verdicts.isHostGone(hostname)) return [];
  const because = [{ kind: 'host-gone' as const, hostname }];
  if (phase === 'Bound') return claim ? [{ kind: 'tell-claim', object, claim, because }] : [];
  if (isDeleting) return [{ kind: 'let-go-volume', object, because }];
  const isUnwanted = (phase === 'Released' || phase === 'Failed') && reclaimPolicy === 'Delete';
  return isUnwanted && !isDiscovered ? [{ kind: 'delete-volume', object, because }] : [];
}

/** An agent that lives on a node which is no longer there would only make it again. */
function leaseStep(object: LeaseView, verdicts: Verdicts): Step[] {
  const { nodeKey } = object;
  if (!verdicts.isGone(nodeKey) || !verdicts.isSilent(nodeKey)) return [];
  return [
    {
      kind: 'remove-lease',
      object,
      because: [{ kind: 'node-gone', node: nodeKey }, silent(object, nodeKey)],
    },
  ];
}

function silent(lease: LeaseView | undefined, node: string): Reason {
  const { name = agentLeaseName(node), renewTime = '' } = lease ?? {};
  return { kind: 'agent-silent', leaseName: name, renewTime };
}
