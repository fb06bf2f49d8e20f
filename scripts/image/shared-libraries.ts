import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import type { DebianPackage } from './debian.ts';
import { thisPlatform } from './platform.ts';

/** A library in its place in the image. */
interface SharedLibrary {
  readonly path: string;
  readonly file: string;
}

/**
 * What a program is linked with, and the loader, out of Debian's packages. The loader itself is asked, so that nothing
 * is missing after an update and nothing is there in vain.
 */
export async function sharedLibraries(
  program: string,
  packages: readonly DebianPackage[],
): Promise<SharedLibrary[]> {
  const { multiarch, loader } = thisPlatform();
  // Debian moves its libraries from /lib to /usr/lib.
  const folders = packages.flatMap(({ folder }) => [
    join(folder, 'lib', multiarch),
    join(folder, 'usr/lib', multiarch),
  ]);
  const linker = folders.map((folder) => join(folder, loader)).find((file) => existsSync(file));
  if (linker === undefined) throw new Error(`no ${loader} in ${folders.join(', ')}`);
  const options = ['--inhibit-cache', '--library-path', folders.join(':'), '--list'];
  const printed = await command(linker, [...options, program]);
  // libm.so.6 => /…/lib/x86_64-linux-gnu/libm.so.6 (0x00007f…); the loader comes with its whole path.
  return Array.from(printed.matchAll(/^\s+(\S+) => (\S+)/gm), ([, name = '', file = '']) => {
    if (!packages.some(({ folder }) => file.startsWith(`${folder}/`))) {
      throw new Error(`${program} needs ${name}, which is in none of the packages but at ${file}`);
    }
    return { path: name.startsWith('/') ? name : join('/lib', multiarch, name), file };
  });
}
