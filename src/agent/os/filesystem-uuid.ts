import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { deviceNumber } from './block-device.ts';
import type { Mount } from './mounts.ts';

const UUID_BYTES = 16;
/** Where the superblock has it, in bytes from the beginning of the device. */
const OFFSETS: Readonly<Record<string, number>> = {
  ext2: 1024 + 0x68,
  ext3: 1024 + 0x68,
  ext4: 1024 + 0x68,
  xfs: 32,
  btrfs: 0x1_0000 + 0x20,
};

/** The uuid of a mounted filesystem; undefined for a kind that has none, and where its device is not to be seen here. */
export async function filesystemUuid({ type, source, device }: Mount): Promise<string | undefined> {
  const offset = OFFSETS[type];
  if (offset === undefined || !source.startsWith('/')) return undefined;
  try {
    await using handle = await open(source, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await handle.stat();
    // In here, the path may be another device than where it was mounted. Btrfs has numbers of its own.
    const isIt = status.isBlockDevice() && (type === 'btrfs' || deviceNumber(status.rdev) === device);
    if (!isIt) return undefined;
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(UUID_BYTES), 0, UUID_BYTES, offset);
    return bytesRead === UUID_BYTES ? buffer.toString('hex') : undefined;
  } catch {
    return undefined;
  }
}
