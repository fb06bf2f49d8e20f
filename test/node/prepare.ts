/* Fetches what the tests on real nodes are made of: where they run there is no network but their own. */
import { DebianError, debianPackages } from '../../scripts/image/debian.ts';
import { rootLayers } from '../../scripts/image/root-layers.ts';
import { CONTROL_PLANE, ensureBinaries, NODE } from '../controlplane/binaries.ts';
import { BuildError } from '../controlplane/go-build.ts';
import { PACKAGES } from './programs.ts';

try {
  await ensureBinaries([...CONTROL_PLANE, ...NODE]);
  await debianPackages(PACKAGES);
  // The packages of the product's image, which is made in there.
  await rootLayers((line) => console.error(`image: ${line}`));
} catch (error) {
  if (!(error instanceof BuildError || error instanceof DebianError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
