import { dirname } from 'node:path';
import type { FsType } from '../tars/class-parameters.ts';
import { format, missingToFormat } from './backends/filesystem.ts';
import { loopDevicesOf } from './backends/loop-devices.ts';
import {
  ensureDirectory,
  isBlank,
  isEmptyDirectory,
  makeSparseFile,
  realPathOf,
  spaceAt,
  statusAt,
} from './os/image-file.ts';
import { mounts } from './os/mounts.ts';
import { ToolFailed, type Tools } from './os/tools.ts';

export interface LoopMount {
  /** Absolute, as the mount point. */
  readonly file: string;
  readonly size: number;
  readonly point: string;
  readonly fsType: FsType;
}

/** Why a file is not mounted, in words. */
export class LoopMountRefused extends Error {
  override readonly name = 'LoopMountRefused';
}

/**
 * Mounts a file at a directory, as a disk of its own; makes the one and the other where they are missing. It may be done
 * again: what is there already is left as it is, and what holds anything is never formatted nor covered.
 * @param say - takes what was done, a line each
 */
export async function loopMount(tools: Tools, wanted: LoopMount, say: (line: string) => void): Promise<void> {
  const { file, point, fsType } = wanted;
  if (await isMountedThere(tools, wanted)) return say(`${file} is mounted at ${point} already`);
  await assertFreePoint(wanted);
  const missing = await missingToFormat(tools, fsType);
  if (missing)
    throw new LoopMountRefused(
      `there is no ${missing.program} here, which makes ${fsType}; install ${missing.package}`,
    );
  await ensureFile(wanted, say);
  await ensureFilesystem(tools, wanted, say);
  if (!(await statusAt(point))) {
    await ensureDirectory(point);
    say(`made the directory ${point}`);
  }
  await tools.change('mount', ['-o', 'loop', file, point]);
  const { blocks, bavail, bsize } = await spaceAt(point);
  say(
    `mounted ${file} at ${point}: ${mebibytes(blocks * bsize)}, of which ${mebibytes(bavail * bsize)} are free`,
  );
}

/** True where the very file is mounted there; fails where it is mounted elsewhere. */
async function isMountedThere(tools: Tools, { file, point }: LoopMount): Promise<boolean> {
  const status = await statusAt(file);
  if (!status) return false;
  if (!status.isFile()) throw new LoopMountRefused(`${file} is no plain file; name another one`);
  const devices = await loopDevicesOf(tools, status);
  const points = (await mounts())
    .filter(({ source }) => devices.includes(source))
    .map((mount) => mount.point);
  if ((await statusAt(point)) && points.includes(await realPathOf(point))) return true;
  const [elsewhere] = points;
  if (elsewhere === undefined) return false;
  throw new LoopMountRefused(
    `${file} is mounted at ${elsewhere} already; unmount it there, or name another file`,
  );
}

async function assertFreePoint({ point }: LoopMount): Promise<void> {
  const status = await statusAt(point);
  if (!status) return;
  if (!status.isDirectory()) throw new LoopMountRefused(`${point} is no directory; name another one`);
  const here = await realPathOf(point);
  if ((await mounts()).some((mount) => mount.point === here))
    throw new LoopMountRefused(
      `something else is mounted at ${point}; unmount it, or name another directory`,
    );
  if (await isEmptyDirectory(point)) return;
  throw new LoopMountRefused(
    `${point} is not empty, and what is in it would be covered; move it away, or name another directory`,
  );
}

async function ensureFile({ file, size }: LoopMount, say: (line: string) => void): Promise<void> {
  const status = await statusAt(file);
  if (status) {
    if (status.size === size) return;
    return say(`${file} is there with ${mebibytes(status.size)}, and stays so`);
  }
  if (!(await statusAt(dirname(file))))
    throw new LoopMountRefused(`there is no directory ${dirname(file)} for ${file}; make it`);
  await makeSparseFile(file, size);
  say(`made ${file} of ${mebibytes(size)}, which takes room as it is written to`);
}

async function ensureFilesystem(
  tools: Tools,
  { file, fsType }: LoopMount,
  say: (line: string) => void,
): Promise<void> {
  const content = await contentOf(tools, file);
  if (content.get('USAGE') === 'filesystem') {
    return say(`${file} has a filesystem already (${content.get('TYPE')}), and is not formatted`);
  }
  const status = await statusAt(file);
  if (content.size > 0 || (status && !(await isBlank(file, status)))) {
    const what = content.get('TYPE') ?? content.get('PTTYPE') ?? 'data';
    throw new LoopMountRefused(
      `${file} holds ${what}, which is no filesystem, and is not formatted; remove it, or name another file`,
    );
  }
  await format(tools, fsType, file);
  say(`formatted ${file} with ${fsType}`);
}

/** What a file is known to hold, as blkid calls it. */
async function contentOf(tools: Tools, file: string): Promise<ReadonlyMap<string, string>> {
  try {
    const printed = await tools.ask('blkid', ['--probe', '--output', 'export', file]);
    return new Map(
      printed
        .split('\n')
        .filter((line) => line.includes('='))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
        .filter(([name]) => name !== 'DEVNAME'),
    );
  } catch (error) {
    // Nothing that it knows.
    if (error instanceof ToolFailed && error.exitCode === 2) return new Map();
    throw error;
  }
}

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)}Mi`;
