import { isMountedKind } from './agent-model-backends.ts';
import type { Data } from './agent-model-data.ts';
import type { View } from './agent-model-view.ts';

/** Whether whoever comes too early is kept from the disk below a volume that is mounted. */

/** Volumes that somebody may be sent to, and that are not in their places. */
export function* uncovered(
  { volumes, claims, mounted }: View,
  wasUnmounted: (node: string, path: string) => boolean,
): Iterable<string> {
  for (const { name, node, path, claim } of volumes) {
    const isUsed = claims.some(({ uid, isDeleting }) => uid === claim && !isDeleting);
    const isCovered = !isMountedKind(path) || mounted.get(node)?.has(path) || wasUnmounted(node, path);
    if (isUsed && !isCovered) yield `volume ${name} is there, and not mounted`;
  }
}

/** What is in directories that have to be bare. */
export function* writtenBelow({ disks }: View, all: readonly Data[]): Iterable<string> {
  for (const [node, { directories, mounted }] of disks) {
    for (const [path, { lines }] of directories) {
      const data = all.find((each) => each.node === node && each.path === path);
      const isOfPeople = data !== undefined && data.owner === undefined;
      if (lines.length > 0 && isMountedKind(path) && !mounted.has(path) && !isOfPeople)
        yield `below the mount at ${node}:${path} there is ${lines.join(', ')}`;
    }
  }
}
