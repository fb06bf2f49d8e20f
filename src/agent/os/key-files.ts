import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The keys of a ConfigMap as the kubelet mounts it: one file a key, beside folders of its own that begin with dots. */
export async function readKeyFiles(directory: string): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>();
  for (const name of await readdir(directory)) {
    if (name.startsWith('..') || !(await stat(join(directory, name))).isFile()) continue;
    keys.set(name, await readFile(join(directory, name), 'utf8'));
  }
  return keys;
}

/** Whether there is a program at this absolute path. */
export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
