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

/** Makes an empty filesystem in a file or device, whatever was in it. */
export async function format(tools: Tools, fsType: FsType, target: string, path: string): Promise<void> {
  const { mkfs, package: debian, options } = FILESYSTEMS[fsType];
  const [missing] = await tools.missing([mkfs]);
  if (missing !== undefined) {
    const message = `${path} cannot be formatted with ${fsType}: there is no ${mkfs} on this node; install ${debian} there, or take another fsType in the class`;
    throw new PathBlocked('NO_PROGRAM', path, message);
  }
  await tools.change(mkfs, [...options, target]);
}

/** Lets a mounted filesystem have all of its device, which has become larger. It may do so already. */
export async function growFilesystem(tools: Tools, { type, source, point }: Mount): Promise<void> {
  if (type === 'xfs') await tools.change('xfs_growfs', ['-d', point]);
  else await tools.change('resize2fs', [source]);
}
