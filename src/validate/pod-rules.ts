import type { Finding, Path } from '../tars/finding.ts';
import type { PodSpec } from '../tars/shapes.ts';
import { violation } from './violation.ts';

/** Mount paths of one container or one TServer, each at its own path. */
export function checkMountPathsUnique(
  mounts: readonly {
    readonly name?: string | null | undefined;
    readonly mountPath?: string | null | undefined;
  }[],
  path: Path,
): Finding[] {
  const first = new Map<string, string>();
  return mounts.flatMap(({ name, mountPath }, index) => {
    if (!mountPath) return [];
    const holder = first.get(mountPath);
    if (holder === undefined) {
      first.set(mountPath, name ?? '');
      return [];
    }
    const detail = `the volume ${JSON.stringify(holder)} is mounted there already, and the container would see only one of them; mount ${JSON.stringify(name ?? '')} at a path of its own`;
    return [violation('TLV206', [...path, index, 'mountPath'], mountPath, detail)];
  });
}

export function checkPodMounts(pod: PodSpec, path: Path): Finding[] {
  return (['initContainers', 'containers'] as const).flatMap((kind) =>
    (pod[kind] ?? []).flatMap(({ volumeMounts }, index) =>
      checkMountPathsUnique(volumeMounts ?? [], [...path, kind, index, 'volumeMounts']),
    ),
  );
}

/** Warning: a pod with nodeName never meets the scheduler that its claims wait for. */
export function warnNodeName(pod: PodSpec, path: Path): Finding[] {
  if (!pod.nodeName) return [];
  const message = `with nodeName no scheduler runs, so the local claims of these pods stay Pending for ever; use nodeSelector: {kubernetes.io/hostname: ${pod.nodeName}} instead`;
  return [{ code: 'TLV904', path: [...path, 'nodeName'], value: pod.nodeName, message }];
}
