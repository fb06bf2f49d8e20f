import * as z from 'zod';
import type { Tools } from '../os/tools.ts';

/** A logical volume that belongs to a pool. */
export interface LogicalVolume {
  readonly group: string;
  readonly name: string;
  readonly bytes: number;
  readonly device: string;
  /** Of the device, as major:minor, while there is one: after a reboot it may have to be activated. */
  readonly number: string;
  readonly isActive: boolean;
  /** Mounted, or open in another way. */
  readonly isOpen: boolean;
}

/**
 * LVM as it is run where udev does not tell it of devices, nor makes them for it: in a container. Where udev does run,
 * both make the same.
 */
const CONFIG = [
  'activation { udev_sync=0 udev_rules=0 verify_udev_operations=0 }',
  'devices { obtain_device_list_from_udev=0 external_device_info_source="none" }',
].join(' ');

const REPORT = ['--reportformat', 'json', '--units', 'b', '--nosuffix'];

/** As `lvs` reports it, field by field. */
const reported = z.object({
  vg_name: z.string(),
  lv_name: z.string(),
  lv_size: z.coerce.number(),
  lv_dm_path: z.string(),
  lv_kernel_major: z.string(),
  lv_kernel_minor: z.string(),
  lv_active: z.string(),
  lv_device_open: z.string(),
  lv_tags: z.string(),
});
const logicalVolumes = z.object({ report: z.tuple([z.object({ lv: z.array(reported) })]) });
const volumeGroups = z.object({
  report: z.tuple([
    z.object({ vg: z.array(z.object({ vg_size: z.coerce.number(), vg_free: z.coerce.number() })) }),
  ]),
});

/** The logical volumes of one pool, in whatever volume groups: told from all others by a tag with the pool's id. */
export class LogicalVolumes {
  readonly #tools: Tools;
  readonly #tag: string;

  constructor(tools: Tools, poolId: string) {
    this.#tools = tools;
    this.#tag = `local.tars.io=${poolId}`;
  }

  async all(): Promise<readonly LogicalVolume[]> {
    const printed = await this.#ask('lvs', [...REPORT, '--options', Object.keys(reported.shape).join(',')]);
    return logicalVolumes
      .parse(JSON.parse(printed))
      .report[0].lv.filter(({ lv_tags: tags }) => tags.split(',').includes(this.#tag))
      .map((one) => ({
        group: one.vg_name,
        name: one.lv_name,
        bytes: one.lv_size,
        device: one.lv_dm_path,
        number: `${one.lv_kernel_major}:${one.lv_kernel_minor}`,
        isActive: one.lv_active === 'active',
        isOpen: one.lv_device_open === 'open',
      }));
  }

  async find(name: string): Promise<LogicalVolume | undefined> {
    return (await this.all()).find((one) => one.name === name);
  }

  /** Makes one of that size, rounded up to what the group deals in; what others have left in its blocks is not seen. */
  async create(group: string, name: string, bytes: number): Promise<void> {
    const made = ['--name', name, '--size', wholeSectors(bytes), '--addtag', this.#tag];
    await this.#change('lvcreate', [...made, '--wipesignatures', 'y', '--yes', group]);
  }

  async rename({ group, name }: LogicalVolume, newName: string): Promise<void> {
    await this.#change('lvrename', [group, name, newName]);
  }

  async extend({ group, name }: LogicalVolume, bytes: number): Promise<void> {
    await this.#change('lvextend', ['--size', wholeSectors(bytes), `${group}/${name}`]);
  }

  async activate({ group, name }: LogicalVolume): Promise<void> {
    await this.#change('lvchange', ['--activate', 'y', `${group}/${name}`]);
  }

  async remove({ group, name }: LogicalVolume): Promise<void> {
    await this.#change('lvremove', ['--yes', `${group}/${name}`]);
  }

  /** What a volume group has, and what of it is free. */
  async spaceOf(group: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    const printed = await this.#ask('vgs', [...REPORT, '--options', 'vg_size,vg_free', group]);
    const [found] = volumeGroups.parse(JSON.parse(printed)).report[0].vg;
    return { totalBytes: found?.vg_size ?? 0, freeBytes: found?.vg_free ?? 0 };
  }

  async #ask(command: string, argv: readonly string[]): Promise<string> {
    return await this.#tools.ask('lvm', [command, '--config', CONFIG, ...argv]);
  }

  async #change(command: string, argv: readonly string[]): Promise<void> {
    await this.#tools.change('lvm', [command, '--config', CONFIG, ...argv]);
  }
}

const SECTOR_BYTES = 512;

/** LVM takes no other sizes: 500M is none of them. */
const wholeSectors = (bytes: number): string => `${Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES}b`;
