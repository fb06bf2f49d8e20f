import { pathBelow } from '../../../src/agent/caches.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';
import { FINALIZER, OURS } from '../../../src/tars/vocabulary.ts';
import { HOSTNAME, ROOT } from './simulation-agent.ts';
import type { SimClaim, SimObject, SimVolume } from './simulation-api.ts';
import { isOnNode, keyOf } from './simulation-controllers.ts';
import { bytesOf } from '../../../src/tars/quantity.ts';
import { isMountedKind } from './simulation-backends.ts';
import type { SimTree } from './simulation-disk.ts';
import { sizeAt } from './simulation-room.ts';
import type { World } from './simulation.ts';

/**
 * What must hold at every moment, checked as it happens.
 *
 * - Data goes into the trash for a Released volume with policy Delete whose claim is gone, and for nothing else.
 * - No two volumes of the agent's lead to one directory.
 * - A claim sees nothing of another claim's, but what a person gave to it.
 * - A claim that has had its directory gets no empty one in its place.
 * - A volume that says that its data may go does not go before its data.
 * - A volume that has to be mounted is mounted before anybody is told of it, and holds what it is said to hold.
 * - What a pod has written is there for as long as its claim, but where it was in memory, or people took it.
 */

/** Of all that the agent does, the one thing that cannot be undone. */
export function checkRetired(world: World, path: VolumePath, { files }: SimTree, trashName: string): void {
  const volume = world.api.gone.get(trashName);
  const isDiscarded = trashName.startsWith('discarded-');
  if (files.length === 0 && isDiscarded) return;
  if (!volume) world.broken(`${path} is removed for ${trashName}, which is no volume`);
  if (files.length === 0) return;
  const { claimRef, persistentVolumeReclaimPolicy: policy, local } = volume.spec;
  const uid = claimRef?.uid ?? '';
  const what = `${path} is removed for volume ${volume.metadata.name}`;
  if (policy !== 'Delete') world.broken(`${what}, whose policy is ${policy}`);
  if (volume.status.phase !== 'Released') world.broken(`${what}, whose phase is ${volume.status.phase}`);
  if (local.path !== `${ROOT}/${path}`) world.broken(`${what}, whose path is ${local.path}`);
  if (world.isAlive(uid)) world.broken(`${what}, whose claim is there`);
  // What somebody wrote through a second volume on the same path is not known to be there.
  if (!world.foreignPaths.has(path)) checkFiles(world, files, uid, what);
}

function checkFiles(world: World, files: readonly string[], uid: string, what: string): void {
  for (const file of files) {
    if (world.isAlive(file)) world.broken(`${what}, with data of the living claim ${file}`);
    // Whoever adopts data and deletes the claim before it is bound has given it away as well.
    if (file !== uid && !world.given.has(uid)) world.broken(`${what}, with data of ${file}`);
  }
}

/** A server that starts on an empty directory believes that it is new. */
export function checkMaking(world: World, path: VolumePath): void {
  if (world.disk.volumeAt(path) || world.foreignPaths.has(path)) return;
  const known = world.disk.ledger.get(path)?.volume;
  const names = new Set([known, ...world.volumesAt(path).map(({ metadata }) => metadata.name)]);
  const claim = [...world.api.claims.values()].find(
    ({ metadata, spec }) =>
      metadata.deletionTimestamp === undefined &&
      spec.volumeName !== undefined &&
      names.has(spec.volumeName) &&
      !world.faulty.has(metadata.uid),
  );
  if (claim) world.broken(`${path} is made for ${keyOf(claim)}, which had it already`);
}

const isHeld = (object: SimObject | undefined): boolean =>
  object?.metadata.finalizers.includes(FINALIZER) ?? false;

/** Of a claim that has another volume it never was. */
const isToGo = (world: World, { spec, status }: SimVolume): boolean =>
  status.phase === 'Released' &&
  spec.persistentVolumeReclaimPolicy === 'Delete' &&
  !world.isAlive(spec.claimRef?.uid ?? '');

/** The volume is what says that its data may go: without it, nobody ever takes the data away. */
export function checkLetGo(world: World, before: SimVolume, after: SimObject | undefined): void {
  const { metadata, spec } = before;
  const path = pathBelow(ROOT, spec.local.path);
  if (!isHeld(before) || isHeld(after) || path === undefined || world.foreignPaths.has(path)) return;
  const uid = spec.claimRef?.uid ?? '';
  const files = world.disk.volumeAt(path)?.files ?? [];
  if (isToGo(world, before) && files.includes(uid)) world.broken(`${metadata.name} goes before its data`);
}

