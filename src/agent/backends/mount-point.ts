import type { Directory } from '../os/directory.ts';
import { hasCode, PathBlocked } from '../os/errors.ts';
import type { Tools } from '../os/tools.ts';

/**
 * The bare directory below a mount. Whoever comes while the mount is missing must not write to the disk below it: so
 * it is root's, nothing is permitted in it, and it is immutable, which stops root as well.
 */

const NOBODY_MAY = { uid: 0, gid: 0, mode: 0 };

/** Makes it, or makes a bare one out of an empty directory. Nothing is mounted there. */
export async function makeBare(tools: Tools, parent: Directory, name: string): Promise<void> {
  try {
    await parent.makeDirectory(name, 0);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  if (await isBare(tools, parent, name)) return;
  await using directory = await parent.openDirectory(name);
  await directory.own(NOBODY_MAY);
  await tools.change('chattr', ['+i', parent.toolPath(name)]);
  // Looked at once nobody can put anything in any more.
  if (!(await directory.isEmpty())) {
    await tools.change('chattr', ['-i', parent.toolPath(name)]);
    throw new PathBlocked('ENOTEMPTY', directory.path, `${directory.path} is there already, with data in it`);
  }
  await directory.sync();
  await parent.sync();
}

/** True for a directory that is marked immutable. */
export async function isBare(tools: Tools, parent: Directory, name: string): Promise<boolean> {
  // `----i---------e------- /path`
  const [flags = ''] = (await tools.ask('lsattr', ['-d', parent.toolPath(name)])).split(' ');
  return flags.includes('i');
}

/** Removes it where it is there and has nothing in it; data in it is not ours, and stays. */
export async function removeBare(tools: Tools, parent: Directory, name: string): Promise<void> {
  await using directory = await parent.findDirectory(name);
  if (!directory || !(await directory.isEmpty())) return;
  if (await isBare(tools, parent, name)) await tools.change('chattr', ['-i', parent.toolPath(name)]);
  try {
    await parent.removeDirectory(name);
    await parent.sync();
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY')) throw error;
  }
}
