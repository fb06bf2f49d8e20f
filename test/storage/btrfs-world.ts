import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BTRFS } from '../../src/agent/backends/btrfs.ts';
import type { Backend } from '../../src/agent/backends/backend.ts';
import type { BeforeEffect } from '../../src/cluster/effect.ts';
import type { World } from '../unit/agent/disk-world.ts';
import { kitOf } from './mounted-world.ts';
import { runProgram } from './run-program.ts';

/** Puts the root on a btrfs of its own, in memory, which tidies up every second. */
export function mountBtrfs(world: World, bytes = 400 * 2 ** 20): void {
  const memory = join(world.folder, 'memory');
  mkdirSync(memory);
  world.mountTmpfs(memory, 'size=1g');
  const image = join(memory, 'btrfs.img');
  writeFileSync(image, '');
  truncateSync(image, bytes);
  runProgram('mkfs.btrfs', '--quiet', image);
  world.mount(world.root, '-o', 'loop,commit=1', image);
}

export async function openBtrfs(world: World, before?: BeforeEffect): Promise<Backend> {
  return BTRFS.open(await kitOf(world, before));
}

export function subvolumes(world: World): string[] {
  return linesOf(runProgram('btrfs', 'subvolume', 'list', world.root));
}

/** Of subvolumes, by their ids; also those whose subvolume is deleted, and still being cleared away. */
export function qgroups(world: World): string[] {
  return linesOf(runProgram('btrfs', 'qgroup', 'show', '--raw', world.root)).flatMap(
    (line) => /^0\/\d{3,}/.exec(line)?.[0] ?? [],
  );
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
