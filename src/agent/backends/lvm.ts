import type { VolumePath } from '../../tars/host-path.ts';
import { PathBlocked } from '../os/errors.ts';
import type { Mount } from '../os/mounts.ts';
import type { Tools } from '../os/tools.ts';
import type { Remover, RetiredVolume } from '../remover.ts';
import type { VolumeOptions } from '../storage.ts';
import type { Outcome } from '../trash-item.ts';
import { volumeHash } from '../volume-hash.ts';
import type { Kit, Made, Provider, Source } from './backend.ts';
import { assertCanFormat, format, growFilesystem } from './filesystem.ts';
import { LogicalVolumes } from './logical-volumes.ts';
import type { Backing, Medium, MountSource, Site } from './medium.ts';
import { missingForMounts } from './mounted-missing.ts';
import { MountedBackend } from './mounted.ts';

/**
 * A volume is a logical volume of LVM with a filesystem.
 *
 * - It has its name once it is formatted. Renaming is what LVM does at once or not at all, so that is how one is
 *   finished, and how one gets into the trash, which is no folder here.
 * - Only what has the tag of the pool is ever looked at: people's own logical volumes are not.
 */
class LogicalVolumeMedium implements Medium {
  readonly name = 'lvm';
  readonly traits = { enforcesSize: true, survivesReboot: true };
  readonly remover: Remover;
  readonly #tools: Tools;
  readonly #volumes: LogicalVolumes;

  constructor({ pool, tools }: Pick<Kit, 'pool' | 'tools'>) {
    this.#tools = tools;
    this.#volumes = new LogicalVolumes(tools, pool.id);
    this.remover = new LogicalVolumeRemover(this.#volumes);
  }

  source(options?: VolumeOptions): Source {
    const group = options?.volumeGroup ?? '';
    return {
      name: `volume group ${group}`,
      taken: (paths) => this.#taken(paths),
      space: async () => ({ ...(await this.#volumes.spaceOf(group)), freeInodes: undefined }),
    };
  }

  async find({ path }: Site): Promise<Backing | undefined> {
    const found = await this.#volumes.find(nameOf(path));
    return found && { isMountedAs: async ({ device }: Mount) => found.isActive && device === found.number };
  }

  async create({ path }: Site, { size, options }: Made): Promise<void> {
    const group = options?.volumeGroup;
    if (group === undefined)
      throw new PathBlocked('EINVAL', path, `the class of ${path} names no volumeGroup`);
    const fsType = options?.fsType ?? 'ext4';
    await assertCanFormat(this.#tools, fsType, path);
    await this.#removeUnfinished(path);
    await this.#volumes.create(group, unfinishedOf(path), size);
    const made = await this.#get(path, unfinishedOf(path));
    await format(this.#tools, fsType, made.device);
    await this.#volumes.rename(made, nameOf(path));
  }

  async mountSource({ path }: Site): Promise<MountSource> {
    const found = await this.#get(path, nameOf(path));
    if (!found.isActive) await this.#volumes.activate(found);
    return { source: found.device, options: [] };
  }

  async isHeld({ path }: Site): Promise<boolean> {
    return (await this.#volumes.find(nameOf(path)))?.isOpen ?? false;
  }

  async grow({ path }: Site, size: number, mount: Mount): Promise<void> {
    const found = await this.#get(path, nameOf(path));
    if (found.bytes < size) await this.#volumes.extend(found, size);
    await growFilesystem(this.#tools, mount);
  }

  async hasRetired(_site: Site, trashName: string): Promise<boolean> {
    return (await this.#volumes.find(retiredAs(trashName))) !== undefined;
  }

  async retire({ path }: Site, trashName: string): Promise<void> {
    await this.#removeUnfinished(path);
    const found = await this.#volumes.find(nameOf(path));
    if (found) await this.#volumes.rename(found, retiredAs(trashName));
  }

  async #removeUnfinished(path: VolumePath): Promise<void> {
    const unfinished = await this.#volumes.find(unfinishedOf(path));
    if (unfinished) await this.#volumes.remove(unfinished);
  }

  async #get(path: VolumePath, name: string) {
    const found = await this.#volumes.find(name);
    if (!found) throw new PathBlocked('NO_BACKING', path, `the logical volume ${name} of ${path} is gone`);
    return found;
  }

  async #taken(paths: readonly VolumePath[]): Promise<ReadonlyMap<VolumePath, number>> {
    const sizes = new Map((await this.#volumes.all()).map(({ name, bytes }) => [name, bytes]));
    const taken = new Map<VolumePath, number>();
    for (const path of paths) {
      const bytes = sizes.get(nameOf(path));
      if (bytes !== undefined) taken.set(path, bytes);
    }
    return taken;
  }
}

/** Logical volumes that were retired are removed, unless somebody still uses them. */
class LogicalVolumeRemover implements Remover {
  readonly #volumes: LogicalVolumes;
  /** As they were listed last, if ever: for the plain directories of a node, LVM is not asked one by one. */
  #retired: readonly string[] | undefined;

  constructor(volumes: LogicalVolumes) {
    this.#volumes = volumes;
  }

  async retired(): Promise<readonly string[]> {
    const retired = (await this.#volumes.all())
      .filter(({ name }) => name.startsWith(RETIRED))
      .map(({ name }) => name.slice(RETIRED.length));
    this.#retired = retired;
    return retired;
  }

  async destroy({ name }: RetiredVolume): Promise<Outcome | undefined> {
    if (this.#retired?.includes(name) === false) return undefined;
    const found = await this.#volumes.find(retiredAs(name));
    if (!found) return undefined;
    if (found.isOpen) return { kind: 'stuck', why: `somebody uses ${found.device}` };
    await this.#volumes.remove(found);
    return { kind: 'gone' };
  }
}

export const LVM: Provider = {
  name: 'lvm',
  missing: async (kit) =>
    await missingForMounts(kit, {
      backend: 'lvm',
      programs: { lvm: 'lvm2', 'mkfs.ext4': 'e2fsprogs', resize2fs: 'e2fsprogs' },
      kernel: {
        file: '/dev/mapper/control',
        remedy: 'run modprobe dm-mod there, and let the agent have the /dev of the node',
      },
    }),
  open: (kit) => new MountedBackend(kit, new LogicalVolumeMedium(kit)),
};

const RETIRED = 'tlv-trash-';
const retiredAs = (trashName: string): string => `${RETIRED}${trashName}`;
const nameOf = (path: VolumePath): string => `tlv-${volumeHash(path)}`;
const unfinishedOf = (path: VolumePath): string => `tlv-new-${volumeHash(path)}`;
