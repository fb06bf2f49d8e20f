import type { VolumePath } from '../../tars/host-path.ts';
import type { Directory } from '../os/directory.ts';
import { FileFault, hasCode, STATE_FOLDER } from '../os/errors.ts';
import type { Mount } from '../os/mounts.ts';
import { ToolFailed, type Tools } from '../os/tools.ts';
import { TRASH_FOLDER } from '../pool-root.ts';
import type { Pool } from '../pool.ts';
import { volumeHash } from '../volume-hash.ts';
import type { Kit, Made, Provider, Source } from './backend.ts';
import { assertCanFormat, format, growFilesystem } from './filesystem.ts';
import { loopDevicesOf, showsFile } from './loop-devices.ts';
import type { Backing, Medium, MountSource, Site } from './medium.ts';
import { MountedBackend } from './mounted.ts';
import { missingForMounts } from './mounted-missing.ts';
import { PoolSource } from './pool-source.ts';

const IMAGES_FOLDER = 'images';
/** What stat(2) counts blocks in. */
const BLOCK_BYTES = 512;
/** The major number of loop devices. */
const LOOP_MAJOR = '7:';

/**
 * A volume is an image in the pool, mounted by a loop device.
 *
 * - Which image a device shows is told by device and inode of the image, for names change, and several may be the same.
 * - mount(8) makes the device one that goes away with its last user: neither umount nor a death on the way leaves one.
 * - An image has its name once it is formatted and on the disk.
 */
class LoopMedium implements Medium {
  readonly name = 'loop';
  readonly traits = { enforcesSize: true, survivesReboot: true };
  readonly #pool: Pool;
  readonly #tools: Tools;

  constructor({ pool, tools }: Pick<Kit, 'pool' | 'tools'>) {
    this.#pool = pool;
    this.#tools = tools;
  }

  source(): Source {
    return new PoolSource(this.#pool, (paths) => this.#taken(paths));
  }

  async find({ root, path }: Site): Promise<Backing | undefined> {
    return await withImages(root, async (images) => {
      const image = await images.status(imageOf(path));
      if (!image?.isFile()) return undefined;
      const isMountedAs = async ({ device, source }: Mount) =>
        device.startsWith(LOOP_MAJOR) && (await showsFile(this.#tools, source, image));
      return { isMountedAs };
    });
  }

  async create({ root, path }: Site, { size, options }: Made): Promise<void> {
    const fsType = options?.fsType ?? 'ext4';
    await assertCanFormat(this.#tools, fsType, path);
    await using state = await root.openDirectory(STATE_FOLDER);
    await using images = await ensureImages(state);
    const unfinished = unfinishedOf(path);
    try {
      await removeIfThere(images, unfinished);
      await images.writeNewFile(unfinished, '');
      if (options?.preallocate) await this.#allocate(images, unfinished, size);
      else await images.resizeFile(unfinished, size);
      await format(this.#tools, fsType, images.toolPath(unfinished));
      await images.syncFile(unfinished);
    } catch (error) {
      // On a full disk, the half-written file is the one that must not stay.
      if (error instanceof FileFault || error instanceof ToolFailed) await removeIfThere(images, unfinished);
      throw error;
    }
    await images.rename(unfinished, images, imageOf(path));
    await images.sync();
  }

  async mountSource({ root, path }: Site): Promise<MountSource> {
    return {
      source: `${root.toolPath(STATE_FOLDER)}/${IMAGES_FOLDER}/${imageOf(path)}`,
      options: ['loop'],
    };
  }

  async isHeld({ root, path }: Site): Promise<boolean> {
    const devices = await withImages(root, async (images) => {
      const image = await images.status(imageOf(path));
      return image && (await loopDevicesOf(this.#tools, image));
    });
    return (devices?.length ?? 0) > 0;
  }

  async grow({ root, path }: Site, size: number, mount: Mount): Promise<void> {
    await withImages(root, async (images) => {
      const image = imageOf(path);
      const status = await images.status(image);
      if (status && status.size < size) {
        const isAllocated = status.blocks * BLOCK_BYTES >= status.size;
        if (isAllocated) await this.#allocate(images, image, size);
        else await images.resizeFile(image, size);
        await images.syncFile(image);
      }
    });
    await this.#tools.change('losetup', ['--set-capacity', mount.source]);
    await growFilesystem(this.#tools, mount);
  }

  async hasRetired({ root }: Site, trashName: string): Promise<boolean> {
    await using state = await root.openDirectory(STATE_FOLDER);
    await using trash = await state.openDirectory(TRASH_FOLDER);
    return (await trash.status(trashName)) !== undefined;
  }

  async retire({ root, path }: Site, trashName: string): Promise<void> {
    await withImages(root, async (images, state) => {
      await removeIfThere(images, unfinishedOf(path));
      if (!(await images.status(imageOf(path)))) return;
      await using trash = await state.openDirectory(TRASH_FOLDER);
      await images.rename(imageOf(path), trash, trashName);
      await trash.sync();
      await images.sync();
    });
  }

  async #allocate(images: Directory, name: string, size: number): Promise<void> {
    await this.#tools.change('fallocate', ['--length', String(size), images.toolPath(name)]);
  }

  async #taken(paths: readonly VolumePath[]): Promise<ReadonlyMap<VolumePath, number>> {
    const taken = new Map<VolumePath, number>();
    await this.#pool.withRoot((root) =>
      withImages(root, async (images) => {
        for (const path of paths) {
          const image = await images.status(imageOf(path));
          if (image) taken.set(path, image.blocks * BLOCK_BYTES);
        }
      }),
    );
    return taken;
  }
}

const PROGRAMS = {
  losetup: 'mount',
  fallocate: 'util-linux',
  'mkfs.ext4': 'e2fsprogs',
  resize2fs: 'e2fsprogs',
};

export const LOOP: Provider = {
  name: 'loop',
  missing: async (kit) =>
    await missingForMounts(kit, {
      backend: 'loop',
      programs: PROGRAMS,
      kernel: {
        file: '/dev/loop-control',
        remedy: 'run modprobe loop there, and let the agent have the /dev of the node',
      },
    }),
  open: (kit) => new MountedBackend(kit, new LoopMedium(kit)),
};

const imageOf = (path: VolumePath): string => `${volumeHash(path)}.img`;
const unfinishedOf = (path: VolumePath): string => `${imageOf(path)}.new`;

async function withImages<T>(
  root: Directory,
  work: (images: Directory, state: Directory) => Promise<T>,
): Promise<T | undefined> {
  await using state = await root.openDirectory(STATE_FOLDER);
  await using images = await state.findDirectory(IMAGES_FOLDER);
  return images && (await work(images, state));
}

async function ensureImages(state: Directory): Promise<Directory> {
  try {
    await state.makeDirectory(IMAGES_FOLDER, 0o700);
    await state.sync();
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  return await state.openDirectory(IMAGES_FOLDER);
}

async function removeIfThere(images: Directory, name: string): Promise<void> {
  if (await images.status(name)) await images.removeFile(name);
}
