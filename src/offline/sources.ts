import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Source } from './documents.ts';
import { messageOf } from '../tars/message-of.ts';
import { UnusableInput } from './unusable-input.ts';

const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
};
const MANIFEST = /\.(?:ya?ml|json)$/;

/**
 * The texts behind `-f` arguments, in order: files as they are, directories with every manifest below
 * them by name, `-` for standard input.
 * @throws UnusableInput for what cannot be read, and for a directory without manifests.
 */
export async function readSources(files: readonly string[], stdin: NodeJS.ReadableStream): Promise<Source[]> {
  const sources: Source[] = [];
  for (const file of files) {
    if (file === '-') sources.push({ name: '<stdin>', text: await text(stdin) });
    else sources.push(...(await readPath(file)));
  }
  return sources;
}

async function readPath(path: string): Promise<Source[]> {
  const found = await attempt(path, () => stat(path));
  const names = found.isDirectory() ? await manifestsBelow(path) : [path];
  if (names.length === 0) {
    throw new UnusableInput(path, 'no manifest in this directory (*.yaml, *.yml, *.json)');
  }
  return Promise.all(
    names.map(async (name) => ({ name, text: await attempt(name, () => readFile(name, 'utf8')) })),
  );
}

async function manifestsBelow(directory: string): Promise<string[]> {
  const entries = await attempt(directory, () =>
    readdir(directory, { recursive: true, withFileTypes: true }),
  );
  const manifests = entries.filter((entry) => MANIFEST.test(entry.name));
  const paths = manifests.map((entry) => join(entry.parentPath, entry.name));
  // Links to files are files, as a mounted ConfigMap has them; links to directories could lead in circles.
  const isFile = await Promise.all(
    manifests.map(async (entry, index) => {
      const path = paths[index] ?? '';
      return entry.isSymbolicLink() ? (await attempt(path, () => stat(path))).isFile() : entry.isFile();
    }),
  );
  return paths.filter((_path, index) => isFile[index]).sort();
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new UnusableInput(path, FAULTS[code] ?? messageOf(error), { cause: error });
  }
}