/** What others made becomes the agent's by the word of a person only. */
export function checkTakenOver(world: World, before: SimVolume, after: SimObject | undefined): void {
  const isTaken = isHeld(after) && !isHeld(before);
  if (isTaken && !world.given.has(before.spec.claimRef?.uid ?? '')) {
    world.broken(`${before.metadata.name} is taken over, and nobody said so`);
  }
}

export function checkVolume(world: World, volume: SimVolume, isNew: boolean): void {
  const path = pathBelow(ROOT, volume.spec.local.path);
  if (path === undefined || !isOnNode(volume, HOSTNAME)) return;
  if (isNew) checkAlone(world, path, volume);
  const { claimRef } = volume.spec;
  const claim = claimRef && world.api.claimOf(claimRef);
  if (claim && claim.metadata.uid === claimRef.uid) checkShown(world, path, volume, claim);
}

function checkAlone(world: World, path: VolumePath, { metadata }: SimVolume): void {
  if (isForeign(metadata.name)) return;
  const isInTheWay = ({ metadata: { name } }: SimVolume): boolean =>
    name !== metadata.name && (!isForeign(name) || world.agent.respects(path, name));
  const twin = world.volumesAt(path).find(isInTheWay);
  if (twin) world.broken(`${metadata.name} and ${twin.metadata.name} are both at ${path}`);
}

export const isForeign = (name: string): boolean => name.startsWith('foreign');

/** From here on a pod may see what is there: what came by this volume, or was given by a person, is the claim's now. */
function checkShown(world: World, path: VolumePath, { metadata, spec }: SimVolume, claim: SimClaim): void {
  // A second volume on one path shows everything to both: so does whoever makes one.
  const isForeignToo = world.foreignPaths.has(path);
  const { uid } = claim.metadata;
  if (spec.claimRef?.namespace !== path.split('/')[0] && !isForeignToo) {
    world.broken(`${path} is given to ${keyOf(claim)}`);
  }
  const isGiven = isForeignToo || isGivenTo(world, claim) || world.given.has(metadata.uid);
  const tree = world.disk.volumeAt(path);
  if (!tree) return;
  tree.files = tree.files.map((file) => {
    if (file === uid || file === `volume:${metadata.uid}`) return uid;
    if (isGiven) {
      world.written.delete(file);
      return uid;
    }
    return world.broken(`volume ${metadata.name} shows claim ${keyOf(claim)} (${uid}) the data of ${file}`);
  });
}

const isGivenTo = (world: World, { metadata }: SimClaim): boolean =>
  world.given.has(metadata.uid) || metadata.annotations[OURS.adopt] === 'true';

/** A pod has started. */
export function checkSeen(world: World, path: VolumePath, claim: SimClaim): void {
  const { uid } = claim.metadata;
  if (world.foreignPaths.has(path)) return;
  const stranger = world.disk.seenAt(path)?.files.find((file) => file !== uid);
  if (stranger !== undefined) world.broken(`${keyOf(claim)} (${uid}) sees the data of ${stranger}`);
}

/** The agent has made it, or said how much it holds. */
export function checkServed(
  world: World,
  before: SimVolume | undefined,
  { metadata, spec }: SimVolume,
): void {
  const path = pathBelow(ROOT, spec.local.path);
  const { storage } = spec.capacity;
  const isNews = before?.spec.capacity.storage !== storage;
  const entry = path === undefined || !isNews ? undefined : world.disk.ledger.get(path);
  if (!entry?.storage || entry.volume !== metadata.name) return;
  if (isMountedKind(entry.storage.backend) && !world.disk.filesystems.get(entry.path)?.isMounted) {
    world.broken(`${metadata.name} is told of, and is not mounted`);
  }
  const size = sizeAt(world, entry.path);
  if (size === undefined) world.broken(`${metadata.name} is to be limited to ${storage}, and is not`);
  if (size < bytesOf(storage))
    world.broken(`${metadata.name} is to hold ${storage}, and holds ${size} bytes`);
}

export function checkData(world: World): void {
  for (const [uid, path] of world.written) {
    if (!world.isAlive(uid)) world.written.delete(uid);
    else if (!world.isExcused(path) && !world.disk.volumeAt(path)?.files.includes(uid)) {
      world.broken(`what claim ${uid} has at ${path} is gone`);
    }
  }
}
