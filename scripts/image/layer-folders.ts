import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { contentOf, foldersOf, MODIFIED, modeOf, type RootLayer, sortedFiles } from './root-layer.ts';

/** Makes a folder where there is none. What is in it already would get into the image. */
export async function emptyFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new Error(`${folder} is not empty; name a new folder`);
}

/** Writes each layer into a folder of its name, for the Dockerfile to copy. */
export async function writeLayerFolders(layers: readonly RootLayer[], folder: string): Promise<void> {
  for (const layer of layers) await writeFolder(layer, join(folder, layer.name));
}

async function writeFolder(layer: RootLayer, folder: string): Promise<void> {
  const folders = ['/', ...foldersOf(layer)];
  for (const path of folders) await mkdir(join(folder, path), { recursive: true });
  for (const file of sortedFiles(layer)) {
    const path = join(folder, file.path);
    await pipeline(contentOf(file), createWriteStream(path));
    await finish(path, modeOf(file));
  }
  // What is written into a folder changes its date.
  for (const path of folders.toReversed()) await finish(join(folder, path), 0o755);
}

/** As in the archive, whatever the umask. */
async function finish(path: string, mode: number): Promise<void> {
  await chmod(path, mode);
  await utimes(path, MODIFIED, MODIFIED);
}
