import type { PodSpec, VolumeMount } from '../tars/shapes.ts';
import type { TServerMount } from '../tars/tserver.ts';
import { volumeMount } from '../tars/volume-mount.ts';

/** The server's container: named as the StatefulSet, else the first; -1 where there is none. */
export function serverContainer(pod: PodSpec, setName: string | null | undefined): number {
  const containers = pod.containers ?? [];
  const named = containers.findIndex(({ name }) => name === setName);
  return named >= 0 || containers.length === 0 ? named : 0;
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

/** The pod spec with the volume mounts of one container edited; itself where the edit changes nothing. */
export function editMounts(
  pod: PodSpec,
  index: number,
  edit: (mounts: VolumeMount[]) => VolumeMount[],
): PodSpec {
  const containers = pod.containers ?? [];
  const container = containers[index];
  if (!container) return pod;
  const present = container.volumeMounts ?? [];
  const edited = edit(present);
  if (edited === present) return pod;
  return { ...pod, containers: containers.with(index, { ...container, volumeMounts: edited }) };
}
