import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack as createPack, type Pack } from 'tar-stream';
import { RUNTIME_CONFIG } from './image-config.ts';
import { type LayerBlob, writeLayer } from './layer-blob.ts';
import { thisPlatform } from './platform.ts';
import type { Provenance } from './provenance.ts';
import { MODIFIED, type RootLayer } from './root-layer.ts';

/** What became of an image. */
export interface Image {
  readonly name: string;
  /** Of its manifest: what a pod may name it by. */
  readonly digest: string;
  readonly architecture: string;
  readonly layers: readonly LayerBlob[];
}

interface Archive {
  /** Such as `localhost/t-local-volume:dev`. */
  readonly name: string;
  readonly output: string;
  readonly provenance: Provenance;
}

const MEDIA_TYPE = {
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
} as const;

/** Writes an OCI image layout as one archive, all of it or nothing. */
export async function writeArchive(
  layers: readonly RootLayer[],
  { name, output, provenance }: Archive,
): Promise<Image> {
  await mkdir(dirname(output), { recursive: true });
  const temporary = await mkdtemp(join(dirname(output), '.image-'));
  try {
    const blobs = join(temporary, 'blobs');
    await mkdir(blobs);
    const written = await Promise.all(layers.map((layer) => writeLayer(layer, blobs)));
    const config = await writeJson(blobs, MEDIA_TYPE.config, configOf(written, provenance));
    const manifest = await writeJson(blobs, MEDIA_TYPE.manifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config,
      layers: written.map(({ digest, size }) => ({ mediaType: MEDIA_TYPE.layer, digest, size })),
    });
    const archive = join(temporary, 'archive.tar');
    await writeLayout(archive, blobs, indexOf(name, manifest));
    await rename(archive, output);
    return { name, digest: manifest.digest, architecture: thisPlatform().architecture, layers: written };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

async function writeJson(blobs: string, mediaType: string, value: object): Promise<Descriptor> {
  const text = JSON.stringify(value);
  const digest = createHash('sha256').update(text).digest('hex');
  await writeFile(join(blobs, digest), text);
  return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
}

function configOf(layers: readonly LayerBlob[], { created, revision }: Provenance): object {
  const { Labels, ...config } = RUNTIME_CONFIG;
  const date = created.toISOString();
  return {
    created: date,
    architecture: thisPlatform().architecture,
    os: 'linux',
    config: {
      ...config,
      Labels: {
        ...Labels,
        'org.opencontainers.image.created': date,
        ...(revision && { 'org.opencontainers.image.revision': revision }),
      },
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((layer) => ({ created: date, created_by: `scripts/image.ts: ${layer.name}` })),
  };
}

function indexOf(name: string, manifest: Descriptor): object {
  const annotations = {
    // containerd's own, which goes before the other.
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
  };
  const platform = { architecture: thisPlatform().architecture, os: 'linux' };
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: [{ ...manifest, platform, annotations }],
  };
}

async function writeLayout(archive: string, blobs: string, index: object): Promise<void> {
  const pack = createPack();
  await Promise.all([fill(pack, blobs, index), pipeline(Readable.from(pack), createWriteStream(archive))]);
}

async function fill(pack: Pack, blobs: string, index: object): Promise<void> {
  const header = (name: string, size: number) => ({ name, size, mode: 0o644, mtime: MODIFIED });
  const put = (name: string, content: Readable, size: number) =>
    pipeline(content, pack.entry(header(name, size)));
  try {
    for (const [name, value] of [
      ['oci-layout', { imageLayoutVersion: '1.0.0' }],
      ['index.json', index],
    ] as const) {
      const text = Buffer.from(JSON.stringify(value));
      await put(name, Readable.from([text]), text.length);
    }
    for (const blob of (await readdir(blobs)).sort()) {
      const path = join(blobs, blob);
      await put(`blobs/sha256/${blob}`, createReadStream(path), (await stat(path)).size);
    }
    pack.finalize();
  } catch (error) {
    pack.destroy(error as Error);
    throw error;
  }
}
