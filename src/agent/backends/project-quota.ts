import type { Directory } from '../os/directory.ts';
import { PoolLost } from '../os/errors.ts';
import { type Mount, mounts } from '../os/mounts.ts';
import { inVain, type Tools } from '../os/tools.ts';

/** Programs count quotas in these. */
const BLOCK_BYTES = 1024;

/** What a filesystem has counted for a project, in bytes. */
export interface Usage {
  readonly used: number;
  /** Zero where there is none. */
  readonly limit: number;
  /** Files and directories. */
  readonly files: number;
}

/** The project of a directory, and whether what is made in it gets the same. */
interface Membership {
  readonly id: number;
  readonly isInherited: boolean;
}

/** Project quotas of xfs and ext4: the tools for both are the same. */
export class ProjectQuota {
  readonly #tools: Tools;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** Of all projects of the filesystem. */
  async report(root: Directory): Promise<ReadonlyMap<number, Usage>> {
    const { point } = await mountOf(root);
    // -v: also of projects in which there is nothing.
    return parseReport(await this.#tools.ask('repquota', ['-P', '-n', '-v', '-O', 'csv', point]));
  }

  /**
   * Stops writers at that many bytes, rounded up to whole blocks of the filesystem, as xfs does by itself, and looks whether
   * it is so; zero for no limit.
   */
  async setLimit(root: Directory, id: number, bytes: number): Promise<void> {
    const { point } = await mountOf(root);
    const unit = Math.max((await root.space()).frsize, BLOCK_BYTES);
    const blocks = (Math.ceil(bytes / unit) * unit) / BLOCK_BYTES;
    const argv = ['-P', String(id), '0', String(blocks), '0', '0', point];
    await this.#tools.change('setquota', argv);
    const limit = (await this.report(root)).get(id)?.limit ?? 0;
    if (limit === blocks * BLOCK_BYTES) return;
    throw inVain(['setquota', ...argv], `the limit of project ${id} is ${limit} bytes after that`);
  }

  /** Puts a directory that is empty into the project, with all that will be made in it, and looks whether it is so. */
  async assign(parent: Directory, name: string, id: number): Promise<void> {
    const argv = ['-p', String(id), '+P', parent.toolPath(name)];
    await this.#tools.change('chattr', argv);
    const found = await this.membership(parent.toolPath(name));
    if (found.id === id && found.isInherited) return;
    throw inVain(['chattr', ...argv], `${parent.path}/${name} is in project ${found.id} after that`);
  }

  /** Of a directory, given by a path that does not end in a link. */
  async membership(toolPath: string): Promise<Membership> {
    return parseMembership(await this.#tools.ask('lsattr', ['-d', '-p', toolPath]));
  }
}

/** The mount of a root's filesystem that quota tools know it by: the first one, of however many there are. */
export async function mountOf(root: Directory): Promise<Mount> {
  const [all, id] = [await mounts(), root.mountId()];
  const own = all.find((mount) => mount.id === id);
  const first = all.find(({ device }) => device === own?.device);
  if (first) return first;
  throw new PoolLost(root.realPath(), `${root.realPath()} has just been unmounted`);
}

/** Reads what `repquota -P -n -v -O csv` prints. */
export function parseReport(printed: string): Map<number, Usage> {
  const found = new Map<number, Usage>();
  // #1073741830,ok,ok,10240,0,20480,,2,0,0,
  for (const [, id, used, limit, files] of printed.matchAll(
    /^#(\d+),\w+,\w+,(\d+),\d+,(\d+),[^,]*,(\d+),/gm,
  )) {
    found.set(Number(id), {
      used: Number(used) * BLOCK_BYTES,
      limit: Number(limit) * BLOCK_BYTES,
      files: Number(files),
    });
  }
  return found;
}

/** Reads what `lsattr -d -p` prints of one directory. */
export function parseMembership(printed: string): Membership {
  const [, id, flags] = /^ *(\d+) ([-\w]+) /.exec(printed) ?? [];
  if (flags === undefined)
    throw inVain(['lsattr', '-d', '-p'], `${JSON.stringify(printed)} names no project`);
  return { id: Number(id), isInherited: flags.includes('P') };
}
