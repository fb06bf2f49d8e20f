import { readFile } from 'node:fs/promises';

export interface Mount {
  readonly id: number;
  /** Of the filesystem, as major:minor. */
  readonly device: string;
  readonly point: string;
  /** Of filesystem, such as ext4. */
  readonly type: string;
  /** A device, or what whoever has mounted it called it. */
  readonly source: string;
  /** Of the filesystem itself, as it lists them. */
  readonly options: readonly string[];
  /** The mount itself or the filesystem in it is read-only. */
  readonly isReadOnly: boolean;
}

/** As it was last: it hardly ever changes, and is asked for at each look and by each operation. */
let known: { readonly text: string; readonly mounts: readonly Mount[] } = { text: '', mounts: [] };

const MAX_READINGS = 10;

/**
 * All mounts as this process sees them, now. Some filesystems ask their disk for it (btrfs, for names of subvolumes).
 *
 * Kernels before 5.8 may leave out a mount where the table changes while it is read, piece by piece: two readings that
 * agree do not, and the last one that was agreed on is one of the two.
 */
export async function mounts(): Promise<readonly Mount[]> {
  let previous = known.text;
  for (let attempt = 0; attempt <= MAX_READINGS; attempt++) {
    const text = await tableText();
    if (text === previous) return agreed(text);
    previous = text;
  }
  return parseMounts(previous);
}

function agreed(text: string): readonly Mount[] {
  if (text !== known.text) known = { text, mounts: parseMounts(text) };
  return known.mounts;
}

/** The mount points at this absolute path, which has no links in it, or below it. */
export async function mountsWithin(absolutePath: string): Promise<string[]> {
  return pointsWithin(await mounts(), absolutePath);
}

export function pointsWithin(all: readonly Pick<Mount, 'point'>[], absolutePath: string): string[] {
  return within(all, absolutePath).map(({ point }) => point);
}

/** What of this is at an absolute path, which has no links in it, or below it; the last one at a point covers the others. */
export function within<M extends Pick<Mount, 'point'>>(all: readonly M[], absolutePath: string): M[] {
  const below = absolutePath.endsWith('/') ? absolutePath : `${absolutePath}/`;
  return all.filter(({ point }) => `${point}/`.startsWith(below) || point === absolutePath);
}

/** Reads the text of /proc/self/mountinfo; see proc_pid_mountinfo(5). */
export function parseMounts(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', , device = '', , point = '', options = '', ...rest] = line.split(' ');
      // Any number of optional fields, a dash, then type, source and the filesystem's own options.
      const [type = '', source = '', ofFilesystem = ''] = rest.slice(rest.indexOf('-') + 1);
      const ownOptions = ofFilesystem.split(',');
      const isReadOnly = [options.split(','), ownOptions].some((list) => list.includes('ro'));
      return {
        id: Number(id),
        device,
        point: unescaped(point),
        type,
        source: unescaped(source),
        options: ownOptions,
        isReadOnly,
      };
    });
}

/** Space, tab, line feed and backslash stand there as three octal digits, byte by byte. */
function unescaped(point: string): string {
  return point.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  );
}

async function tableText(): Promise<string> {
  return await readFile('/proc/self/mountinfo', 'utf8');
}
