import { Command, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';
import { loopMount, LoopMountRefused } from '../agent/loop-mount.ts';
import { ToolFailed, Tools } from '../agent/os/tools.ts';
import { UnusableInput } from '../offline/unusable-input.ts';
import { FILESYSTEMS, type FsType } from '../tars/class-parameters.ts';
import { messageOf } from '../tars/message-of.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';

const POWERS = ['', 'K', 'M', 'G', 'T', 'P'];
const SIZE = /^(\d+(?:\.\d+)?)([KMGTP]?)(|i|iB|B)$/;
/** Where programs of the system are, for whom no PATH says it. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** `tlv loopmount`: the small script of the same name that has made disks for discovery since the seeds. */
export function loopmountCommand(io: Io, finish: (code: ExitCode) => void): Command {
  return new Command('loopmount')
    .summary('mount a file as a disk of its own')
    .description(
      'Mounts a file at a directory, as a disk of its own that discovery finds: makes the file where it is missing, formats ' +
        'it where it holds nothing yet, makes the directory, mounts. Done again, it changes nothing.',
    )
    .argument('<file>', 'the file; made where it is missing, and never formatted where it holds anything')
    .argument(
      '<size>',
      'of a new file: 6G is 6 * 1024^3 bytes, as for truncate(1); 6GB is 6 * 1000^3',
      readSize,
    )
    .argument(
      '<mountpoint>',
      'the directory; made where it is missing, and never covered where it holds anything',
    )
    .addOption(
      new Option('--fs-type <type>', 'what a new file is formatted with')
        .choices(FILESYSTEMS)
        .default('ext4')
        .env('TLV_FS_TYPE'),
    )
    .addHelpText(
      'after',
      `
A filesystem takes a part of its file: for a claim of 5Gi, make a file of 6G.
It takes root. To have the mount back after a reboot, add to /etc/fstab:
  FILE  MOUNTPOINT  auto  loop,nofail  0  0
Exit code: 0 it is mounted, 2 refused; the reason is said.

Example:
  tlv loopmount /data/disk-1.img 6G /mnt/disks/disk-1`,
    )
    .action(async (file: string, size: number, point: string, { fsType }: { readonly fsType: FsType }) => {
      const tools = new Tools({ path: process.env['PATH'] ?? SYSTEM_PATH, environment: process.env });
      const wanted = { file: resolve(file), size, point: resolve(point), fsType };
      try {
        await loopMount(tools, wanted, (line) => void io.stdout.write(`${line}\n`));
      } catch (error) {
        throw isExpected(error) ? new UnusableInput('loopmount', messageOf(error), { cause: error }) : error;
      }
      finish(EXIT.ok);
    });
}

function readSize(text: string): number {
  const [match, number = '', power = '', unit = ''] = SIZE.exec(text) ?? [];
  const base = unit === 'B' ? 1000 : 1024;
  const bytes = Math.floor(Number(number) * base ** POWERS.indexOf(power));
  if (match !== undefined && bytes > 0) return bytes;
  throw new InvalidArgumentError('expected a number with K, M, G, T or P, such as 6G.');
}

/** A fault of the machine or of what was asked for, and none of ours. */
const isExpected = (error: unknown): boolean =>
  error instanceof LoopMountRefused ||
  error instanceof ToolFailed ||
  (error instanceof Error && 'syscall' in error);
