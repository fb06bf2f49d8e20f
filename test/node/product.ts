import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeImage } from '../../scripts/image/make-image.ts';
import { ROOT } from '../offline/tlv.ts';
import type { Cluster } from './cluster.ts';

/** The namespace that the product is installed in. */
export const NAMESPACE = 't-local-volume-system';

const IMAGE = 'localhost/t-local-volume:dev';

/** Installs the product as docs/install.md says, and returns when webhook and agents are ready. */
export async function installOverlay(cluster: Cluster, overlay = 'on-demand'): Promise<void> {
  await cluster.kubectl('apply', '-f', `${ROOT}deploy/crd`);
  await cluster.kubectl('apply', '-k', `${ROOT}deploy/overlays/${overlay}`);
  await rolledOut(cluster);
}

/** Waits until webhook and agents are as their objects want them; an error tells what their pods say. */
export async function rolledOut(cluster: Cluster): Promise<void> {
  try {
    for (const what of ['deployment/t-local-volume-webhook', 'daemonset/t-local-volume-agent']) {
      await cluster.kubectl('rollout', 'status', what, `--namespace=${NAMESPACE}`, '--timeout=280s');
    }
  } catch (error) {
    const about = [`--namespace=${NAMESPACE}`, '--selector=app.kubernetes.io/name=t-local-volume'];
    const described = await cluster.kubectl('describe', 'pods', ...about);
    const logs = await cluster.kubectl('logs', '--all-containers', '--prefix', '--tail=20', ...about);
    throw new Error(`${String(error)}\n${described}\n${logs}`, { cause: error });
  }
}

let made: Promise<Buffer> | undefined;

/** The product's image, as an archive to be imported by a container runtime: made once, and written to the folder. */
export async function productImage(folder: string): Promise<string> {
  const file = join(folder, 't-local-volume.tar');
  made ??= makeImage({ name: IMAGE, output: file, say: (line) => console.error(`image: ${line}`) }).then(() =>
    readFile(file),
  );
  await writeFile(file, await made);
  return file;
}
