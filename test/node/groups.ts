import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../controlplane/run.ts';

/* Control groups: version 2 has one tree of them, version 1 one for each controller. */

const ROOT = '/sys/fs/cgroup';

/** Makes a group of this name in every tree and returns their paths. */
export function makeGroups(name: string): string[] {
  return trees().map((tree) => {
    const group = join(tree, name);
    mkdirSync(group, { recursive: true });
    // In version 1 a new group may run on no processor until it is told so.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(group, 'tasks')) && existsSync(join(group, file)))
        writeFileSync(join(group, file), readFileSync(join(tree, file)));
    return group;
  });
}

/** Removes those of this name with all that are below them; false while something runs there yet. */
export async function removeGroups(name: string): Promise<boolean> {
  const groups = trees()
    .map((tree) => join(tree, name))
    .filter(existsSync);
  if (groups.length === 0) return true;
  const what = ['-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'];
  const removed = await run('find', [...groups, ...what]);
  return removed.code === 0;
}

function trees(): string[] {
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return [ROOT];
  const entries = readdirSync(ROOT, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(ROOT, name));
}
