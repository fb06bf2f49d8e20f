import { readdirSync } from 'node:fs';
import { patchBetween } from '../../src/mutate/patch.ts';
import { addComponent, applyOperation, COMPONENTS } from './chart-components.ts';
import { ChartManifest, readYaml } from './chart-manifest.ts';

/** The manifests of deploy/ as they become templates: which they are, and when each of them is there. */

const ON_DEMAND = 'deploy/overlays/on-demand';
const PER_NODE = 'deploy/overlays/per-node';
const COMPONENT_FOLDERS = new URL('../../deploy/components', import.meta.url);

/** Objects that are there only where the values say so. */
const CONDITIONS: Readonly<Record<string, string>> = {
  'StorageClass/t-storage-class': '.Values.storageClass.create',
  // Offers are their own proof of room.
  'CSIDriver/local.tars.io': 'eq .Values.provisioning "on-demand"',
  'NetworkPolicy/t-local-volume-webhook': '.Values.networkPolicy.create',
  'NetworkPolicy/t-local-volume-agent': '.Values.networkPolicy.create',
  // Of one replica nothing can be spared.
  'PodDisruptionBudget/t-local-volume-webhook': 'gt (int .Values.webhook.replicas) 1',
};

/** The objects of the base and of the overlay on-demand, by the file that they are from. */
export function readTemplates(read: (path: string) => string): Map<string, ChartManifest[]> {
  const files = ['deploy/base', ON_DEMAND].flatMap((folder) => {
    const { resources } = readYaml(read(`${folder}/kustomization.yaml`))[0]!.toJS() as {
      resources: string[];
    };
    // Not another folder; and a namespace is the operator's, or made by Helm.
    return resources
      .filter((name) => name.endsWith('.yaml') && name !== 'namespace.yaml')
      .map((name) => `${folder}/${name}`);
  });
  return new Map(files.map((path) => [path, ChartManifest.readAll(read(path))]));
}

/** Puts in what other settings change, and returns what they add. */
export function addSettings(
  manifests: readonly ChartManifest[],
  read: (path: string) => string,
): Map<string, ChartManifest[]> {
  for (const [id, condition] of Object.entries(CONDITIONS)) objectOf(manifests, id).onlyIf(condition);
  addOverlay(objectOf(manifests, 'StorageClass/t-storage-class'), read(`${PER_NODE}/storage-class.yaml`));
  const added = readdirSync(COMPONENT_FOLDERS).flatMap((name) => {
    const condition = COMPONENTS[name];
    if (condition === undefined)
      throw new Error(`deploy/components/${name}: no value of the chart stands for it`);
    const folder = `deploy/components/${name}`;
    const files = addComponent(manifests, condition, (file) => read(`${folder}/${file}`));
    return [...files].map(([file, objects]) => [`${folder}/${file}`, objects] as const);
  });
  return new Map(added);
}

/** What the overlay for offers says instead. */
function addOverlay(object: ChartManifest, text: string): void {
  const [before, after] = [object.read() as object, readYaml(text)[0]!.toJS() as object];
  for (const operation of patchBetween(before, after)) {
    applyOperation(object, operation, COMPONENTS['per-node']!);
  }
}

/** @throws where it is not there any more */
export function objectOf(manifests: readonly ChartManifest[], id: string): ChartManifest {
  const found = manifests.find((each) => each.id === id);
  if (!found) throw new Error(`${id}: there is no such object in deploy/base or deploy/overlays/on-demand`);
  return found;
}
