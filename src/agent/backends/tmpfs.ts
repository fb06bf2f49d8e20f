import type { VolumePath } from '../../tars/host-path.ts';
import type { Mount } from '../os/mounts.ts';
import type { Tools } from '../os/tools.ts';
import { volumeHash } from '../volume-hash.ts';
import type { Kit, Made, Provider, Source } from './backend.ts';
import type { Backing, Medium, MountSource, Site } from './medium.ts';
import { isBare } from './mount-point.ts';
import { missingForMounts } from './mounted-missing.ts';
import { MountedBackend } from './mounted.ts';
import { absolutePath, mountsAt, withVolume } from './volume-directory.ts';

/**
 * A volume is memory of the node, and all that is in it ends with the node's uptime.
 *
 * - What says that there is such a volume is its mount, or the bare directory that a reboot has left.
 * - It is told from the memory that somebody else has mounted by what it is called.
 */
class MemoryMedium implements Medium {
  readonly name = 'tmpfs';
  readonly traits = { enforcesSize: true, survivesReboot: false };
  readonly #tools: Tools;
  readonly #bytes: number;

  constructor({ tools, memoryBytes }: Pick<Kit, 'tools' | 'memoryBytes'>) {
    this.#tools = tools;
    this.#bytes = memoryBytes;
  }

  /** Nothing of it is ever missing: what is written there comes out of the node's memory, which has other users. */
  source(): Source {
    return {
      name: 'memory',
      taken: async () => new Map(),
      space: async () => ({ totalBytes: this.#bytes, freeBytes: this.#bytes, freeInodes: undefined }),
    };
  }

  async find({ root, path }: Site): Promise<Backing | undefined> {
    const isMountedAs = async ({ type, source }: Mount) => type === 'tmpfs' && source === nameOf(path);
    return await withVolume(root, path, async ({ parent, name }) => {
      const here = absolutePath(root, path);
      const mounted = (await mountsAt(root, path)).filter(({ point }) => point === here);
      for (const mount of mounted) if (await isMountedAs(mount)) return { isMountedAs };
      const isLeft = mounted.length === 0 && (await isBare(this.#tools, parent, name));
      return isLeft ? { isMountedAs } : undefined;
    });
  }

  async create(): Promise<void> {}

  async mountSource({ path }: Site, wanted?: Made): Promise<MountSource> {
    if (!wanted) throw new TypeError('memory that is not mounted holds nothing to look into');
    const { owner, size, options } = wanted;
    return {
      source: nameOf(path),
      type: 'tmpfs',
      options: [
        `size=${size}`,
        `mode=${owner.mode.toString(8)}`,
        `uid=${owner.uid}`,
        `gid=${owner.gid}`,
        ...(options?.inodes === undefined ? [] : [`nr_inodes=${options.inodes}`]),
      ],
    };
  }

  async isHeld(): Promise<boolean> {
    return false;
  }

  async grow({ root, path }: Site, size: number, { point }: Mount): Promise<void> {
    const space = await withVolume(root, path, ({ volume }) => volume.space());
    if (!space || space.blocks * space.frsize >= size) return;
    await this.#tools.change('mount', ['-n', '-c', '-o', `remount,size=${size}`, point]);
  }

  async hasRetired(): Promise<boolean> {
    return false;
  }

  /** It went as it was unmounted. */
  async retire(): Promise<void> {}
}

export const TMPFS: Provider = {
  name: 'tmpfs',
  missing: async (kit) => await missingForMounts(kit, { backend: 'tmpfs', programs: {} }),
  open: (kit) => new MountedBackend(kit, new MemoryMedium(kit)),
};

const nameOf = (path: VolumePath): string => `tlv-${volumeHash(path)}`;
