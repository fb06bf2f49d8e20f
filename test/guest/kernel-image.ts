import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { succeed } from '../controlplane/run.ts';
import type { Machine } from './machine.ts';

const SECTOR = 512;
/** Of the fields of Linux's boot protocol. */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const XZ = Buffer.from('\xfd7zXZ\0', 'latin1');

/** The kernel unpacked, for to unpack it is a third of the work of a guest that boots. */
export async function unpackKernel(
  { kernel, xz: [file = '', ...args] }: Machine,
  folder: string,
): Promise<string> {
  const image = readFileSync(kernel);
  const begin = (image.readUInt8(SETUP_SECTORS) + 1) * SECTOR + image.readUInt32LE(PAYLOAD_OFFSET);
  // Its size when unpacked stands behind it.
  const payload = image.subarray(begin, begin + image.readUInt32LE(PAYLOAD_LENGTH) - 4);
  // It unpacks itself, too.
  if (!payload.subarray(0, XZ.length).equals(XZ)) return kernel;
  const packed = join(folder, 'vmlinux.xz');
  writeFileSync(packed, payload);
  await succeed(file, ...args, '--decompress', packed);
  return join(folder, 'vmlinux');
}
