import { pathBelow } from '../../../src/agent/caches.ts';
import { readClaimView } from '../../../src/agent/claim-view.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';
import { FINALIZER, OURS, SELECTED_NODE } from '../../../src/tars/vocabulary.ts';
import { HOSTNAME, POOL, ROOT } from './simulation-agent.ts';
import type { SimClaim, SimVolume } from './simulation-api.ts';
import { isForeign } from './simulation-checks.ts';
import { isOnNode, keyOf } from './simulation-controllers.ts';
import { bytesOf } from '../../../src/tars/quantity.ts';
import { sourceNameOf, type Storage, storageFor } from '../../../src/agent/storage.ts';
import { isMountedKind } from './simulation-backends.ts';
import type { SimDirectory } from './simulation-disk.ts';
import { checkRoom, isFollowed } from './simulation-room.ts';
import { OTHER_NODE, type World } from './simulation.ts';

/** What must hold when nothing more happens: nobody waits without a reason, and nothing is forgotten. */
export function checkEnd(world: World): void {
  for (const claim of world.api.claims.values()) checkClaim(world, claim);
  for (const volume of world.api.volumes.values()) checkVolume(world, volume);
  for (const entry of world.disk.ledger.values()) checkEntry(world, entry);
  for (const [path, directory] of world.disk.directories) checkDirectory(world, path, directory);
  checkRoom(world);
}

function checkDirectory(world: World, path: VolumePath, { files, isMounted }: SimDirectory): void {
  const isKnown = world.volumesAt(path).length > 0 || world.disk.ledger.has(path);
  if (isKnown || isMounted || world.foreignPaths.has(path)) return;
  // An empty one is of the agent's making, unless people had a hand in it.
  const isExcused =
    files.length === 0
      ? world.lostPaths.has(path)
      : files.every((file) => file === 'foreign' || file.startsWith('volume:'));
  if (!isExcused) world.broken(`nobody knows ${path}`);
}

function checkClaim(world: World, claim: SimClaim): void {
  if (claim.metadata.deletionTimestamp !== undefined) return;
  if (claim.status.phase === 'Bound') return checkBound(world, claim);
  const view = readClaimView(claim, world.settings);
  if (!view || 'fault' in view.wanted) return;
  const reasons = claim.status.phase === 'Lost' ? WHY_LOST : WHY_PENDING;
  const { path } = view.wanted;
  if (reasons.some((reason) => reason(world, claim, path))) return;
  world.broken(`${keyOf(claim)} is ${claim.status.phase} for no reason, and names ${claim.spec.volumeName}`);
}

function checkBound(world: World, claim: SimClaim): void {
  const volume = world.volumeOf(claim);
  const path = volume && pathBelow(ROOT, volume.spec.local.path);
  if (!volume || path === undefined || isForeign(volume.metadata.name) || world.lostPaths.has(path)) return;
  const { directories, filesystems, ledger } = world.disk;
  const what = `${keyOf(claim)} is bound to ${volume.metadata.name}`;
  if (!directories.has(path)) world.broken(`${what}, and there is no directory`);
  const entry = ledger.get(path);
  if (!entry?.storage) return;
  if (isMountedKind(entry.storage.backend) && !filesystems.get(path)?.isMounted) {
    world.broken(`${what}, which is not mounted`);
  }
  checkSize(world, entry.storage, volume, claim);
}

/** It holds what was asked for, unless there is no room. */
function checkSize(world: World, storage: Storage, volume: SimVolume, claim: SimClaim): void {
  const asked = bytesOf(claim.spec.resources.requests.storage);
  const capacity = bytesOf(volume.spec.capacity.storage);
  const told = bytesOf(claim.status.capacity?.storage);
  const path = pathBelow(ROOT, volume.spec.local.path);
  const isStuck = asked > Math.max(world.agent.room.left(sourceNameOf(storage), path), storage.size);
  if (isStuck || !isFollowed(world, claim)) return;
  const what = `${keyOf(claim)} asks for ${asked} bytes of ${volume.metadata.name}`;
  if (Math.min(told, capacity) < asked) world.broken(`${what}, and is told ${told} of ${capacity}`);
  if (storage.size !== capacity)
    world.broken(`${what}, which is said to hold ${capacity} of ${storage.size}`);
}

type Why = (world: World, claim: SimClaim, path: VolumePath) => boolean;

const isTaken: Why = (world, _claim, path) => world.volumesAt(path).length > 0;

const isInTheWay: Why = ({ disk }, _claim, path) => {
  const directory = disk.directories.get(path);
  return directory !== undefined && (directory.isBlocked || directory.isMounted);
};

/** Of another kind, so that what is there is in the way. */
const isKeptOtherwise: Why = ({ disk, classes }, { spec }, path) => {
  const parameters = classes.get(spec.storageClassName)?.parameters;
  const wanted = parameters && !('fault' in parameters) ? parameters.backend : undefined;
  const kept = disk.ledger.get(path)?.storage?.backend ?? 'directory';
  return disk.ledger.has(path) && kept !== wanted;
};

/** Two claims of one path that want it kept in two ways: whatever is found is told to one of them only. */
const isRivalled: Why = (world, { metadata, spec }, path) =>
  [...world.api.claims.values()].some((other) => {
    const view = readClaimView(other, world.settings);
    const isHere = view !== undefined && !('fault' in view.wanted) && view.wanted.path === path;
    const isOther = other.metadata.uid !== metadata.uid && other.status.phase === 'Pending';
    return isHere && isOther && other.spec.storageClassName !== spec.storageClassName;
  });

