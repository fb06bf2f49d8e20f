import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dependenciesOf } from './debian-control.ts';
import { debianPackages, type DebianPackage } from './debian.ts';
import { type SharedLibrary, sharedLibraries } from './shared-libraries.ts';

/** A program that is picked out of a package of Debian. */
export interface Program {
  readonly name: string;
  readonly file: string;
  readonly from: DebianPackage;
}

/** Where Debian has programs, before and after it moves them to /usr. */
const FOLDERS = ['usr/sbin', 'usr/bin', 'sbin', 'bin'];

/** Looks in all of the packages: which of them has a program differs from release to release. */
export function programsIn(packages: readonly DebianPackage[], names: readonly string[]): Program[] {
  return names.map((name) => {
    for (const from of packages) {
      const found = FOLDERS.map((folder) => join(from.folder, folder, name)).find((file) => existsSync(file));
      if (found !== undefined) return { name, file: found, from };
    }
    throw new Error(`no program ${name} in ${packages.map((one) => one.name).join(', ')}`);
  });
}

/**
 * What programs are linked with. Packages of libraries have other names in other releases, so those of which libraries
 * are missing are asked what they depend on, until nothing is missing any more.
 */
export async function linkedWith(
  programs: readonly Program[],
  given: readonly DebianPackage[],
  say: (line: string) => void,
): Promise<SharedLibrary[]> {
  let packages = [...new Set([...given, ...programs.map(({ from }) => from)])];
  for (;;) {
    const linked = await Promise.all(programs.map(({ file }) => sharedLibraries(file, packages)));
    const libraries = linked.flatMap((each) => each.libraries);
    const missing = linked.flatMap((each) => each.missing);
    if (missing.length === 0) return [...new Map(libraries.map((one) => [one.path, one])).values()];
    const more = await librariesBelow([...programs, ...libraries], packages, say);
    if (more.length === 0) throw new Error(`no package of Debian has ${missing.join(', ')}`);
    packages = [...packages, ...more];
  }
}

/** The packages of libraries that those of the files depend on, and that are not there yet. */
async function librariesBelow(
  files: readonly { readonly from: DebianPackage }[],
  there: readonly DebianPackage[],
  say: (line: string) => void,
): Promise<readonly DebianPackage[]> {
  const names = await Promise.all([...new Set(files.map(({ from }) => from))].map(dependenciesOf));
  const known = new Set(there.map(({ name }) => name));
  const isNewLibrary = (name: string) => /^(?:lib|zlib)/.test(name) && !known.has(name);
  return await debianPackages([...new Set(names.flat().filter(isNewLibrary))], say);
}
