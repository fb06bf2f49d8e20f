import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kit } from '../../src/agent/backends/backend.ts';
import { Tools } from '../../src/agent/os/tools.ts';
import type { BeforeEffect } from '../../src/cluster/effect.ts';
import type { World } from '../unit/agent/disk-world.ts';
import { loopFilesBelow } from './loop-files.ts';
import { storagePrograms } from './programs.ts';

/** What a backend is made from in a world, with programs that this machine need not have. */
export async function kitOf(world: World, before?: BeforeEffect): Promise<Kit> {
  const tools = new Tools({ ...(await storagePrograms()), ...(before ? { before } : {}) });
  return { pool: await world.pool(before), tools, memoryBytes: 64 * 2 ** 20 };
}

/** Unmounts all volumes, the one that was mounted last first, as a node does that goes down. */
export function unmountAll(world: World): void {
  for (const point of world.mountPoints.toReversed()) if (point !== world.root) world.unmount(point);
}

/** The loop devices that show files in this world, by the path of the file. */
export const loopDevices = (world: World): string[] => loopFilesBelow(world.folder);

/** True where this process lacks the capability with this number; see capabilities(7). */
export function lacksCapability(bit: number): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]}`);
  return ((effective >> BigInt(bit)) & 1n) === 0n;
}

/** A small disk at this place, of a kind that can mark files immutable. */
export function mountImage(world: World, target: string, size: number): void {
  const image = join(world.folder, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, size);
  execFileSync('mkfs.ext4', ['-q', '-F', image]);
  world.mount(target, '-o', 'loop', image);
}

/** Does the work while a script waits, which has mounts of its own and has said that it is ready. */
export async function inNamespace(script: string, work: () => Promise<void>): Promise<void> {
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  try {
    await once(child.stdout, 'data');
    await work();
  } finally {
    child.stdin.end();
    await ended;
  }
}
