import { mkdir, open, readdir, realpath, stat, statfs } from 'node:fs/promises';
import type { Stats, StatsFs } from 'node:fs';

/** Files and directories that people name on the command line: links are theirs to make. */

/** Undefined where there is nothing. */
export async function statusAt(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes a file of that size, which takes no room before it is written to. There must be none. */
export async function makeSparseFile(path: string, size: number): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.truncate(size);
}

/** True where a file holds zeroes and nothing else. */
export async function isBlank(path: string, { blocks }: Stats): Promise<boolean> {
  if (blocks === 0) return true;
  const zeroes = Buffer.alloc(2 ** 20);
  await using file = await open(path, 'r');
  const buffer = Buffer.alloc(zeroes.length);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    if (bytesRead === 0) return true;
    if (!buffer.subarray(0, bytesRead).equals(zeroes.subarray(0, bytesRead))) return false;
  }
}

/** Makes a directory, and what is missing above it. */
export async function ensureDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
}

export async function isEmptyDirectory(path: string): Promise<boolean> {
  return (await readdir(path)).length === 0;
}

export async function spaceAt(path: string): Promise<StatsFs> {
  return await statfs(path);
}

/** Where it really is, as the table of mounts has it. */
export async function realPathOf(path: string): Promise<string> {
  return await realpath(path);
}
