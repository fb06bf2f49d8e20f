import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
  statfsSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseMounts, pointsWithin } from '../../src/agent/os/mounts.ts';
import { waitFor } from './wait.ts';

/** Disks as nodes have them, for as long as a test needs them; needs root. */

export const MIB = 2 ** 20;

const system = (file: string, ...argv: readonly string[]): void =>
  void execFileSync(file, argv, { stdio: 'pipe' });

/** A disk of that size at that place, which is made. */
export function mountTmpfs(target: string, options: string): void {
  mkdirSync(target, { recursive: true });
  system('mount', '-t', 'tmpfs', '-o', `mode=755,${options}`, 'tmpfs', target);
}

/** The same disk at another place: unmounted there, it keeps its data. */
export function bind(disk: string, target: string): void {
  mkdirSync(target, { recursive: true });
  system('mount', '--bind', disk, target);
}

export const remount = (target: string, options: string): void =>
  system('mount', '-o', `remount,bind,${options}`, target);

export const resize = (target: string, size: string): void =>
  system('mount', '-o', `remount,size=${size}`, target);

/** As soon as nobody has it open: an agent that just looks at a disk does, for a moment. */
export async function unmount(target: string): Promise<void> {
  await waitFor(`${target} to be unmounted`, () => {
    system('umount', target);
    return true;
  });
}

/** Also what is in use: an agent that still has it open must not keep a test from ending. */
export function unmountBelow(directory: string): void {
  const mounted = pointsWithin(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')), directory);
  for (const target of mounted.toReversed()) system('umount', '--lazy', target);
}

export function freeBytes(directory: string): number {
  const { bavail, frsize } = statfsSync(directory);
  return bavail * frsize;
}

export function sizeBytes(directory: string): number {
  const { blocks, frsize } = statfsSync(directory);
  return blocks * frsize;
}

export const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Everything below a directory, itself included, with all that a change would show in. Nothing is followed. */
export function treeOf(top: string, without: readonly string[] = []): Record<string, string> {
  const tree: Record<string, string> = {};
  const visit = (path: string): void => {
    if (without.includes(path)) return;
    const status = lstatSync(path);
    tree[path.slice(top.length) || '.'] = describe(path, status);
    if (status.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
  };
  visit(top);
  return tree;
}

function describe(path: string, status: Stats): string {
  const { mode, uid, gid, mtimeMs } = status;
  const owned = `${(mode & 0o7777).toString(8)} ${uid}:${gid} ${mtimeMs}`;
  if (status.isSymbolicLink()) return `link ${owned} ${readlinkSync(path)}`;
  if (status.isDirectory()) return `directory ${owned}`;
  return status.isFile() ? `file ${owned} ${sha256(path)}` : `other ${owned}`;
}
