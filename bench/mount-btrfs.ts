import { rmSync } from 'node:fs';
import type { Tools } from '../src/agent/os/tools.ts';

const BYTES = 8 * 2 ** 30;

/** Puts a btrfs with quotas at a directory, to be unmounted by whoever takes the directory away; nothing else stays. */
export async function mountBtrfs(tools: Tools, directory: string): Promise<void> {
  const image = `${directory}.img`;
  try {
    await tools.change('truncate', ['--size', String(BYTES), image]);
    await tools.change('mkfs.btrfs', ['--quiet', image]);
    await tools.change('mount', ['-o', 'loop', image, directory]);
  } finally {
    // The loop device goes on with it, and lets it go when it is unmounted.
    rmSync(image, { force: true });
  }
  await tools.change('btrfs', ['quota', 'enable', directory]);
}
