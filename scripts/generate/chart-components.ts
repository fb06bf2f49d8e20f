import type { Operation } from 'fast-json-patch';
import { isMap, isSeq, type Node, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { choice } from './chart-directive.ts';
import { ChartManifest, itemNamed, readYaml } from './chart-manifest.ts';

/*
 * A component of kustomize is a setting of the chart: what its patches change is there under the setting's condition.
 * Its own files are what is read, so neither can say what the other one does not. Patches come in three forms, as in
 * kustomize; whatever else a component does is refused here, and has to be learnt first.
 */

/** When each component of deploy/components is in force. */
export const COMPONENTS: Readonly<Record<string, string>> = {
  'per-node': 'eq .Values.provisioning "per-node"',
  posix: 'eq .Values.modePattern "posix"',
  'cert-manager': 'eq .Values.certificates "cert-manager"',
  'relaxed-hostname': '.Values.relaxedHostname',
  'opted-in-only': '.Values.optedInOnly',
  backends: '.Values.backends',
};

interface Kustomization {
  readonly apiVersion: string;
  readonly kind: string;
  readonly resources?: readonly string[];
  readonly patches?: readonly Patch[];
}

interface Patch {
  readonly path?: string;
  readonly patch?: string;
  readonly target?: { readonly kind: string; readonly name: string };
}

/** Puts a component's patches into the base's manifests, and returns its own resources by file. */
export function addComponent(
  manifests: readonly ChartManifest[],
  condition: string,
  read: (file: string) => string,
): Map<string, ChartManifest[]> {
  const kustomization = readYaml(read('kustomization.yaml'))[0]!.toJS() as Kustomization;
  const { apiVersion: _, kind: _kind, resources = [], patches = [], ...others } = kustomization;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new Error(`a chart cannot do yet what ${unknown} does`);
  for (const { path, patch, target } of patches) {
    const documents = readYaml(patch ?? read(path!));
    if (target) {
      const operations = documents[0]!.toJS() as Operation[];
      for (const manifest of matching(manifests, `${target.kind}/${target.name}`)) {
        for (const operation of operations) applyOperation(manifest, operation, condition);
      }
    } else {
      for (const document of documents) mergeObject(manifests, document.contents as YAMLMap, condition);
    }
  }
  return new Map(resources.map((file) => [file, conditional(ChartManifest.readAll(read(file)), condition)]));
}

function conditional(manifests: ChartManifest[], condition: string): ChartManifest[] {
  for (const manifest of manifests) manifest.onlyIf(condition);
  return manifests;
}

/** As in kustomize, kind and name are patterns. */
function matching(manifests: readonly ChartManifest[], id: string): ChartManifest[] {
  const found = manifests.filter((each) => new RegExp(`^${id}$`).test(each.id));
  if (found.length === 0) throw new Error(`a patch is for ${id}, and there is none`);
  return found;
}

/** An operation of RFC 6902, of those that say what a key has to be. */
export function applyOperation(manifest: ChartManifest, operation: Operation, condition: string): void {
  const { op, path } = operation;
  if (op !== 'add' && op !== 'replace') throw new Error(`a chart cannot do yet what ${op} ${path} does`);
  const steps = path
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const key = steps.pop()!;
  const parent = steps.length === 0 ? manifest.root : manifest.root.getIn(steps, true);
  if (!isMap(parent)) throw new Error(`${manifest.id}: ${path} is no field of an object`);
  const before = parent.get(key, true) as Node | undefined;
  const value = operation.value as string | Node;
  manifest.set(parent, key, choice(condition, value, before));
}

/** A patch in the form of the object that it changes, or that it removes. */
function mergeObject(manifests: readonly ChartManifest[], patch: YAMLMap, condition: string): void {
  const id = `${String(patch.get('kind'))}/${String(patch.getIn(['metadata', 'name']))}`;
  const [manifest] = matching(manifests, id);
  if (patch.get('$patch') === 'delete') manifest!.onlyIf(`not (${condition})`);
  else mergeMap(manifest!, manifest!.root, patch, condition);
}

function mergeMap(manifest: ChartManifest, map: YAMLMap, patch: YAMLMap, condition: string): void {
  for (const pair of patch.items) {
    const { value: key } = pair.key as Scalar<string>;
    const after = pair.value as Node;
    const before = map.get(key, true) as Node | undefined;
    if (isMap(before) && isMap(after)) mergeMap(manifest, before, after, condition);
    else if (isSeq(before) && isSeq(after)) mergeList(manifest, before, after, condition);
    else if (!isSame(before, after)) manifest.set(map, key, choice(condition, after, before));
  }
}

/** Items with names are merged by them, new ones come first; of other lists the items that differ are exchanged. */
function mergeList(manifest: ChartManifest, list: YAMLSeq, patch: YAMLSeq, condition: string): void {
  const items = patch.items as Node[];
  if (!items.every((item) => isMap(item))) {
    let common = 0;
    while (common < items.length && isSame(items[common], list.items[common])) common++;
    const [after, before] = [items, list.items as Node[]].map((all) => all.slice(common));
    if (after!.length === 0) throw new Error(`${manifest.id}: a chart cannot take away items yet`);
    manifest.splice(list, common, before!.length, choice(condition, after, before));
    return;
  }
  for (const item of items.toReversed()) {
    const before = itemNamed(list, item.get('name'));
    if (before) mergeMap(manifest, before, item, condition);
    else manifest.splice(list, 0, 0, choice(condition, [item]));
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
