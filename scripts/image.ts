/**
 * `npm run image`: the image of the product as an archive, with neither Docker nor a registry, or what the Dockerfile
 * copies together.
 */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { Progress } from './progress.ts';
import { DebianError } from './image/debian.ts';
import { emptyFolder, writeLayerFolders } from './image/layer-folders.ts';
import { makeImage } from './image/make-image.ts';
import type { Image } from './image/oci-archive.ts';
import { rootLayers } from './image/root-layers.ts';

interface ImageOptions {
  readonly name: string;
  readonly output: string;
  readonly layers?: string;
}

const command = new Command('npm run image --')
  .description(
    'Make the container image: webhook, sweeper, agent and offline commands in one, without a shell. It is an OCI ' +
      'archive, for which neither a registry nor Docker is needed, and the same sources make the same archive.',
  )
  .option(
    '--name <name>',
    'what the image is called: host/path:tag',
    imageName,
    'localhost/t-local-volume:dev',
  )
  .option('--output <file>', 'where the archive goes', 'dist/t-local-volume.tar')
  .option('--layers <folder>', 'no archive: each layer as a folder in this one (for the Dockerfile)')
  .addHelpText(
    'after',
    `
Examples:
  npm run image                                       dist/t-local-volume.tar
  ctr -n k8s.io images import t-local-volume.tar      on each node, as root, with the archive
  npm run image -- --name registry.example.com/storage/t-local-volume:v1
  docker build -t registry.example.com/storage/t-local-volume:v1 .

It needs Debian or Ubuntu (apt-get, dpkg-deb), whose C library goes into the image; elsewhere build the Dockerfile.
SOURCE_DATE_EPOCH is the date of the image, in seconds; unless told, that of the last commit. Downloads are kept in
$XDG_CACHE_HOME, ~/.cache unless told. docs/image.md says what is in it.`,
  )
  .parse();

const options = command.opts<ImageOptions>();
const progress = new Progress('image', 'expected 10 to 60 s');
try {
  const say = (line: string) => progress.stage(line);
  const { name, output, layers } = options;
  if (layers === undefined) {
    const image = await makeImage({ name, output: resolve(output), say });
    console.log(summary(image, output));
  } else {
    const folder = resolve(layers);
    await emptyFolder(folder);
    const laidOut = await rootLayers(say);
    say('writing the layers');
    await writeLayerFolders(laidOut, folder);
  }
} catch (error) {
  console.error(`image: ${error instanceof Error ? error.message : String(error)}`);
  if (error instanceof DebianError)
    console.error('Where that cannot be, build the Dockerfile: docs/image.md.');
  process.exitCode = 1;
} finally {
  progress.end();
}

/** Kubernetes takes a name without a host for one of Docker's own registry, and never finds the imported image. */
function imageName(text: string): string {
  const host = '(?:localhost|[a-z0-9-]+(?:\\.[a-z0-9-]+)+|[a-z0-9-]+(?=:))(?::\\d+)?';
  const path = '(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+';
  if (new RegExp(`^${host}${path}:\\w[\\w.-]{0,127}$`).test(text)) return text;
  throw new InvalidArgumentError(
    'must be host/path:tag in small letters, such as localhost/t-local-volume:dev',
  );
}

function summary({ name, digest, architecture, layers }: Image, output: string): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const row = (title: string, files: number, content: number, size: number) =>
    `  ${title.padEnd(12)}${String(files).padStart(4)} files ${megabytes(content).padStart(9)}, compressed ${megabytes(size).padStart(8)}`;
  const sum = (key: 'files' | 'contentSize' | 'size') =>
    layers.reduce((total, layer) => total + layer[key], 0);
  return [
    `${name} for linux/${architecture} in ${output}`,
    ...layers.map((layer) => row(layer.name, layer.files, layer.contentSize, layer.size)),
    row('in all', sum('files'), sum('contentSize'), sum('size')),
    digest,
  ].join('\n');
}
