import type { Stats } from 'node:fs';
import { readlink, stat } from 'node:fs/promises';
import { messageOf } from '../../tars/message-of.ts';
import { type BlockDisk, lookAtDevice } from './block-device.ts';
import type { Directory } from './directory.ts';
import { STATE_FOLDER } from './errors.ts';
import { filesystemUuid } from './filesystem-uuid.ts';
import { type Mount, mounts } from './mounts.ts';

/**
 * What tells a filesystem from any other that may be mounted in its place, also after a reboot, when devices have other
 * numbers: the directory that is its top (a disk may be shared by bind mounts), when that was made, and the uuid.
 */
export interface FilesystemDisk {
  readonly kind: 'filesystem';
  readonly type: string;
  readonly inode: number;
  readonly bornMs: number;
  /** Undefined where the device is not to be seen from here, or there is none. */
  readonly uuid?: string | undefined;
}

export type Disk = FilesystemDisk | BlockDisk;

/** What is there under a name in a folder that people mount disks in. */
export type Seen =
  | { readonly kind: 'absent' }
  /** There is something, but no disk; `why` follows on its path. */
  | { readonly kind: 'unusable'; readonly why: string }
  /** Whether there is anything cannot be told. */
  | { readonly kind: 'unknown'; readonly why: string }
  | {
      readonly kind: 'disk';
      readonly disk: Disk;
      /** As the kernel numbers it until the next reboot: `major:minor`, and the inode of what is mounted. */
      readonly now: string;
      readonly bytes: number;
      readonly isReadOnly: boolean;
      /** True where it is known to hold nothing. */
      readonly isEmpty: boolean;
      /** That somebody has the device, and what to do about it; follows on its path. Undefined also where it was not asked. */
      readonly inUse?: string | undefined;
    };

/** mkfs of ext4 makes it, so a new disk is not empty. */
export const LOST_AND_FOUND = 'lost+found';

export interface LookOptions {
  /** Whether somebody has the device: asking takes it for a moment, so that nobody else must want it now. */
  readonly asksForUse: boolean;
}

/** Looks at what has this name, no link followed but those to devices. Never throws for what is on the disk. */
export async function lookAtDisk(folder: Directory, name: string, options: LookOptions): Promise<Seen> {
  try {
    const status = await folder.status(name);
    if (!status) return { kind: 'absent' };
    const path = `${folder.realPath()}/${name}`;
    if (status.isDirectory()) return await lookAtMount(folder, name);
    if (status.isBlockDevice()) return await lookAtDevice(path, status, options);
    if (status.isSymbolicLink()) return await lookThrough(path, options);
    return { kind: 'unusable', why: 'is neither a mount point nor a block device' };
  } catch (error) {
    return { kind: 'unknown', why: `cannot be looked at: ${messageOf(error)}` };
  }
}

/** A link is how a device is told by a name that stays; where it leads to a directory, nobody knows to which disk. */
async function lookThrough(path: string, options: LookOptions): Promise<Seen> {
  const target = await readlink(path);
  let status: Stats;
  try {
    status = await stat(path);
  } catch (error) {
    return { kind: 'unusable', why: `is a link to ${target}, which is not there: ${messageOf(error)}` };
  }
  if (status.isBlockDevice()) return await lookAtDevice(path, status, { ...options, link: target });
  const why = `is a link to ${target}, and only links to block devices are followed; make a directory there, and mount the disk or directory in it (mount --bind)`;
  return { kind: 'unusable', why };
}

async function lookAtMount(folder: Directory, name: string): Promise<Seen> {
  await using top = await folder.openDirectory(name);
  const mount = await mountOf(top);
  if (!mount) {
    const why =
      'is a directory and not an actual mount point, so its data would have neither a disk nor a size of its own; mount a disk in it, or a directory (mount --bind)';
    return { kind: 'unusable', why };
  }
  if (await top.status(STATE_FOLDER)) {
    return {
      kind: 'unusable',
      why: `holds ${STATE_FOLDER}, so it is the pool of an agent, and no free disk`,
    };
  }
  const { blocks, frsize } = await top.space();
  const { isReadOnly } = mount;
  const disk = await filesystemDisk(top, mount);
  const now = `${mount.device} ${disk.inode}`;
  return { kind: 'disk', disk, now, bytes: blocks * frsize, isReadOnly, isEmpty: await isBare(top) };
}

/** The mount whose top this directory is; undefined where it is in the middle of one. */
export async function mountOf(top: Directory): Promise<Mount | undefined> {
  const [id, path] = [top.mountId(), top.realPath()];
  return (await mounts()).find((mount) => mount.id === id && mount.point === path);
}

export async function filesystemDisk(top: Directory, mount: Mount): Promise<FilesystemDisk> {
  const { ino, birthtimeMs } = await top.ownStatus();
  const uuid = await filesystemUuid(mount);
  return { kind: 'filesystem', type: mount.type, inode: ino, bornMs: birthtimeMs, ...(uuid ? { uuid } : {}) };
}

/** True where nothing is in it but what mkfs has made. */
export async function isBare(top: Directory): Promise<boolean> {
  for await (const { name, isDirectory } of top.entries()) {
    if (!isDirectory || name.toString() !== LOST_AND_FOUND) return false;
    await using child = await top.openDirectory(name);
    if (!(await child.isEmpty())) return false;
  }
  return true;
}

/** Whether both are the same disk. A uuid that one of them does not know tells nothing. */
export function isSameDisk(one: Disk, other: Disk): boolean {
  if (one.kind === 'block') return other.kind === 'block' && isSameDevice(one, other);
  if (other.kind === 'block') return false;
  const isSameTop = one.type === other.type && one.inode === other.inode && one.bornMs === other.bornMs;
  return isSameTop && (one.uuid ?? other.uuid) === (other.uuid ?? one.uuid);
}

/** A device that grows, as logical volumes do, stays what it is where it has a serial. */
function isSameDevice(one: BlockDisk, other: BlockDisk): boolean {
  if (one.serial !== undefined || other.serial !== undefined) return one.serial === other.serial;
  return one.link === other.link && one.bytes === other.bytes;
}
