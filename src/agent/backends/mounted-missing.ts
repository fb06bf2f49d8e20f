import { access, readFile } from 'node:fs/promises';
import type { BackendName } from '../../tars/class-parameters.ts';
import type { Directory } from '../os/directory.ts';
import { STATE_FOLDER } from '../os/errors.ts';
import { ToolFailed, type Tools } from '../os/tools.ts';
import type { Pool } from '../pool.ts';
import type { Kit } from './backend.ts';
import { missingPrograms } from './missing-programs.ts';
import { isBare, makeBare, removeBare } from './mount-point.ts';

interface Needs {
  readonly backend: BackendName;
  /** Program to package of Debian. */
  readonly programs: Readonly<Record<string, string>>;
  /** A file that only a kernel with what it needs has. */
  readonly kernel?: { readonly file: string; readonly remedy: string };
}

/** Of every backend that mounts. */
const PROGRAMS = { mount: 'mount', umount: 'mount', chattr: 'e2fsprogs', lsattr: 'e2fsprogs' };
/** Bits of what /proc/self/status calls CapEff; see capabilities(7). */
const CAPABILITIES = { CAP_LINUX_IMMUTABLE: 9n, CAP_SYS_ADMIN: 21n };
const PROBE = 'probe-immutable';

/** Why this node cannot have a backend that mounts, in words; undefined where it can. */
export async function missingForMounts(
  { pool, tools }: Pick<Kit, 'pool' | 'tools'>,
  { backend, programs, kernel }: Needs,
): Promise<string | undefined> {
  const absent = await missingPrograms(tools, backend, { ...PROGRAMS, ...programs });
  if (absent !== undefined) return absent;
  const denied = await deniedCapabilities();
  if (denied.length > 0) {
    return `backend ${backend} mounts filesystems, and the agent on this node lacks ${denied.join(', ')}; run it as a privileged container`;
  }
  if (kernel && !(await isThere(kernel.file)))
    return `backend ${backend} needs ${kernel.file}, which this node lacks; ${kernel.remedy}`;
  const canMark = markable.get(pool) ?? (await tryToMark(tools, pool));
  markable.set(pool, canMark);
  if (canMark) return undefined;
  return `backend ${backend} marks directories immutable, which the filesystem at ${pool.root} cannot do; use ext4, xfs or btrfs there`;
}

/** Each backend asks the same of the same filesystem, and it takes five programs to find out. */
const markable = new WeakMap<Pool, boolean>();

async function tryToMark(tools: Tools, pool: Pool): Promise<boolean> {
  return await pool.withRoot(async (root) => {
    await using state = await root.openDirectory(STATE_FOLDER);
    return await canBeMarked(tools, state);
  });
}

async function deniedCapabilities(): Promise<string[]> {
  const status = await readFile('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(CAPABILITIES)
    .filter(([, bit]) => ((effective >> bit) & 1n) === 0n)
    .map(([name]) => name);
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

/** Tried out, for what a filesystem can do differs from kernel to kernel. */
async function canBeMarked(tools: Tools, state: Directory): Promise<boolean> {
  try {
    await makeBare(tools, state, PROBE);
    return await isBare(tools, state, PROBE);
  } catch (error) {
    if (error instanceof ToolFailed) return false;
    throw error;
  } finally {
    await removeProbe(tools, state);
  }
}

async function removeProbe(tools: Tools, state: Directory): Promise<void> {
  try {
    await removeBare(tools, state, PROBE);
  } catch (error) {
    if (!(error instanceof ToolFailed)) throw error;
    await state.removeDirectory(PROBE);
  }
}
