import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BTRFS } from '../../src/agent/backends/btrfs.ts';
import type { Backend, Kit } from '../../src/agent/backends/backend.ts';
import { Tools } from '../../src/agent/os/tools.ts';
import type { BeforeEffect } from '../../src/cluster/effect.ts';
import type { World } from '../unit/agent/disk-world.ts';
import { storagePrograms } from './programs.ts';

const programs = await storagePrograms();

/** Runs a program that backends need, as people would. */
export function run(name: string, ...argv: readonly string[]): string {
  const { path, environment } = programs;
  const env = { ...environment, PATH: path };
  return execFileSync(name, argv, { env, encoding: 'utf8', stdio: 'pipe' });
}

/** Puts the root on a btrfs of its own, in memory, which tidies up every second. */
export function mountBtrfs(world: World, bytes = 400 * 2 ** 20): void {
  const memory = join(world.folder, 'memory');
  mkdirSync(memory);
  world.mountTmpfs(memory, 'size=1g');
  const image = join(memory, 'btrfs.img');
  writeFileSync(image, '');
  truncateSync(image, bytes);
  run('mkfs.btrfs', '--quiet', image);
  world.mount(world.root, '-o', 'loop,commit=1', image);
}

export async function kitOf(world: World, before?: BeforeEffect): Promise<Kit> {
  const tools = new Tools({ ...programs, ...(before ? { before } : {}) });
  return { pool: await world.pool(before), tools, memoryBytes: 0 };
}

export async function openBtrfs(world: World, before?: BeforeEffect): Promise<Backend> {
  return BTRFS.open(await kitOf(world, before));
}

export function subvolumes(world: World): string[] {
  return linesOf(run('btrfs', 'subvolume', 'list', world.root));
}

/** Of subvolumes, by their ids; also those whose subvolume is deleted, and still being cleared away. */
export function qgroups(world: World): string[] {
  return linesOf(run('btrfs', 'qgroup', 'show', '--raw', world.root)).flatMap(
    (line) => /^0\/\d{3,}/.exec(line)?.[0] ?? [],
  );
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