const hasNoRoom: Why = ({ agent, classes }, { spec }, path) => {
  const parameters = classes.get(spec.storageClassName)?.parameters;
  if (!parameters || 'fault' in parameters) return true;
  const storage = storageFor(parameters, bytesOf(spec.resources.requests.storage));
  return agent.room.left(sourceNameOf(storage), path) < storage.size;
};

/** Data of no volume is where one has to be mounted; nobody can adopt that. */
const isBelowMount: Why = ({ disk, classes }, { spec }, path) => {
  const parameters = classes.get(spec.storageClassName)?.parameters;
  const wanted = parameters && !('fault' in parameters) ? parameters.backend : 'directory';
  const backend = disk.ledger.get(path)?.storage?.backend ?? wanted;
  return isMountedKind(backend) && (disk.directories.get(path)?.files.length ?? 0) > 0;
};

/** Data that was never limited is not adopted as if it were. */
const isUnlimited: Why = ({ disk, classes }, { spec }, path) => {
  const parameters = classes.get(spec.storageClassName)?.parameters;
  const wanted = parameters && !('fault' in parameters) ? parameters.backend : 'directory';
  const directory = disk.directories.get(path);
  return wanted === 'quota' && directory !== undefined && directory.limit === undefined;
};

const hasData: Why = ({ disk }, { metadata }, path) => {
  const entry = disk.ledger.get(path);
  // What is there while nothing was made yet is somebody else's.
  const isOwn = entry?.claim?.uid === metadata.uid && entry.state !== 'making';
  const isDetached = disk.filesystems.get(path)?.isMounted === false;
  const isEmpty = (disk.seenAt(path)?.files.length ?? 0) === 0 && !isDetached;
  return !isOwn && !isEmpty && metadata.annotations[OURS.adopt] !== 'true';
};

/** Its directory was begun, or made, for another claim, which has a right to it still. */
const isPromised: Why = (world, { metadata }, path) => {
  const entry = world.disk.ledger.get(path);
  return entry !== undefined && owners(world, entry).some((claim) => claim.metadata.uid !== metadata.uid);
};

const owners = ({ api }: World, { claim, volume }: LedgerEntry): SimClaim[] =>
  [...api.claims.values()].filter(
    ({ metadata, spec }) => metadata.uid === claim?.uid || spec.volumeName === volume,
  );

const WHY_PENDING: readonly Why[] = [
  (_world, { metadata }) => metadata.annotations[SELECTED_NODE] === OTHER_NODE,
  isTaken,
  isInTheWay,
  hasData,
  isBelowMount,
  isUnlimited,
  isPromised,
  isKeptOtherwise,
  isRivalled,
  hasNoRoom,
];

const NOWHERE = { owner: { uid: 0, gid: 0, mode: 0 }, files: [], isBare: true };

const WHY_LOST: readonly Why[] = [
  // Nothing but a bare directory is nothing.
  ({ disk }, _claim, path) => disk.isRefusing(disk.volumeAt(path) ?? NOWHERE),
  isInTheWay,
  isTaken,
  ({ disk }, { metadata, spec }, path) => {
    const entry = disk.ledger.get(path);
    return entry?.claim?.uid !== metadata.uid || entry.volume !== spec.volumeName;
  },
];

function checkVolume(world: World, volume: SimVolume): void {
  const { metadata, status } = volume;
  const path = pathBelow(ROOT, volume.spec.local.path);
  if (path === undefined || !isOnNode(volume, HOSTNAME) || isForeign(metadata.name)) return;
  if (!isOurs(world, path, volume)) world.broken(`${metadata.name} is not ours any more`);
  if (mayStay(world, path, volume)) return;
  if (status.phase === 'Released' && volume.spec.persistentVolumeReclaimPolicy === 'Delete') {
    world.broken(`${metadata.name} is Released, and stays`);
  }
  if (metadata.deletionTimestamp !== undefined && status.phase !== 'Bound') {
    world.broken(`${metadata.name} is being deleted for ever`);
  }
}

function isOurs({ disk }: World, path: VolumePath, { metadata }: SimVolume): boolean {
  const hasSigns = metadata.finalizers.includes(FINALIZER) && metadata.annotations[OURS.pool] === POOL;
  return hasSigns && disk.ledger.get(path)?.volume === metadata.name;
}

/** Somebody's data, where a volume would have to be mounted. */
function isDataBelowMount({ disk }: World, path: VolumePath): boolean {
  const backend = disk.ledger.get(path)?.storage?.backend;
  const isMounted = backend !== undefined && isMountedKind(backend);
  return isMounted && (disk.directories.get(path)?.files.length ?? 0) > 0;
}

/** What is said about it in the meantime is in the tests of the plan. */
function mayStay(world: World, path: VolumePath, { metadata, spec }: SimVolume): boolean {
  const directory = world.disk.directories.get(path);
  if (isDataBelowMount(world, path)) return true;
  if (directory?.isMounted || directory?.isBlocked || world.volumesAt(path).length > 1) return true;
  // Given to another claim by hand while the agent was away: ledger and volume disagree on whose it is.
  const entry = world.disk.ledger.get(path);
  return (
    entry?.claim !== undefined && entry.claim.uid !== spec.claimRef?.uid && world.given.has(metadata.uid)
  );
}

function checkEntry(world: World, entry: LedgerEntry): void {
  const { path, state } = entry;
  if (world.disk.directories.has(path) || world.volumesAt(path).length > 0) return;
  // What is gone, or was begun, is remembered for as long as its claim is there.
  if (owners(world, entry).length > 0) return;
  world.broken(`the ledger has ${path} as ${state}, and there is nothing`);
}
