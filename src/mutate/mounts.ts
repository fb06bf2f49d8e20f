import { isDeepStrictEqual } from 'node:util';
import { mapShared, withField } from '../tars/sharing.ts';
import type { Container, PodSpec, StatefulSet, VolumeMount } from '../tars/shapes.ts';
import { volumeMount } from '../tars/volume-mount.ts';
import type { TServerMount } from '../tars/tserver.ts';

/** The server's container: named as the StatefulSet, else the first; -1 where there is none. */
function serverContainer(pod: PodSpec, setName: string | null | undefined): number {
  const containers = pod.containers ?? [];
  const named = containers.findIndex(({ name }) => name === setName);
  return named >= 0 || containers.length === 0 ? named : 0;
}

/** The volume mounts of a StatefulSet's server container. */
export function serverMounts({ metadata, spec }: StatefulSet): readonly VolumeMount[] {
  const pod = spec?.template?.spec ?? {};
  return pod.containers?.[serverContainer(pod, metadata?.name)]?.volumeMounts ?? [];
}

/** The pod spec with every claim mount of the TServer in the server's container, unless it is there already. */
export function addMounts(
  pod: PodSpec,
  setName: string | null | undefined,
  mounts: readonly TServerMount[],
): PodSpec {
  return editMounts(pod, serverContainer(pod, setName), (present) => {
    const names = new Set(present.map(({ name }) => name));
    const missing = mounts.filter(({ name }) => !names.has(name));
    return missing.length === 0 ? present : [...present, ...missing.map(volumeMount)];
  });
}

/** What an update starts from: the old server container's mounts, and what the TServer says today. */
export interface MountHistory {
  readonly old: readonly VolumeMount[];
  /** Names of the templates that this product put there, so that their mounts are ours as well. */
  readonly injected: ReadonlySet<string>;
  readonly wanted: readonly TServerMount[];
}

/**
 * The pod spec with those of our mounts back that the old object had and the new one lost, at their old
 * places, and with a mount moved whose path the TServer changed. Nothing that was not there is added.
 */
export function restoreMounts(
  pod: PodSpec,
  setName: string | null | undefined,
  history: MountHistory,
): PodSpec {
  return editMounts(pod, serverContainer(pod, setName), (present) =>
    [...history.injected].reduce((mounts, name) => restoreVolume(mounts, name, history), present),
  );
}

/** The pod spec without mounts of volumes that its pods would not have: such a pod could not be created. */
export function dropMounts(pod: PodSpec, names: ReadonlySet<string>): PodSpec {
  if (names.size === 0) return pod;
  const drop = (container: Container): Container => {
    const mounts = container.volumeMounts ?? [];
    const left = mounts.filter(({ name }) => !name || !names.has(name));
    return left.length === mounts.length ? container : { ...container, volumeMounts: left };
  };
  let dropped = pod;
  for (const kind of ['containers', 'initContainers'] as const) {
    const containers = pod[kind];
    if (containers) dropped = withField(dropped, kind, mapShared(containers, drop));
  }
  return dropped;
}

function restoreVolume(mounts: VolumeMount[], name: string, history: MountHistory): VolumeMount[] {
  const places = history.old.flatMap((mount, place) => (mount.name === name ? [{ mount, place }] : []));
  const present = mounts.filter((mount) => mount.name === name);
  const [only] = places;
  const ask = places.length === 1 ? history.wanted.find((mount) => mount.name === name) : undefined;
  const moved = (mount: VolumeMount) => (ask ? withField(mount, 'mountPath', ask.mountPath) : mount);
  const isFree = (mount: VolumeMount) =>
    !mounts.some((other) => other.mountPath === mount.mountPath && other.name !== name);

  if (present.length === 0) {
    return places
      .map(({ mount, place }) => ({ mount: moved(mount), place }))
      .filter(({ mount }) => isFree(mount))
      .reduce((list, { mount, place }) => list.toSpliced(place, 0, mount), mounts);
  }
  // Only the TServer moves it: where a user's write changed the mount, the user has the last word.
  const unchanged = only && present.length === 1 && isDeepStrictEqual(present[0], only.mount);
  if (!unchanged || !isFree(moved(only.mount))) return mounts;
  return mapShared(mounts, (mount) => (mount.name === name ? moved(mount) : mount));
}

function editMounts(pod: PodSpec, index: number, edit: (mounts: VolumeMount[]) => VolumeMount[]): PodSpec {
  const containers = pod.containers ?? [];
  const container = containers[index];
  if (!container) return pod;
  const present = container.volumeMounts ?? [];
  const edited = edit(present);
  if (edited === present) return pod;
  return { ...pod, containers: containers.with(index, { ...container, volumeMounts: edited }) };
}
