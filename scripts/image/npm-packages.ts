import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { ROOT } from './bundle.ts';

/** A package of npm that code of the bundle comes from. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** Of SPDX. */
  readonly license: string;
  /** The texts that must go with it. */
  readonly texts: readonly string[];
  /** The packages that this one's code imports in the bundle. */
  readonly imports: ReadonlySet<NpmPackage>;
}

/** The packages of a bundle, and which of them our own code imports. */
export interface NpmPackages {
  readonly all: readonly NpmPackage[];
  readonly direct: ReadonlySet<NpmPackage>;
}

const FOLDER = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;
const TEXTS = /^(?:licen[cs]e|copying|notice)/i;

/** The folder of the package that a file belongs to; ours have none. */
const folderOf = (path: string): string | undefined => FOLDER.exec(path)?.[0];

/** Reads of every package of which something got into the bundle what it says of itself. */
export async function npmPackages({ inputs, outputs }: Metafile): Promise<NpmPackages> {
  const bundled = Object.values(outputs).flatMap((output) =>
    Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const folders = new Set(bundled.flatMap((path) => folderOf(path) ?? []));
  const packages = new Map<string, NpmPackage & { imports: Set<NpmPackage> }>();
  for (const folder of [...folders].sort())
    packages.set(folder, { ...(await read(folder)), imports: new Set() });

  const direct = new Set<NpmPackage>();
  for (const path of bundled) {
    const importer = packages.get(folderOf(path) ?? '');
    for (const { path: importedPath } of inputs[path]?.imports ?? []) {
      const imported = packages.get(folderOf(importedPath) ?? '');
      if (imported && imported !== importer) (importer?.imports ?? direct).add(imported);
    }
  }
  return { all: [...packages.values()], direct };
}

async function read(folder: string): Promise<Omit<NpmPackage, 'imports'>> {
  const { name, version, license } = JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8'));
  const files = (await readdir(join(ROOT, folder))).filter((file) => TEXTS.test(file)).sort();
  // Who ships a package must ship its licence, and nobody would notice that one is missing.
  if (typeof license !== 'string' || files.length === 0) {
    throw new Error(
      `${folder}: no licence in package.json, or no file with its text; the image may not be given away`,
    );
  }
  const texts = await Promise.all(files.map((file) => readFile(join(ROOT, folder, file), 'utf8')));
  return { name, version, license, texts };
}
