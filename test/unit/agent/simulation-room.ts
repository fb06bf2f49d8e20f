import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { sourceNameOf } from '../../../src/agent/storage.ts';
import { bytesOf } from '../../../src/tars/quantity.ts';
import { OURS } from '../../../src/tars/vocabulary.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';
import { NODE } from './simulation-agent.ts';
import type { SimClaim } from './simulation-api.ts';
import { isMountedKind } from './simulation-backends.ts';
import { IN_GROUP, type SimDirectory, type SimTree, takenOf } from './simulation-disk.ts';
import type { World } from './simulation.ts';

/**
 * What must hold of room, checked as it happens and in the end.
 *
 * - Never more is promised than there is, as far as the agent can have seen.
 * - What is promised in the end is there, and what is there has been promised: nothing is left over.
 * - What is written by a pod is written into its volume, and never below a mount that is missing.
 */

const SOURCES = ['pool', 'memory', IN_GROUP];

/** Bytes that the volume of a path may hold, where that is limited. */
export function sizeAt({ disk }: World, path: VolumePath): number | undefined {
  return disk.filesystems.get(path)?.size ?? disk.directories.get(path)?.limit;
}

const promisesOf = (entry: LedgerEntry | undefined): number =>
  entry?.storage && entry.state !== 'retiring' ? entry.storage.size : 0;

/** More is promised than before. */
export function checkPromised(world: World, entry: LedgerEntry, before: LedgerEntry | undefined): void {
  const { disk, seen } = world;
  if (!entry.storage || promisesOf(entry) <= promisesOf(before)) return;
  const source = sourceNameOf(entry.storage);
  const entries = [...disk.ledger.values()].filter(
    ({ storage }) => storage && sourceNameOf(storage) === source,
  );
  const promised = entries.reduce((sum, each) => sum + promisesOf(each), 0);
  const volumes = new Set<SimTree | undefined>(
    entries.filter(({ state }) => state !== 'retiring').map(({ path }) => disk.volumeAt(path)),
  );
  const others = [...disk.trees()].filter((tree) => !volumes.has(tree) && seen.has(tree));
  const taken = others.reduce((sum, tree) => sum + Math.min(takenOf(source, tree), seen.get(tree)!), 0);
  if (promised + taken > disk.totalBytes) {
    world.broken(`${promised} bytes of ${source} are promised, and ${taken} are taken beside`);
  }
}

/** A pod is about to write here. */
export function checkWritten(world: World, path: VolumePath, tree: SimTree): void {
  const backend = world.disk.ledger.get(path)?.storage?.backend;
  if (backend === undefined || !isMountedKind(backend) || world.lostPaths.has(path)) return;
  const isVolume = tree === world.disk.filesystems.get(path);
  if (!isVolume && !world.disk.isRefusing(tree)) world.broken(`${path} is written to, and is not mounted`);
}

/** At rest. */
export function checkRoom(world: World): void {
  for (const source of SOURCES) {
    const promised = world.agent.room.promised(source);
    const there = [...world.disk.ledger.values()]
      .filter(({ storage }) => storage && sourceNameOf(storage) === source)
      .reduce(
        (sum, entry) => sum + (isOpen(world, entry) ? promisesOf(entry) : (sizeAt(world, entry.path) ?? 0)),
        0,
      );
    if (promised !== there)
      world.broken(`${promised} bytes of ${source} are promised, and ${there} are there`);
  }
  for (const [path, filesystem] of world.disk.filesystems) {
    const backend = world.disk.ledger.get(path)?.storage?.backend;
    const isForeign = filesystem.files.length > 0 && filesystem.files.every((file) => file === 'foreign');
    if (backend !== filesystem.backend && !isForeign) world.broken(`nobody knows the filesystem of ${path}`);
  }
  for (const [path, directory] of world.disk.directories) checkLeft(world, path, directory);
}

/** People had a hand in it, or what was begun is waited for, or it was to grow, and its claim went or asked for more. */
const isOpen = (world: World, entry: LedgerEntry): boolean =>
  world.isExcused(entry.path) || isBegun(world, entry) || isLeft(world, entry);

function isBegun(world: World, { path, claim, state }: LedgerEntry): boolean {
  const isInTheWay = world.disk.directories.get(path)?.files.includes('foreign') ?? false;
  return state === 'making' && (isInTheWay || world.isAlive(claim?.uid ?? ''));
}

function isLeft(world: World, entry: LedgerEntry): boolean {
  const size = sizeAt(world, entry.path);
  const claim = [...world.api.claims.values()].find(({ metadata }) => metadata.uid === entry.claim?.uid);
  if (claim && !isFollowed(world, claim)) return true;
  // Whoever asks for more than there is gets nothing of it.
  const isGoingOn = claim && bytesAskedBy(claim) <= promisesOf(entry);
  return !isGoingOn && size !== undefined && size < promisesOf(entry);
}

const bytesAskedBy = ({ spec }: SimClaim): number => bytesOf(spec.resources.requests.storage);

/** Nobody follows one that has a fault, or whose scheduler took its choice back just as it was bound. */
export const isFollowed = (world: World, { metadata: { labels, uid } }: SimClaim): boolean =>
  (labels[OURS.node] === NODE || OURS.namespace in labels) && !world.faulty.has(uid);

/** A limit, or a bare directory, that is no volume's. */
function checkLeft(world: World, path: VolumePath, { isBare, limit }: SimDirectory): void {
  const backend = world.disk.ledger.get(path)?.storage?.backend;
  if (limit !== undefined && backend !== 'quota') world.broken(`the limit of ${path} is nobody's`);
  const isOfFilesystem = world.disk.filesystems.has(path) || (backend && isMountedKind(backend));
  if (isBare && !isOfFilesystem) world.broken(`${path} is left for a mount that never comes`);
}
