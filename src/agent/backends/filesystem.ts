import type { FsType } from '../../tars/class-parameters.ts';
import { PathBlocked } from '../os/errors.ts';
import type { Mount } from '../os/mounts.ts';
import type { Tools } from '../os/tools.ts';

/** How filesystems are made and made larger, by what they are called. */
interface Filesystem {
  readonly mkfs: string;
  readonly package: string;
  readonly options: readonly string[];
}

/**
 * All of a volume's room is its user's: ext4 keeps nothing back for root. Nothing is discarded first, for what was
 * allocated ahead is to stay allocated, and what was not has nothing to discard.
 */
const FILESYSTEMS: Readonly<Record<FsType, Filesystem>> = {
  ext4: { mkfs: 'mkfs.ext4', package: 'e2fsprogs', options: ['-F', '-q', '-m', '0', '-E', 'nodiscard'] },
  xfs: { mkfs: 'mkfs.xfs', package: 'xfsprogs', options: ['-f', '-q', '-K'] },
};

/** The program that this node lacks to make such a filesystem, and the package that has it. */
export async function missingToFormat(
  tools: Tools,
  fsType: FsType,
): Promise<{ readonly program: string; readonly package: string } | undefined> {
  const { mkfs, package: debian } = FILESYSTEMS[fsType];
  const [program] = await tools.missing([mkfs]);
  return program === undefined ? undefined : { program, package: debian };
}

/** Makes an empty filesystem in a file or device, whatever was in it. */
export async function format(tools: Tools, fsType: FsType, target: string): Promise<void> {
  const { mkfs, options } = FILESYSTEMS[fsType];
  await tools.change(mkfs, [...options, target]);
}

/** @throws {PathBlocked} where this node lacks what makes such a filesystem */
export async function assertCanFormat(tools: Tools, fsType: FsType, path: string): Promise<void> {
  const missing = await missingToFormat(tools, fsType);
  if (!missing) return;
  const message = `${path} cannot be formatted with ${fsType}: there is no ${missing.program} on this node; install ${missing.package} there, or take another fsType in the class`;
  throw new PathBlocked('NO_PROGRAM', path, message);
}

/** Lets a mounted filesystem have all of its device, which has become larger. It may do so already. */
export async function growFilesystem(tools: Tools, { type, source, point }: Mount): Promise<void> {
  if (type === 'xfs') await tools.change('xfs_growfs', ['-d', point]);
  else await tools.change('resize2fs', [source]);
}
