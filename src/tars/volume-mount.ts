import type { VolumeMount } from './shapes.ts';
import type { TServerMount } from './tserver.ts';

/** The volumeMount that a TServer's mount stands for (seed: mountPath is the path in the pod). */
export function volumeMount(mount: TServerMount): VolumeMount {
  const { name, mountPath, mountPropagation, readOnly, subPath, subPathExpr } = mount;
  return {
    name,
    mountPath,
    ...(mountPropagation ? { mountPropagation } : {}),
    ...(readOnly ? { readOnly } : {}),
    ...(subPath ? { subPath } : {}),
    ...(subPathExpr ? { subPathExpr } : {}),
  };
}
