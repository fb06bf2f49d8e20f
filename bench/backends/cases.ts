import type { Tools } from '../../src/agent/os/tools.ts';
import type { VolumeOptions } from '../../src/agent/storage.ts';
import type { BackendName } from '../../src/tars/class-parameters.ts';
import { asVolumePath, type VolumePath } from '../../src/tars/host-path.ts';
import { mountBtrfs } from '../mount-btrfs.ts';

type Command = readonly [string, ...string[]];

/** Where somebody without the product puts a volume. */
interface Place {
  readonly at: string;
  /** For a volume that is a file. */
  readonly image: string;
}

/** One way to keep volumes, and how that is done by hand. */
export interface Case {
  readonly name: string;
  readonly backend: BackendName;
  readonly size: number;
  readonly options?: VolumeOptions;
  /** Brings the filesystem that it needs; the temporary directory's own, unless told. */
  readonly prepare?: (tools: Tools, ground: string) => Promise<void>;
  readonly byHand: (place: Place) => {
    readonly make: readonly Command[];
    readonly remove: readonly Command[];
  };
}

const GIB = 2 ** 30;

const own = (at: string): readonly Command[] => [
  ['chown', '1000:1000', at],
  ['chmod', '750', at],
];

const loop = (fsType: 'ext4' | 'xfs'): Case => ({
  name: `loop, ${fsType}`,
  backend: 'loop',
  size: GIB,
  options: { fsType, preallocate: false },
  byHand: ({ at, image }) => ({
    make: [
      ['truncate', '--size', String(GIB), image],
      [`mkfs.${fsType}`, '-q', image],
      ['mkdir', at],
      ['mount', '-o', 'loop,nosuid,nodev', image, at],
      ...own(at),
    ],
    remove: [
      ['umount', at],
      ['rmdir', at],
      ['rm', image],
    ],
  }),
});

export const CASES: readonly Case[] = [
  {
    name: 'directory',
    backend: 'directory',
    size: GIB,
    byHand: ({ at }) => ({
      make: [['mkdir', at], ...own(at)],
      remove: [['rm', '-r', at]],
    }),
  },
  loop('ext4'),
  loop('xfs'),
  {
    name: 'tmpfs',
    backend: 'tmpfs',
    size: GIB,
    byHand: ({ at }) => ({
      make: [
        ['mkdir', at],
        ['mount', '-t', 'tmpfs', '-o', `size=${GIB},mode=750,uid=1000,gid=1000,nosuid,nodev`, 'tmpfs', at],
      ],
      remove: [
        ['umount', at],
        ['rmdir', at],
      ],
    }),
  },
  {
    name: 'btrfs',
    backend: 'btrfs',
    size: GIB,
    prepare: mountBtrfs,
    byHand: ({ at }) => ({
      make: [['btrfs', 'subvolume', 'create', at], ['btrfs', 'qgroup', 'limit', String(GIB), at], ...own(at)],
      remove: [['btrfs', 'subvolume', 'delete', at]],
    }),
  },
];

/** Another volume each round: what was there before must not help. */
export function pathAt(round: number): VolumePath {
  const path = asVolumePath(`default/bench.server/data.${round}`);
  if (path === undefined) throw new Error(`no path for round ${round}`);
  return path;
}
