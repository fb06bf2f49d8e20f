import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseMounts, pointsWithin } from '../../src/agent/os/mounts.ts';
import { storagePrograms } from '../storage/programs.ts';

/** Pools on filesystems of their own, and what a reboot does to what is mounted in them; needs root. */

export const programs = await storagePrograms();

/** Runs a program of the node, as people would. */
function run(name: string, ...argv: readonly string[]): string {
  const env = { ...programs.environment, PATH: programs.path };
  return execFileSync(name, argv, { env, encoding: 'utf8', stdio: 'pipe' });
}

/** Mounts a fresh filesystem of that size; its image is beside the target. */
export function mountFresh(target: string, type: 'ext4' | 'btrfs', bytes: number): void {
  mkdirSync(target, { recursive: true });
  const image = `${target}.img`;
  mkdirSync(dirname(image), { recursive: true });
  writeFileSync(image, '');
  truncateSync(image, bytes);
  if (type === 'ext4') run('mkfs.ext4', '-q', '-F', '-m', '0', image);
  else run('mkfs.btrfs', '--quiet', image);
  run('mount', '-o', 'loop', image, target);
}

/** Where something is mounted below the root, itself left out. */
export function mountsBelow(root: string): string[] {
  const all = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  return pointsWithin(all, root).filter((point) => point !== root);
}

/** Takes every volume out of its place, as when the power fails: no agent has a say. */
export function loseMounts(root: string): void {
  for (const point of mountsBelow(root).toReversed()) run('umount', point);
}

/** Lets the bare directory below a mount point be removed, as a person would. */
export function makeRemovable(path: string): void {
  if (existsSync(path)) run('chattr', '-i', path);
}

/** Whose filesystem is at a path: another one than the pool's where a volume is mounted. */
export const deviceOf = (path: string): number => statSync(path).dev;
