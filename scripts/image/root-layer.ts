import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';

/** A file of the image. It belongs to root, and nobody else may write it. */
export interface RootFile {
  /** Absolute. */
  readonly path: string;
  readonly content: string | Uint8Array | { readonly file: string };
  readonly isProgram?: true;
}

/** Files that change together: whoever has a layer need not fetch it again. */
export interface RootLayer {
  readonly name: string;
  readonly files: readonly RootFile[];
}

/**
 * The same everywhere, whoever makes the image and when: what did not change keeps its digest, and need not be
 * transferred again.
 */
export const MODIFIED = new Date(0);

/** Every folder on the way to the files, each before what is in it. */
export function foldersOf({ files }: RootLayer): string[] {
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders].sort();
}

/** In the order of their paths. */
export function sortedFiles({ files }: RootLayer): RootFile[] {
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

export function modeOf({ isProgram }: RootFile): number {
  return isProgram ? 0o755 : 0o644;
}

export async function sizeOf({ content }: RootFile): Promise<number> {
  if (typeof content === 'string') return Buffer.byteLength(content);
  return 'file' in content ? (await stat(content.file)).size : content.length;
}

export function contentOf({ content }: RootFile): Readable {
  if (typeof content === 'string') return Readable.from([Buffer.from(content)]);
  return 'file' in content ? createReadStream(content.file) : Readable.from([content]);
}
