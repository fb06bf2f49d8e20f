import { isMap, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';
import { itemNamed } from './chart-manifest.ts';

/** Where a value belongs: at a key, which need not be there yet, or behind the last item of a list. */
export type Spot =
  | { readonly map: YAMLMap; readonly key: string; readonly list?: never }
  | { readonly list: YAMLSeq; readonly map?: never };

/**
 * The spots that a field names, such as `spec.replicas`, `spec.containers[webhook].image`, `webhooks[*].rules` and
 * `spec.containers[webhook].args[]`: an item by its name or its index, all of them, or one more.
 */
export function spotsOf(root: YAMLMap, field: string): Spot[] {
  const steps = field.match(/[^.[\]]+|\[[^\]]*\]/g) ?? [];
  const last = steps.pop();
  if (last === undefined) throw new Error('a field needs a name');
  const parents = steps.reduce<unknown[]>((nodes, step) => nodes.flatMap((node) => into(node, step)), [root]);
  const spots = parents.flatMap((parent) => spotOf(parent, last));
  if (spots.length === 0 || spots.length !== parents.length)
    throw new Error(`${field}: there is no such field`);
  return spots;
}

function spotOf(parent: unknown, step: string): Spot[] {
  if (step === '[]') return isSeq(parent) ? [{ list: parent }] : [];
  return isMap(parent) && !step.startsWith('[') ? [{ map: parent, key: step }] : [];
}

function into(node: unknown, step: string): unknown[] {
  if (!step.startsWith('[')) return isMap(node) && node.has(step) ? [node.get(step, true)] : [];
  if (!isSeq(node)) return [];
  const name = step.slice(1, -1);
  if (name === '*') return node.items;
  return [/^\d+$/.test(name) ? node.items[Number(name)] : itemNamed(node, name)].filter(
    (item) => item !== undefined,
  );
}
