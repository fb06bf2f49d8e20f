import type { Node } from 'yaml';
import { expression, items, optionalTree, tree } from './chart-directive.ts';
import { spotsOf } from './chart-field.ts';
import type { ChartManifest } from './chart-manifest.ts';
import { objectOf } from './chart-templates.ts';
import type { Base, ChartValue } from './chart-values.ts';
import { NAME } from './webhooks-matching.ts';

/** Where values stand in the templates, and what stood there. */

interface Workload {
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } } };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string }[];
}

/** What the manifests say before any value is put in. */
export function baseOf(manifests: readonly ChartManifest[]): Base {
  const containersOf = (workload: string): readonly Container[] =>
    (objectOf(manifests, workload).read() as Workload).spec?.template?.spec?.containers ?? [];
  const [{ image }] = containersOf('DaemonSet/t-local-volume-agent') as [Container];
  const [, repository = '', tag = ''] = /^(.+):([^:/]+)$/.exec(image) ?? [];
  return {
    image: { repository, tag },
    taken: (workload, name) => {
      const { args, env } = containersOf(workload).find((each) => each.name === name)!;
      return new Set([...args.map((arg) => arg.split('=')[0]!), ...env.map((variable) => variable.name)]);
    },
  };
}

/** Puts values in place of the fields, and returns every default. */
export function addValues(
  manifests: readonly ChartManifest[],
  values: readonly ChartValue[],
): Map<string, unknown> {
  for (const workload of ['Deployment/t-local-volume-webhook', 'DaemonSet/t-local-volume-agent']) {
    const object = objectOf(manifests, workload);
    for (const { map } of spotsOf(object.root, 'spec.template.spec.containers[*].image')) {
      object.set(map!, 'image', expression(`include "${NAME}.image" . | quote`));
    }
  }
  return new Map(
    values.map((value) => {
      const found = (value.fields ?? []).flatMap(([id, field]) =>
        addField(objectOf(manifests, id), field, value.path),
      );
      const defaults = found.filter((each) => each !== undefined).map((each) => JSON.stringify(each));
      if (new Set(defaults).size > 1)
        throw new Error(`${value.path}: the base says ${defaults.join(' and ')}`);
      const [base] = defaults;
      if ((base === undefined) === (value.default === undefined)) {
        throw new Error(`${value.path}: the default is the base's, or the table's where the base has none`);
      }
      return [value.path, base === undefined ? value.default : JSON.parse(base)];
    }),
  );
}

/** Returns what stood there. */
function addField(object: ChartManifest, field: string, path: string): unknown[] {
  const value = `.Values.${path}`;
  return spotsOf(object.root, field).map((spot) => {
    if (spot.list) {
      object.splice(spot.list, spot.list.items.length, 0, items(value));
      return undefined;
    }
    const { map, key } = spot;
    const node = map.get(key, true) as Node | undefined;
    const before = node && object.read(node);
    if (before === undefined) object.set(map, key, optionalTree(value));
    else if (typeof before === 'object') object.set(map, key, tree(value));
    else object.set(map, key, expression(typeof before === 'string' ? `${value} | quote` : value));
    return before;
  });
}
