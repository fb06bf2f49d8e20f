import { ownerText } from '../../src/agent/owner.ts';
import { ofBackends, type Promises, ofSizes } from './agent-model-checks-backends.ts';
import type { DiskSeen } from './agent-model-disk.ts';
import { mustGo, presenceOf } from './agent-model-data.ts';
import { reasonToWait } from './agent-model-pending.ts';
import type { Model } from './agent-model-state.ts';
import type { ClaimSeen } from './agent-model-view.ts';

/** Paths of a node that its agent reports as belonging to nobody. */
export type Orphans = ReadonlyMap<string, ReadonlySet<string>>;

/** What is not yet as it has to be when nothing more happens; nothing when the cluster has settled. */
export function complaints(
  model: Model,
  orphans: Orphans,
  promises: (node: string) => Promises | undefined,
): string[] {
  const served = model.nodes.filter((node) => model.isServed(node));
  return [
    ...ofPods(model),
    ...ofClaims(model),
    ...ofVolumes(model),
    ...ofSizes(model),
    ...ofData(model),
    ...served.flatMap((node) => [
      ...ofDisk(node, model, orphans),
      ...ofBackends(node, model, promises(node)),
    ]),
  ];
}

function* ofPods(model: Model): Iterable<string> {
  const { pods } = model.view;
  const wanted = new Set(
    [...model.sets].flatMap(([name, { replicas }]) =>
      [...Array(replicas).keys()].map((index) => `${name}-${index}`),
    ),
  );
  for (const { name } of pods) if (!wanted.has(name)) yield `pod ${name} has to go`;
  for (const name of wanted) {
    const pod = pods.find((candidate) => candidate.name === name);
    if (!pod) yield `pod ${name} has to be there`;
    else if (pod.isDeleting) yield `pod ${name} is being deleted`;
    else if (!pod.isRunning && reasonToWait(pod, model) === undefined) yield `pod ${name} has to run`;
  }
}

function* ofClaims(model: Model): Iterable<string> {
  const { pods, claims } = model.view;
  for (const claim of claims) {
    const isUsed = pods.some(({ node, claims: names }) => node !== undefined && names.includes(claim.name));
    if (claim.isDeleting && !isUsed) yield `claim ${claim.name} has to go`;
    if (!claim.isDeleting && model.doomedClaims.has(claim.uid)) yield `claim ${claim.name} has to be deleted`;
    if (claim.volume !== undefined) yield* ofBound(claim, model);
    else if (isMisled(claim, model))
      yield `claim ${claim.name} has to go elsewhere than ${claim.selectedNode}`;
  }
}

/** It waits for an agent that has no disk. */
function isMisled({ selectedNode = '', isDeleting }: ClaimSeen, model: Model): boolean {
  return !isDeleting && model.hasAgent(selectedNode) && !model.isMounted(selectedNode);
}

function* ofBound(claim: ClaimSeen, model: Model): Iterable<string> {
  const volume = model.volumeOf(claim);
  const node = model.nodeOf(claim);
  if (!model.isServed(node)) return;
  if (!volume) return yield `claim ${claim.name} has lost its volume`;
  if (claim.phase !== 'Bound' || volume.phase !== 'Bound')
    yield `claim ${claim.name} is ${claim.phase}, its volume ${volume.phase}`;
  const disk = model.view.disks.get(node);
  const owner = disk?.directories.get(claim.path)?.owner ?? 'not there';
  if (owner !== claim.owner && owner !== asItCame(claim, disk))
    yield `${node}:${claim.path} is ${owner}, and claim ${claim.name} says ${claim.owner}`;
}

/** What adopted data may keep. */
function asItCame({ mayAdopt, path }: ClaimSeen, disk: DiskSeen | undefined): string | undefined {
  const entry = mayAdopt ? disk?.ledger.find((each) => each.path === path) : undefined;
  return entry?.adopted && ownerText(entry.adopted);
}

function* ofVolumes(model: Model): Iterable<string> {
  const { view } = model;
  for (const { name, node, phase, policy, claim, isDeleting } of view.volumes) {
    if (!model.isServed(node)) continue;
    const isWanted = view.claims.some(({ uid }) => uid === claim);
    if (phase !== 'Bound' && isWanted) yield `volume ${name} is ${phase}`;
    else if (isDeleting && !isWanted) yield `volume ${name} is being deleted`;
    else if (policy === 'Delete' && !isWanted) yield `volume ${name} has to go`;
  }
}

function* ofData(model: Model): Iterable<string> {
  for (const data of model.data) {
    const { node, path, owner } = data;
    if (!model.isServed(node) || !mustGo(data, model.view) || presenceOf(data, model.view) === 'absent')
      continue;
    yield `the data of ${owner} has to go from ${node}:${path}`;
  }
}

function* ofDisk(node: string, model: Model, orphans: Orphans): Iterable<string> {
  const disk = model.view.disks.get(node)!;
  // What people put there is found when the agent next looks by itself.
  const trash = disk.trash.filter((name) => !name.startsWith('purged-'));
  if (trash.length > 0) yield `the trash of ${node} has ${trash.join(', ')}`;
  yield* ofLedger(node, disk, model);
  for (const path of disk.directories.keys()) {
    const hasVolume = model.view.volumes.some((volume) => volume.node === node && volume.path === path);
    const entry = disk.ledger.find((candidate) => candidate.path === path);
    const isStranger = !entry && !hasVolume;
    const isReported = orphans.get(node)?.has(path) ?? false;
    if (isReported !== (isStranger || entry?.state === 'kept'))
      yield `${node}:${path} is ${isReported ? '' : 'not '}reported`;
    if (isStranger) yield* ofStranger(node, path, model);
  }
}

/** Only what people put there may be unknown to volumes and ledger. */
function* ofStranger(node: string, path: string, model: Model): Iterable<string> {
  const data = model.dataAt(node, path);
  if (!data) yield `${node}:${path} was forgotten`;
  else if (data.owner !== undefined) yield `nobody knows the data of ${data.owner} at ${node}:${path}`;
}

function* ofLedger(node: string, { ledger, directories }: DiskSeen, { view }: Model): Iterable<string> {
  for (const { path, state, volume, claim } of ledger) {
    const what = `the ledger of ${node} has ${path} as ${state} for ${claim?.uid}`;
    const served = view.volumes.find(({ name }) => name === volume);
    if (state === 'kept' ? served && served.phase === 'Bound' : state !== 'made') yield what;
    if (state === 'made' && served?.claim !== claim?.uid)
      yield `${what}, and its volume is of ${served?.claim}`;
    if (!directories.has(path)) yield `${what}, and there is no directory`;
  }
}
