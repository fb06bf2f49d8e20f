import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { LedgerEntry } from '../../src/agent/ledger-entry.ts';
import { type Mount, parseMounts, within } from '../../src/agent/os/mounts.ts';
import { volumeHash } from '../../src/agent/volume-hash.ts';
import { loopFilesBelow } from '../storage/loop-files.ts';
import { treeLines } from './agent-crash-portrait.ts';

/** A directory of a volume, or what is mounted over it. */
interface DirectorySeen {
  /** What is in it. */
  readonly lines: readonly string[];
  /** `uid:gid mode` of its own. */
  readonly owner: string;
  readonly isSubvolume: boolean;
}

/** The disk of one node. */
export interface DiskSeen {
  /** By path below the root. */
  readonly directories: ReadonlyMap<string, DirectorySeen>;
  readonly ledger: readonly LedgerEntry[];
  readonly trash: readonly string[];
  /** What is mounted at paths below the root, and how much it holds: for images, the image. */
  readonly mounted: ReadonlyMap<string, number>;
  /** How large it is, by its name in the folder of images. */
  readonly images: ReadonlyMap<string, number>;
  /** Subvolumes that are not in their places yet. */
  readonly unfinished: readonly string[];
  /** How many loop devices show files of it. */
  readonly loops: number;
}

export const imageOf = (path: string): string => `${volumeHash(path)}.img`;

/** By path below the root: how much it holds, for memory, and nothing for the rest. */
export function mountedAt(root: string): Map<string, number> {
  const all = within(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')), root);
  const below = all.filter(({ point }) => point !== root);
  return new Map(below.map((mount) => [mount.point.slice(root.length + 1), memoryOf(mount)]));
}

function memoryOf({ type, point }: Mount): number {
  if (type !== 'tmpfs') return 0;
  const { blocks, bsize } = statfsSync(point);
  return blocks * bsize;
}

/** What btrfs numbers the top directory of every subvolume with. */
const SUBVOLUME_INODE = 256;
const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;

const DIRECTORY = /^dir (\S+) (.*)$/;
/** All that servers and people have written below a directory, without what is ours or of a filesystem. */
export const dataBelow = (folder: string): string[] =>
  treeLines(folder, (path) => path === '.tlv' || basename(path) === 'lost+found');

/** Whatever changes while it is read is as if it were read a moment later, or is read again. */
export function diskAt(root: string): DiskSeen {
  for (;;) {
    const before = mountedAt(root);
    const seen = readDisk(root, before);
    // Else files of a volume might count as those of the disk below it, or the other way round.
    if (isDeepStrictEqual(before, mountedAt(root))) return seen;
  }
}

function readDisk(root: string, mounted: DiskSeen['mounted']): DiskSeen {
  const state = (name: string): string[] => {
    const folder = join(root, '.tlv', name);
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  const ledger = state('ledger').filter((file) => file.endsWith('.json'));
  return {
    directories: directoriesAt(root),
    ledger: ledger.map(
      (file) => JSON.parse(readFileSync(join(root, '.tlv/ledger', file), 'utf8')) as LedgerEntry,
    ),
    trash: state('trash'),
    mounted,
    images: new Map(state('images').map((name) => [name, statSync(join(root, '.tlv/images', name)).size])),
    unfinished: state('subvolumes'),
    loops: loopFilesBelow(root).length,
  };
}

export function directoriesAt(root: string): Map<string, DirectorySeen> {
  const lines = dataBelow(root);
  const directories = new Map<string, DirectorySeen & { readonly lines: string[] }>();
  for (const line of lines) {
    const [, path = '', owner = ''] = DIRECTORY.exec(line) ?? [];
    if (path.split('/').length !== 3) continue;
    directories.set(path, { lines: [], owner, isSubvolume: inodeOf(join(root, path)) === SUBVOLUME_INODE });
  }
  for (const line of lines) {
    const path = line.split(' ')[1] ?? '';
    const top = path.split('/').slice(0, 3).join('/');
    if (path !== top) directories.get(top)?.lines.push(line);
  }
  return directories;
}
