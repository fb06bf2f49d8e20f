import type { Stats } from 'node:fs';
import * as z from 'zod';
import type { Tools } from '../os/tools.ts';

/** Numbers and padded text alike, as versions of losetup differ. */
const text = z.coerce.string().transform((value) => value.trim());
const listing = z.object({
  loopdevices: z.array(z.object({ name: text, 'back-ino': text, 'back-maj:min': text })),
});

/** The file that a device shows, by what no renaming changes. */
type File = Pick<Stats, 'dev' | 'ino'>;

/** The loop devices that show this file. */
export async function loopDevicesOf(tools: Tools, file: File): Promise<string[]> {
  return await select(tools, file, []);
}

/** True for a loop device, such as /dev/loop7, that shows this file. */
export async function showsFile(tools: Tools, device: string, file: File): Promise<boolean> {
  return (await select(tools, file, [device])).length > 0;
}

async function select(tools: Tools, { dev, ino }: File, devices: readonly string[]): Promise<string[]> {
  const printed = await tools.ask('losetup', [
    '--json',
    '--list',
    '--output',
    'NAME,BACK-INO,BACK-MAJ:MIN',
    ...devices,
  ]);
  // Nothing at all where there is none.
  if (printed.trim() === '') return [];
  return listing
    .parse(JSON.parse(printed))
    .loopdevices.filter((one) => one['back-ino'] === String(ino) && one['back-maj:min'] === deviceText(dev))
    .map(({ name }) => name);
}

/** As major:minor; see makedev(3). */
function deviceText(dev: number): string {
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}
