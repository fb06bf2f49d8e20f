import { sourceNameOf } from '../../src/agent/storage.ts';
import { classAt, classOf, isMountedKind } from './agent-model-backends.ts';
import { type DiskSeen, imageOf } from './agent-model-disk.ts';
import { hasRoom, MEMORY_BYTES } from './agent-model-room.ts';
import type { Model } from './agent-model-state.ts';
import { capacityKey, type ClaimSeen, type View, type VolumeSeen } from './agent-model-view.ts';

/** Bytes that an agent has promised to volumes, by source. */
export interface Promises {
  readonly pool: number;
  readonly memory: number;
}

/** What volumes are made of on one node: that it is there where they are, and nowhere else. */
export function* ofBackends(node: string, model: Model, promises: Promises | undefined): Iterable<string> {
  const disk = model.view.disks.get(node)!;
  const volumes = model.view.volumes.filter((volume) => volume.node === node);
  yield* ofMounts(node, disk, volumes);
  yield* ofImages(node, disk);
  for (const name of disk.unfinished) yield `subvolume ${name} of ${node} is not finished`;
  if (promises) yield* ofPromises(node, model, promises);
}

function* ofMounts(node: string, disk: DiskSeen, volumes: readonly VolumeSeen[]): Iterable<string> {
  const { mounted, ledger, loops, directories } = disk;
  const paths = volumes.map(({ path }) => path);
  for (const path of paths)
    if (classAt(path).backend === 'btrfs' && !directories.get(path)?.isSubvolume)
      yield `${node}:${path} has to be a subvolume`;
  const wanted = paths.filter((path) => isMountedKind(path));
  for (const path of wanted) if (!mounted.has(path)) yield `${node}:${path} has to be mounted`;
  for (const path of mounted.keys()) {
    const isKept = ledger.some((entry) => entry.path === path && entry.state === 'kept');
    if (!isKept && !wanted.includes(path)) yield `nobody has a volume where ${node}:${path} is mounted`;
  }
  const images = [...mounted.keys()].filter((path) => classAt(path).backend === 'loop');
  if (images.length !== loops) yield `${node} has ${loops} loop devices and ${images.length} mounted images`;
}

/** Every image is of a volume that the ledger knows, and as large as it is to be; so is memory. */
function* ofImages(node: string, { ledger, images, mounted }: DiskSeen): Iterable<string> {
  const known = new Map(ledger.map(({ path, storage }) => [imageOf(path), storage]));
  for (const [name, size] of images) {
    const wanted = known.get(name)?.size;
    if (size !== wanted) yield `image ${name} of ${node} has ${size} bytes, and the ledger says ${wanted}`;
  }
  for (const { path, storage } of ledger) {
    const size = mounted.get(path);
    if (storage?.backend === 'tmpfs' && size !== undefined && size !== storage.size)
      yield `${node}:${path} has ${size} bytes of memory, and the ledger says ${storage.size}`;
  }
}

/** What is kept of what is there, and nothing else; the scheduler is told what is left. */
function* ofPromises(node: string, { view }: Model, promises: Promises): Iterable<string> {
  for (const source of ['pool', 'memory'] as const) {
    const sizes = view.disks
      .get(node)!
      .ledger.map(({ storage }) => (storage && sourceNameOf(storage) === source ? storage.size : 0));
    const size = sizes.reduce((sum, each) => sum + each, 0);
    if (promises[source] !== size) yield `${node} promises ${promises[source]} of its ${source}, not ${size}`;
  }
  const left = MEMORY_BYTES - promises.memory;
  const told = view.capacities.get(capacityKey(node, classOf('mail').name));
  if (told !== left) yield `the scheduler is told that ${node} has ${told} bytes of memory left, not ${left}`;
}

/** Claims have what they have come to ask for, and volumes say it. */
export function* ofSizes(model: Model): Iterable<string> {
  for (const claim of model.view.claims) {
    const volume = model.volumeOf(claim);
    if (volume && !claim.isDeleting && model.isServed(volume.node)) yield* ofSize(claim, volume, model.view);
  }
}

function* ofSize(claim: ClaimSeen, volume: VolumeSeen, view: View): Iterable<string> {
  const { node, path, name, capacityBytes } = volume;
  const wanted = claim.requestBytes;
  if (capacityBytes < wanted && hasRoom(node, claim, view))
    yield `volume ${name} has to hold ${wanted} bytes, not ${capacityBytes}`;
  const owed = Math.min(wanted, capacityBytes);
  if (claim.phase === 'Bound' && claim.capacityBytes < owed)
    yield `claim ${claim.name} has to hold ${owed} bytes, not ${claim.capacityBytes}`;
  const size = view.disks.get(node)?.ledger.find((entry) => entry.path === path)?.storage?.size;
  if (size !== undefined && size !== capacityBytes)
    yield `volume ${name} holds ${capacityBytes} bytes, and the ledger says ${size}`;
}
