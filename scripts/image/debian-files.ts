import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { controlFile } from './debian-control.ts';
import { debianPackages, type DebianPackage } from './debian.ts';
import type { RootFile } from './root-layer.ts';

const DOC = '/usr/share/doc';
const LICENSES = '/usr/share/common-licenses';

/** What goes with files out of packages of Debian: where they are from, and under which licences. */
export async function debianFiles(
  packages: readonly DebianPackage[],
  licensesFrom: DebianPackage,
  say: (line: string) => void,
): Promise<RootFile[]> {
  const copyrights = await copyrightFiles(packages, say);
  const texts = await Promise.all(copyrights.map(({ content: { file } }) => readFile(file, 'utf8')));
  const named = texts.flatMap((text) => [...text.matchAll(/\/usr\/share\/common-licenses\/([\w.-]*\w)/g)]);
  return [
    // Scanners look here for the packages of an image without a package manager.
    ...packages.map((one) => ({
      path: `/var/lib/dpkg/status.d/${one.name}`,
      content: { file: controlFile(one) },
    })),
    ...copyrights,
    ...[...new Set(named.map(([, name = '']) => name))].map((name) => ({
      path: `${LICENSES}/${name}`,
      content: { file: join(licensesFrom.folder, LICENSES, name) },
    })),
  ];
}

/** libgcc-s1 -> gcc-12-base: the packages of one source share their papers, which one of them holds. */
async function copyrightFiles(packages: readonly DebianPackage[], say: (line: string) => void) {
  const holderOf = new Map<DebianPackage, string>();
  for (const one of packages) {
    const target = await readlink(join(one.folder, DOC, one.name)).catch(() => one.name);
    holderOf.set(one, target);
  }
  const others = [...new Set(holderOf.values())].filter((name) => !packages.some((one) => one.name === name));
  const holders = [...packages, ...(await debianPackages(others, say))];
  return packages.map((one) => {
    const holder = holders.find(({ name }) => name === holderOf.get(one)) ?? one;
    const file = join(holder.folder, DOC, holder.name, 'copyright');
    return { path: `${DOC}/${one.name}/copyright`, content: { file } };
  });
}
