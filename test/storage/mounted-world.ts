import { execFileSync } from 'node:child_process';
import type { Kit } from '../../src/agent/backends/backend.ts';
import { Tools } from '../../src/agent/os/tools.ts';
import type { BeforeEffect } from '../../src/cluster/effect.ts';
import type { World } from '../unit/agent/disk-world.ts';
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
export function loopDevices(world: World): string[] {
  const printed = execFileSync('losetup', ['--list', '--noheadings', '--raw', '--output', 'BACK-FILE'], {
    encoding: 'utf8',
  });
  return printed.split('\n').filter((file) => file.startsWith(world.folder));
}

/** Linux lets a mounted ext4 grow only for who may take more of its resources than others; see capabilities(7). */
export function lacksCapability(bit: number): boolean {
  const status = execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' });
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]}`);
  return ((effective >> BigInt(bit)) & 1n) === 0n;
}
