import type { Directory } from './os/directory.ts';
import { STATE_FOLDER } from './os/errors.ts';
import { mounts } from './os/mounts.ts';
import { isLeftOver } from './os/replace-file.ts';
import { FORMAT_FILE } from './pool-marker.ts';

export const LEDGER_FOLDER = 'ledger';
export const TRASH_FOLDER = 'trash';
/** mkfs of ext4 makes it, so a new disk is not empty. */
export const LOST_AND_FOUND = 'lost+found';

/** True where the root holds nothing but what a new disk has, or what the making of a pool left when it crashed. */
export async function isUnused(root: Directory): Promise<boolean> {
  for await (const { name, isDirectory } of root.entries()) {
    const text = name.toString();
    if (!isDirectory) return false;
    if (text === LOST_AND_FOUND ? !(await isEmptyChild(root, text)) : text !== STATE_FOLDER) return false;
    if (text === STATE_FOLDER && !(await isHalfMade(root))) return false;
  }
  return true;
}

/** Whether the filesystem of an open root can only be read. */
export async function isReadOnly(root: Directory): Promise<boolean> {
  const id = root.mountId();
  return (await mounts()).some((mount) => mount.id === id && mount.isReadOnly);
}

/** Why the root is no mount point; undefined where it is one. */
export async function missingMount(root: Directory): Promise<string | undefined> {
  const [id, path] = [root.mountId(), root.realPath()];
  if ((await mounts()).some((mount) => mount.id === id && mount.point === path)) return undefined;
  return `nothing is mounted at ${path}, and the agent was told that it must be a mount point`;
}

async function isHalfMade(root: Directory): Promise<boolean> {
  await using state = await root.openDirectory(STATE_FOLDER);
  for await (const { name } of state.entries()) {
    const text = name.toString();
    const isOurFolder = text === LEDGER_FOLDER || text === TRASH_FOLDER;
    if (isOurFolder ? !(await isEmptyChild(state, text)) : text !== FORMAT_FILE && !isLeftOver(text))
      return false;
  }
  return true;
}

/** True for a directory with nothing in it. */
export async function isEmptyChild(parent: Directory, name: string): Promise<boolean> {
  const status = await parent.status(name);
  if (!status?.isDirectory()) return false;
  await using child = await parent.openDirectory(name);
  return await child.isEmpty();
}
