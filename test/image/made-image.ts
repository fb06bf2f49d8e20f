import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DebianError } from '../../scripts/image/debian.ts';
import { makeImage } from '../../scripts/image/make-image.ts';
import type { Image } from '../../scripts/image/oci-archive.ts';

export const NAME = 'localhost/t-local-volume:dev';

/** The image of this checkout, and what others than its maker read in its archive. */
export interface MadeImage {
  readonly made: Image;
  readonly archive: string;
  /** The archive, unpacked. */
  readonly layout: string;
  /** Its layers, unpacked one over the other. */
  readonly root: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What a runtime reads. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
}

export const directory = mkdtempSync(join(tmpdir(), 'tlv-image-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let making: Promise<MadeImage> | undefined;

/** Made once for all tests: it takes seconds. */
export function madeImage(): Promise<MadeImage> {
  return (making ??= make());
}

/** A hook: only root can unpack files that belong to others, and only Debian has the libraries. */
export async function needDebianAndRoot(this: Mocha.Context): Promise<void> {
  this.timeout(600_000);
  if (process.getuid?.() !== 0) {
    console.log('      skipped: needs root, to unpack the image and to run it in its own root');
    return this.skip();
  }
  try {
    await madeImage();
  } catch (error) {
    const isMissing = error instanceof DebianError && !process.env['CI'];
    if (!isMissing) throw error;
    console.log(`      skipped: ${error.message}`);
    this.skip();
  }
}

export function configOf(image: MadeImage): ImageConfig {
  return JSON.parse(readFileSync(blobPath(image.layout, manifestOf(image).config.digest), 'utf8'));
}

export function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', digest.replace(':', '/'));
}

export function manifestOf(image: MadeImage): {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
} {
  const { manifests } = JSON.parse(readFileSync(join(image.layout, 'index.json'), 'utf8'));
  return JSON.parse(readFileSync(blobPath(image.layout, manifests[0].digest), 'utf8'));
}

async function make(): Promise<MadeImage> {
  const archive = join(directory, 'image.tar');
  const made = await makeImage({ name: NAME, output: archive, say: () => undefined });
  const layout = unpack(archive, 'layout');
  const image = { made, archive, layout, root: join(directory, 'root') };
  for (const { digest } of manifestOf(image).layers) unpack(blobPath(layout, digest), 'root');
  return image;
}

/** By tar: an archive is right when others can read it. */
function unpack(archive: string, name: string): string {
  const folder = join(directory, name);
  execFileSync('mkdir', ['-p', folder]);
  execFileSync('tar', ['-xf', archive, '-C', folder, '--numeric-owner', '--same-owner', '-p']);
  return folder;
}

/** Every file below a folder, from there. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

export interface Entry {
  readonly mode: string;
  readonly owner: string;
  readonly date: string;
  readonly path: string;
}

/** What tar lists of a layer. */
export function entriesOf({ layout }: MadeImage, { digest }: Descriptor): Entry[] {
  const args = ['-tvzf', blobPath(layout, digest), '--numeric-owner', '--utc'];
  const lines = execFileSync('tar', args).toString().trim().split('\n');
  return lines.map((line) => {
    const [mode = '', owner = '', , date = '', , path = ''] = line.split(/\s+/);
    return { mode, owner, date, path };
  });
}
