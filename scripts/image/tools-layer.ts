import { debianFiles } from './debian-files.ts';
import { debianPackages, type DebianPackage } from './debian.ts';
import { linkedWith, programsIn } from './programs.ts';
import type { RootFile, RootLayer } from './root-layer.ts';

/** What backends run on a node, and with it what mounts, formats, measures and limits. */
export const PROGRAMS = [
  'mount',
  'umount',
  'losetup',
  'blkid',
  'fallocate',
  'chattr',
  'lsattr',
  'mkfs.ext4',
  'resize2fs',
  'mkfs.xfs',
  'xfs_growfs',
  'setquota',
  'repquota',
  'btrfs',
  'lvm',
];

const PACKAGES = ['mount', 'util-linux', 'e2fsprogs', 'xfsprogs', 'quota', 'btrfs-progs', 'lvm2'];

/** The programs of the backends, each a file picked out of its package: no script, and nothing that would run one. */
export interface Tools {
  readonly packages: readonly DebianPackage[];
  readonly files: readonly RootFile[];
}

/** @param debian - packages that are in the image already */
export async function tools(debian: readonly DebianPackage[], say: (line: string) => void): Promise<Tools> {
  const programs = programsIn(await debianPackages(PACKAGES, say), PROGRAMS);
  const libraries = await linkedWith(programs, debian, say);
  const sources = new Set([...programs, ...libraries].map(({ from }) => from));
  return {
    packages: [...sources]
      .filter((one) => !debian.includes(one))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    files: [
      ...programs.map(({ name, file }): RootFile => ({
        path: `/usr/sbin/${name}`,
        content: { file },
        isProgram: true,
      })),
      ...libraries.map(({ path, file }): RootFile => ({ path, content: { file }, isProgram: true })),
    ],
  };
}

/** What the base does not have already. */
export async function toolsLayer(
  { packages, files }: Tools,
  { base, baseFiles }: { readonly base: RootLayer; readonly baseFiles: DebianPackage },
  say: (line: string) => void,
): Promise<RootLayer> {
  const there = new Set(base.files.map(({ path }) => path));
  const papers = await debianFiles(packages, baseFiles, say);
  return { name: 'tools', files: [...files, ...papers].filter(({ path }) => !there.has(path)) };
}
