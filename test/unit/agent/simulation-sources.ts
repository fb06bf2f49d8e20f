import type { Source } from '../../../src/agent/backends/backend.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';
import { type SimDisk, type SimTree, takenOf } from './simulation-disk.ts';

/** What volumes of the simulated world take their room from. */
export function sourceOf(
  name: string,
  disk: SimDisk,
  volumeAt: (path: VolumePath) => SimTree | undefined,
): Source {
  const takenAt = (path: VolumePath): [VolumePath, number][] => {
    const tree = volumeAt(path);
    return tree ? [[path, takenOf(name, tree)]] : [];
  };
  return {
    name,
    taken: async (paths) => new Map(paths.flatMap(takenAt)),
    space: async () => ({
      totalBytes: disk.totalBytes,
      freeBytes: disk.freeBytes(name),
      freeInodes: undefined,
    }),
  };
}
