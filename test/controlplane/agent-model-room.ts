import { classAt } from './agent-model-backends.ts';
import type { ClaimSeen, View } from './agent-model-view.ts';

/** What volumes in memory may hold together, on one node: so little that not all of them fit. */
export const MEMORY_BYTES = 40 * 2 ** 20;

/** Whether a node has the room that a claim asks for, or may have to wait for; of disks there is always enough. */
export function hasRoom(node: string, { path, requestBytes }: ClaimSeen, { disks }: View): boolean {
  if (classAt(path).backend !== 'tmpfs') return true;
  const others = disks.get(node)?.ledger.filter((entry) => entry.path !== path) ?? [];
  const promised = others.map(({ storage }) => (storage?.backend === 'tmpfs' ? storage.size : 0));
  return promised.reduce((sum, size) => sum + size, requestBytes) <= MEMORY_BYTES;
}
