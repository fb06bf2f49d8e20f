import { type Image, writeArchive } from './oci-archive.ts';
import { provenance } from './provenance.ts';
import { rootLayers } from './root-layers.ts';

interface ImageOptions {
  /** Such as `localhost/t-local-volume:dev`. */
  readonly name: string;
  /** The archive. */
  readonly output: string;
  /** Takes the lines that tell how far it is. */
  readonly say: (line: string) => void;
}

/** Makes the image of the product out of this checkout, as an archive that `ctr images import` takes. */
export async function makeImage({ name, output, say }: ImageOptions): Promise<Image> {
  const layers = await rootLayers(say);
  say('compressing');
  return await writeArchive(layers, { name, output, provenance: await provenance() });
}
