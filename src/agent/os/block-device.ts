import { constants, type Stats } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { type BeforeEffect, noEffect } from '../../cluster/effect.ts';
import { errnoOf } from './errors.ts';

/** What tells a block device from another one that may come to its name. */
export interface BlockDisk {
  readonly kind: 'block';
  /** Where the link that it was found by leads; undefined where there is no link. */
  readonly link?: string | undefined;
  /** What the kernel knows it by, whatever its name; undefined where it knows nothing. */
  readonly serial?: string | undefined;
  readonly bytes: number;
}

const { O_EXCL, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const SECTOR = 512;
const CHUNK_BYTES = 2 ** 22;
/** So often what was written is brought to the disk: memory must not fill with it. */
const SYNC_CHUNKS = 32;
/** Of NVMe, disks, virtual disks, device mapper and loop devices, below /sys/dev/block/<number>. */
const SERIALS = ['wwid', 'device/wwid', 'device/serial', 'serial', 'dm/uuid', 'loop/backing_file'];
/** Links that udev makes by what a device is or has on it. Others, and names, go by the order in which devices were found. */
const LASTING_LINK = /^\/dev\/disk\/by-(?:id|uuid|partuuid)\//;

/** `major:minor`, as the kernel writes it; see makedev(3) for how both are in one number. */
export function deviceNumber(rdev: number): string {
  const bits = BigInt(rdev);
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & ~0xfffn);
  const minor = (bits & 0xffn) | ((bits >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

/** Whether a device that looks the same is the same one, also after a reboot, and not just one of its size. */
export const isToldApart = ({ serial, link = '' }: BlockDisk): boolean =>
  serial !== undefined || LASTING_LINK.test(link);

export interface DeviceLook {
  readonly link?: string;
  readonly asksForUse: boolean;
}

export async function lookAtDevice(path: string, { rdev }: Stats, { link, asksForUse }: DeviceLook) {
  const disk = await blockDisk(rdev, link);
  const isReadOnly = (await ofDevice(rdev, 'ro')) === '1';
  if (disk.bytes === 0) return { kind: 'unusable', why: 'is a block device without a medium' } as const;
  // Nobody can tell what the bytes of a device are worth, so that it never counts as empty.
  const now = deviceNumber(rdev);
  const known = { kind: 'disk', disk, now, bytes: disk.bytes, isReadOnly, isEmpty: false } as const;
  const inUse = asksForUse ? await whyInUse(path) : undefined;
  return inUse === undefined ? known : { ...known, inUse };
}

async function blockDisk(rdev: number, link: string | undefined): Promise<BlockDisk> {
  const bytes = Number((await ofDevice(rdev, 'size')) ?? 0) * SECTOR;
  const serial = await serialOf(rdev);
  return { kind: 'block', bytes, ...(link === undefined ? {} : { link }), ...(serial ? { serial } : {}) };
}

async function serialOf(rdev: number): Promise<string | undefined> {
  const partition = await ofDevice(rdev, 'partition');
  for (const file of SERIALS) {
    const text = await ofDevice(rdev, partition === undefined ? file : `../${file}`);
    if (text) return partition === undefined ? text : `${text} ${partition}`;
  }
  return undefined;
}

/** What the kernel says of a device; undefined where it says nothing. */
async function ofDevice(rdev: number, file: string): Promise<string | undefined> {
  try {
    return (await readFile(`/sys/dev/block/${deviceNumber(rdev)}/${file}`, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

/** Why the device belongs to somebody: mounted anywhere on the node, part of a volume group or an array, ... */
async function whyInUse(path: string): Promise<string | undefined> {
  try {
    await using _claimed = await open(path, O_RDONLY | O_EXCL | O_NONBLOCK);
    return undefined;
  } catch (error) {
    if (errnoOf(error) !== 'EBUSY') throw error;
    return 'is a block device in use: mounted, or part of a volume group or array; take it out of there, or out of this directory';
  }
}

export class DeviceChanged extends Error {
  override readonly name = 'DeviceChanged';

  constructor(path: string) {
    super(`another device is at ${path}`);
  }
}

export interface Overwriting {
  /** The `deviceNumber` that it has to have still when it is open. */
  readonly number: string;
  readonly bytes: number;
  readonly signal: AbortSignal;
  readonly before?: BeforeEffect;
  readonly wrote: (bytes: number) => void;
}

/**
 * Writes zeros over all of a device that nobody uses, and has them on the disk when it returns.
 * @throws DeviceChanged, and nothing is written, where another device has come to its name.
 */
export async function overwrite(path: string, options: Overwriting): Promise<void> {
  const { number, bytes, signal, before = noEffect, wrote } = options;
  await using handle = await open(path, O_WRONLY | O_EXCL);
  const status = await handle.stat();
  if (!status.isBlockDevice() || deviceNumber(status.rdev) !== number) throw new DeviceChanged(path);
  before(`overwrite ${path}`);
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let at = 0, count = 1; at < bytes; at += CHUNK_BYTES, count++) {
    signal.throwIfAborted();
    const length = Math.min(CHUNK_BYTES, bytes - at);
    await handle.write(zeros, 0, length, at);
    if (count % SYNC_CHUNKS === 0) await handle.datasync();
    wrote(length);
  }
  await handle.sync();
}
