import { isDeepStrictEqual } from 'node:util';
import { isRecord, valueAt } from '../tars/json.ts';
import { isControlledByTServer } from '../tars/ownership.ts';
import { mapShared, withField } from '../tars/sharing.ts';
import type { Container, PodSpec, StatefulSet, VolumeMount } from '../tars/shapes.ts';
import type { TServerMount } from '../tars/tserver.ts';
import { editMounts, serverContainer } from './mounts.ts';

/** What an update of the mounts starts from: the stored object, and what the TServer says today. */
export interface MountHistory {
  readonly old: StatefulSet;
  /** Names of the templates that this product put there, so that their mounts are ours as well. */
  readonly injected: ReadonlySet<string>;
  /** The TServer's claim mounts. */
  readonly wanted: readonly TServerMount[];
}

/**
 * The pod spec with those of our mounts back that the old object had and the new one lost, at their old
 * places, and with a mount moved whose path the TServer changed. Nothing that was not there is added.
 */
export function restoreMounts(pod: PodSpec, set: StatefulSet, history: MountHistory): PodSpec {
  const { old } = history;
  const oldPod = old.spec?.template?.spec ?? {};
  const oldContainer = oldPod.containers?.[serverContainer(oldPod, old.metadata?.name)];
  const oldMounts = oldContainer?.volumeMounts ?? [];
  const kept = new Set((old.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name));
  const wanted = history.wanted.map(({ name }) => name).filter((name) => kept.has(name));
  const claimed = new Set([...history.injected, ...wanted]);
  const ours = oldMounts.flatMap((mount, place) =>
    mount.name && claimed.has(mount.name) ? [{ name: mount.name, mount, place }] : [],
  );
  const index = successorOf(oldContainer, oldPod, pod, set.metadata?.name);
  return editMounts(pod, index, (present) => {
    const names = new Set(present.map(({ name }) => name));
    let lost = ours.filter(({ name }) => !names.has(name));
    for (;;) {
      const restored = lost.reduce((mounts, { mount, place }) => mounts.toSpliced(place, 0, mount), present);
      const moved = applyMoves(restored, movesOf(restored, oldMounts, set, history));
      const taken = takenPaths(moved);
      // A path that somebody took in the meantime is theirs now.
      const free = lost.filter(({ mount }) => !taken.has(moved[restored.indexOf(mount)]?.mountPath));
      if (free.length === lost.length) return moved;
      lost = free;
    }
  });
}

/**
 * Where the old server container went: to the one of its name, wherever another is put beside it, else
 * to one that the old pod did not have, which is the same under a new name. -1 when it is gone.
 */
function successorOf(
  old: Container | undefined,
  oldPod: PodSpec,
  pod: PodSpec,
  setName: string | null | undefined,
): number {
  const containers = pod.containers ?? [];
  const same = containers.findIndex(({ name }) => name && name === old?.name);
  if (same >= 0) return same;
  const candidate = serverContainer(pod, setName);
  const name = containers[candidate]?.name;
  const isOther = (oldPod.containers ?? []).some((container) => container.name && container.name === name);
  return isOther ? -1 : candidate;
}

/** The pod spec without mounts of volumes that its pods would not have: such a pod could not be created. */
export function dropMounts(pod: PodSpec, names: ReadonlySet<string>): PodSpec {
  if (names.size === 0) return pod;
  const drop = (container: Container): Container => {
    let dropped = container;
    for (const kind of ['volumeMounts', 'volumeDevices'] as const) {
      const uses: { name?: string | null | undefined }[] = container[kind] ?? [];
      const left = uses.filter(({ name }) => !name || !names.has(name));
      if (left.length < uses.length) dropped = { ...dropped, [kind]: left };
    }
    return dropped;
  };
  let dropped = pod;
  for (const kind of ['containers', 'initContainers'] as const) {
    const containers = pod[kind];
    if (containers) dropped = withField(dropped, kind, mapShared(containers, drop));
  }
  return dropped;
}

type Moves = Map<VolumeMount, string>;

/** Our mounts whose path the TServer changed, and which the user's write left where they were. */
function movesOf(
  mounts: readonly VolumeMount[],
  oldMounts: readonly VolumeMount[],
  set: StatefulSet,
  { injected, wanted }: MountHistory,
): Moves {
  const moves: Moves = new Map();
  if (isControlledByTServer(set)) return moves;
  // Of two mounts with one name (refused, but who knows) the first counts, as when it was created.
  const paths = new Map(wanted.toReversed().map(({ name, mountPath }) => [name, mountPath]));
  for (const [name, mountPath] of paths) {
    const [mount, another] = mounts.filter((candidate) => candidate.name === name);
    const [old, anotherOld] = oldMounts.filter((candidate) => candidate.name === name);
    if (!mount || !old || another || anotherOld || !injected.has(name)) continue;
    const isUntouched = isDeepStrictEqual(mount, old) && mount.mountPath !== mountPath;
    if (isUntouched && !isAppliedByUser(set, name)) moves.set(mount, mountPath);
  }
  return moves;
}

/** All moves at once, so that two mounts can change places; without those that would hide another mount. */
function applyMoves(mounts: VolumeMount[], moves: Moves): VolumeMount[] {
  const move = (mount: VolumeMount): VolumeMount =>
    withField(mount, 'mountPath', moves.get(mount) ?? mount.mountPath);
  let moved = mapShared(mounts, move);
  for (let taken = takenPaths(moved); taken.size > 0; taken = takenPaths(moved)) {
    const blocked = [...moves].filter(([, path]) => taken.has(path));
    if (blocked.length === 0) break;
    for (const [mount] of blocked) moves.delete(mount);
    moved = mapShared(mounts, move);
  }
  return moved;
}

/** Paths at which more than one volume is mounted. */
function takenPaths(mounts: readonly VolumeMount[]): Set<string | null | undefined> {
  const seen = new Set<string | null | undefined>();
  const taken = new Set<string | null | undefined>();
  for (const { mountPath } of mounts) {
    if (mountPath && seen.has(mountPath)) taken.add(mountPath);
    seen.add(mountPath);
  }
  return taken;
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** True when the manifest that the user applied mounts this volume itself: then its path is theirs. */
function isAppliedByUser(set: StatefulSet, volume: string): boolean {
  const manifest = set.metadata?.annotations?.[LAST_APPLIED];
  if (typeof manifest !== 'string') return false;
  const containers = valueAt(parse(manifest), ['spec', 'template', 'spec', 'containers']);
  return (Array.isArray(containers) ? containers : []).some((container: unknown) => {
    const mounts = valueAt(container, ['volumeMounts']);
    return Array.isArray(mounts) && mounts.some((mount: unknown) => isRecord(mount) && mount.name === volume);
  });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
