import { classAt } from './agent-model-backends.ts';
import { hasRoom } from './agent-model-room.ts';
import type { Model } from './agent-model-state.ts';
import type { ClaimSeen, PodSeen } from './agent-model-view.ts';

/** Why a pod may wait; undefined where there is no reason, and it has to run. */
export function reasonToWait(pod: PodSeen, model: Model): string | undefined {
  const claims = model.claimsOf(pod);
  if (claims.some((claim) => claim === undefined || claim.isDeleting)) return undefined;
  const known = claims.filter((claim) => claim !== undefined);
  for (const claim of known) {
    const why = claimWaits(claim, model);
    if (why !== undefined) return `${claim.name}: ${why}`;
  }
  const places = placesFor(pod, known, model);
  return places.length === 0 ? 'no node will do' : undefined;
}

/** Why a claim may be without its volume, or its volume out of reach. */
function claimWaits(claim: ClaimSeen, model: Model): string | undefined {
  const volume = model.volumeOf(claim);
  if (claim.volume !== undefined) {
    if (volume) return reachable(volume.node, model);
    const node = model.nodeOf(claim);
    return model.isServed(node) ? undefined : `no agent at ${node} brings its volume back`;
  }
  if (claim.selectedNode === undefined) return undefined;
  return reachable(claim.selectedNode, model) ?? taken(claim, claim.selectedNode, model);
}

/** A pod that waits for its claim may have been sent there before the node was closed. */
function reachable(node: string, { view, downAgents }: Model): string | undefined {
  if (!view.nodes.some(({ name, isOpen }) => name === node && isOpen)) return `${node} is closed`;
  return downAgents.has(node) ? `no agent at ${node}` : undefined;
}

/** Why the directory cannot be had. */
function taken(claim: ClaimSeen, node: string, model: Model): string | undefined {
  const { volumes, claims } = model.view;
  const { path } = claim;
  const volume = volumes.find((other) => other.node === node && other.path === path);
  if (volume && volume.claim !== claim.uid) return `${node}:${path} has a volume`;
  const data = model.dataAt(node, path);
  // Nothing is mounted over what people put there, and nothing limits it.
  const isInTheWay = data?.owner === undefined && classAt(path).backend !== 'directory';
  if (data && data.owner !== claim.uid && (isInTheWay || !claim.mayAdopt))
    return `there is data at ${node}:${path}`;
  const rival = claims.find(
    (other) => other.path === path && other.selectedNode === node && other.uid < claim.uid,
  );
  return rival && rival.volume === undefined ? `${rival.name} wants ${node}:${path} too` : undefined;
}

function placesFor(pod: PodSeen, claims: readonly ClaimSeen[], model: Model): string[] {
  const { nodes, pods } = model.view;
  // An agent without its disk promises nothing.
  const isNew = claims.some(({ volume }) => volume === undefined);
  const fixed = claims.map((claim) => model.volumeOf(claim)?.node ?? claim.selectedNode);
  const rivals = pods.filter((other) => pod.isSpread && other.set === pod.set && other !== pod);
  return nodes
    .filter(({ isOpen }) => isOpen)
    .map(({ name }) => name)
    .filter((node) => !(isNew && model.hasAgent(node) && !model.isMounted(node)))
    .filter((node) => claims.every((claim) => claim.volume !== undefined || hasRoom(node, claim, model.view)))
    .filter((node) => fixed.every((place) => place === undefined || place === node))
    .filter((node) => !rivals.some((rival) => isHeld(rival, node, model)));
}

/** Also by a pod that waits there for its claims: to the scheduler it is as good as there, for ten minutes. */
function isHeld(pod: PodSeen, node: string, model: Model): boolean {
  if (pod.node !== undefined) return pod.node === node;
  const isSent = (claim: ClaimSeen | undefined): boolean =>
    claim?.volume === undefined && claim?.selectedNode === node;
  return model.claimsOf(pod).some(isSent);
}
