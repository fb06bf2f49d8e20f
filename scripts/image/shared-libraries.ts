import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import type { DebianPackage } from './debian.ts';
import { thisPlatform } from './platform.ts';

/** A library in its place in the image. */
export interface SharedLibrary {
  readonly path: string;
  readonly file: string;
  readonly from: DebianPackage;
}

interface Linked {
  readonly libraries: readonly SharedLibrary[];
  /** Names of those that are in none of the packages. */
  readonly missing: readonly string[];
}

/**
 * What a program is linked with, and the loader, out of Debian's packages. The loader itself is asked, so that nothing
 * is missing after an update and nothing is there in vain.
 */
export async function sharedLibraries(program: string, packages: readonly DebianPackage[]): Promise<Linked> {
  const { multiarch, loader } = thisPlatform();
  // Debian moves its libraries from /lib to /usr/lib.
  const folders = packages.flatMap(({ folder }) => [
    join(folder, 'lib', multiarch),
    join(folder, 'usr/lib', multiarch),
  ]);
  const linker = folders.map((folder) => join(folder, loader)).find((file) => existsSync(file));
  if (linker === undefined) throw new Error(`no ${loader} in ${folders.join(', ')}`);
  const options = ['--inhibit-cache', '--library-path', folders.join(':')];
  // As --list, but it goes on where one is missing.
  const environment = { LD_TRACE_LOADED_OBJECTS: '1' };
  const printed = await command(linker, [...options, program], { environment });
  const libraries: SharedLibrary[] = [];
  const missing: string[] = [];
  // libm.so.6 => /…/lib/x86_64-linux-gnu/libm.so.6 (0x00007f…), or `not found`; the loader comes with its whole path.
  for (const [, name = '', file = ''] of printed.matchAll(/^\s+(\S+) => (\S+)/gm)) {
    // This machine's own are no more of use than none.
    const from = packages.find(({ folder }) => file.startsWith(`${folder}/`));
    const path = name.startsWith('/') ? name : join('/lib', multiarch, name);
    if (from) libraries.push({ path, file, from });
    else missing.push(name);
  }
  return { libraries, missing };
}
