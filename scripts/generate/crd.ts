import { stringify } from 'yaml';
import * as z from 'zod';
import { MOUNT_SOURCES, tserver } from '../../src/tars/tserver.ts';
import { PLACEHOLDER, TSERVER_GROUP, TSERVER_KIND, TSERVER_VERSIONS } from '../../src/tars/vocabulary.ts';
import { ruleOf, type RuleCode } from '../../src/validate/catalogue.ts';

type Schema = Record<string, unknown>;

/** deploy/crd/tservers.k8s.tars.io.yaml: the TServer schema as the API server enforces it by itself. */
export function crd(): string {
  const versions = TSERVER_VERSIONS.map((name, index) => version(name, index === 0));
  return `# Generated from src/tars/tserver.ts by \`npm run generate\`; do not edit.\n${stringify(
    {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `tservers.${TSERVER_GROUP}` },
      spec: {
        group: TSERVER_GROUP,
        names: {
          kind: TSERVER_KIND,
          listKind: `${TSERVER_KIND}List`,
          plural: 'tservers',
          shortNames: ['ts'],
          singular: 'tserver',
        },
        scope: 'Namespaced',
        versions,
      },
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  )}`;
}

function version(name: string, storage: boolean): Schema {
  return {
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: rootSchema() },
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.k8s.replicas',
        statusReplicasPath: '.status.currentReplicas',
        labelSelectorPath: '.status.selector',
      },
    },
    additionalPrinterColumns: [
      { name: 'App', type: 'string', jsonPath: '.spec.app' },
      { name: 'Server', type: 'string', jsonPath: '.spec.server' },
      { name: 'SubType', type: 'string', jsonPath: '.spec.subType' },
      { name: 'Replicas', type: 'integer', jsonPath: '.spec.k8s.replicas' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  };
}

function rootSchema(): Schema {
  const emitted = z.toJSONSchema(tserver, { target: 'openapi-3.0', io: 'input', reused: 'inline' });
  const root = structural(emitted);
  const { spec } = root.properties as Record<string, Schema>;
  addRules(spec!);
  return {
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec,
      status: {
        type: 'object',
        properties: { currentReplicas: { type: 'integer' }, selector: { type: 'string' } },
        'x-kubernetes-preserve-unknown-fields': true,
      },
    },
  };
}

/** What zod emits, as a structural schema: unknown fields are kept, null is dropped by the API server itself. */
function structural(schema: Schema): Schema {
  const { nullable: _nullable, additionalProperties, properties, items, ...rest } = schema;
  const result: Schema = { ...rest };
  if (additionalProperties !== undefined) result['x-kubernetes-preserve-unknown-fields'] = true;
  if (items !== undefined) result.items = structural(items as Schema);
  const entries = Object.entries((properties ?? {}) as Record<string, Schema>);
  if (entries.length > 0) {
    result.properties = Object.fromEntries(entries.map(([key, value]) => [key, structural(value)]));
  }
  return result;
}

/** The rules that CEL can check within the API server's cost budget: lists and strings are bounded. */
function addRules(spec: Schema): void {
  const k8s = at(spec, 'k8s');
  const mounts = at(k8s, 'mounts');
  const mount = mounts.items as Schema;
  spec.required = ['app', 'server', 'subType'];
  mount.required = ['name', 'mountPath', 'source'];
  mounts['x-kubernetes-list-type'] = 'map';
  mounts['x-kubernetes-list-map-keys'] = ['name'];
  // Of one owner: server-side apply of `{}` would else take away the defaults that another one owned, and with them the
  // source itself.
  at(at(mount, 'source'), 'tLocalVolume')['x-kubernetes-map-type'] = 'atomic';
  addCel(
    spec,
    ...['app', 'server', 'subType'].map((field) =>
      cel('TLV103', `!has(oldSelf.${field}) || self.${field} == oldSelf.${field}`, `.${field}`),
    ),
  );
  addCel(
    k8s,
    cel(
      'TLV105',
      '!has(self.daemonSet) || !self.daemonSet || !has(self.mounts) || ' +
        'self.mounts.all(m, !has(m.source.tLocalVolume) && !has(m.source.persistentVolumeClaimTemplate))',
      '.daemonSet',
    ),
  );
  const given = MOUNT_SOURCES.map((source) => `has(self.source.${source})`).join(', ');
  addCel(
    mount,
    cel('TLV201', `self.name != '${PLACEHOLDER}'`, '.name'),
    cel('TLV204', `[${given}].filter(given, given).size() == 1`, '.source'),
  );
}

function at(schema: Schema, field: string): Schema {
  return (schema.properties as Record<string, Schema>)[field]!;
}

function cel(code: RuleCode, rule: string, fieldPath: string): Schema {
  const { protects, remedy } = ruleOf(code);
  return { rule, message: `${protects} ${remedy} (${code})`, fieldPath };
}

function addCel(schema: Schema, ...rules: Schema[]): void {
  schema['x-kubernetes-validations'] = rules;
}
