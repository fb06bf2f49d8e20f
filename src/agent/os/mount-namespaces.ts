import { readdir, readFile, readlink } from 'node:fs/promises';
import { type Mount, mounts, parseMounts } from './mounts.ts';

/**
 * All mounts that this process can see, in its own namespace and in those of other processes: pods have theirs, which
 * show only to an agent that shares the node's process ids.
 */
export async function mountsEverywhere(): Promise<readonly Mount[]> {
  const found = [...(await mounts())];
  const seen = new Set([await namespaceOf('self')]);
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const namespace = await namespaceOf(pid);
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    found.push(...(await tableOf(pid)));
  }
  return found;
}

/** Undefined for a process that has ended, or that is none of our business. */
async function namespaceOf(pid: string): Promise<string | undefined> {
  return await readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}

async function tableOf(pid: string): Promise<readonly Mount[]> {
  return parseMounts(await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => ''));
}
