import { SERVER_NAME_MAX, SERVER_NAME_PATTERN } from '../../src/tars/patterns.ts';
import { servedClass, type Settings } from '../../src/tars/settings.ts';
import { OURS, STORAGE_CLASS } from '../../src/tars/vocabulary.ts';
import { entry, field, isTextThatFits, shown } from './policies-cel.ts';
import { checkValue, type Check, type Variable } from './policies-check.ts';
import { mountChecks } from './policies-tserver-mounts.ts';
import { hostPortChecks } from './policies-tserver-ports.ts';
import { isGiven, said, shownValue, string } from './policies-tserver-sample.ts';
import { OTHER, VALUE } from './policies-words.ts';

/*
 * The CRD's schema says most of this by itself, where it is ours. Where TarsK8S installed its own, nothing is said
 * of a field's type, nor of a list's length, and a null stays: nothing here may rely on them.
 */

/** A list of the spec, empty where it is none; `path` is below spec. */
function listAt(of: string, path: string): string {
  const value = field(of, `spec.${path}`, 'null');
  return `type(${value}) == list ? ${value} : []`;
}

const notNull = (of: string) => `${of} == null ? dyn({}) : dyn(${of})`;

const PORT_LISTS = ['tars.servants', 'tars.ports', 'normal.ports'] as const;

export const TSERVER_VARIABLES: readonly Variable[] = [
  { name: 'old', expression: notNull('oldObject') },
  ...(['', 'Old'] as const).flatMap((when) => {
    const of = when === '' ? 'object' : 'variables.old';
    const mounts = `variables.mounts${when}`;
    return [
      { name: `mounts${when}`, expression: listAt(of, 'k8s.mounts') },
      // Beside the mounts, at the same places.
      {
        name: `volumes${when}`,
        expression: `${mounts}.map(m, ${notNull(field('m', 'source.tLocalVolume', 'null'))})`,
      },
      { name: `hostPorts${when}`, expression: listAt(of, 'k8s.hostPorts') },
    ];
  }),
  {
    name: 'ports',
    expression: PORT_LISTS.map((path) => `(${listAt('object', path)})`).join(' + '),
  },
];

/** The rules on a TServer, in the order of src/validate/tserver.ts. */
export function tserverChecks(settings: Settings): Check[] {
  return [
    ...immutableChecks(settings),
    ...nameChecks(settings),
    ...wordChecks(settings),
    podScopeCheck(settings),
    daemonSetCheck(settings),
    ...hostPortChecks(settings),
    ...mountChecks(settings),
  ];
}

/** Of the object: there, if empty, also where it is missing. Of the stored one: only where it is there. */
function required(of: string, name: string): string {
  return of === 'object' ? `optional.of(${string(of, `spec.${name}`)})` : `${of}.?spec.?${name}`;
}

/** A value only where something is wrong, so that what was right before is none. */
const where = (condition: string, value: string) =>
  `(${condition} ? optional.of(${value}) : optional.none())`;
const suffix = (of: string) => (of === 'object' ? '' : 'Old');

function immutableChecks(settings: Settings): Check[] {
  return ['app', 'server', 'subType'].map((name) => {
    const before = name === 'subType' ? 'normal' : OTHER;
    const mended = name === 'subType' ? `!(o in ['tars', 'normal'])` : `o == ''`;
    return checkValue({
      code: 'TLV103',
      name: `${name}Kept`,
      value: (of) => required(of, name),
      bad: (value) => `[?variables.old.?spec.?${name}].exists(o, o != ${value} && !(${mended}))`,
      values: (value) => ({
        ...shownValue(value),
        [`"${before}"`]: shown(string('variables.old', `spec.${name}`)),
      }),
      said: said({ spec: { [name]: VALUE } }, settings, { spec: { [name]: before } }),
    });
  });
}

function nameChecks(settings: Settings): Check[] {
  const isName = (value: string) => isTextThatFits(value, SERVER_NAME_PATTERN, SERVER_NAME_MAX);
  const names = (['app', 'server'] as const).map((name) =>
    checkValue({
      code: 'TLV102',
      name,
      value: (of) => required(of, name),
      bad: (value) => `!(${isName(value)})`,
      values: shownValue,
      said: said({ spec: { [name]: VALUE } }, settings),
    }),
  );
  const [app, server] = (['app', 'server'] as const).map(
    (name) => (of: string) => string(of, `spec.${name}`),
  );
  const expected = (of: string) => `(${app!(of)} + '-' + ${server!(of)}).lowerAscii()`;
  const isBad = (of: string) =>
    `${isName(app!(of))} && ${isName(server!(of))} && ${of}.metadata.name != ${expected(of)}`;
  const name = checkValue({
    code: 'TLV101',
    name: 'name',
    value: (of) => where(isBad(of), `${of}.metadata.name`),
    bad: () => 'true',
    values: (value) => ({
      [VALUE]: value,
      '"tars-log"': `'"' + ${expected('object')} + '"'`,
      '"tars"': `'"' + ${app!('object')} + '"'`,
      '"log"': `'"' + ${server!('object')} + '"'`,
    }),
    said: said({ metadata: { name: VALUE } }, settings),
  });
  return [...names, name];
}

function wordChecks(settings: Settings): Check[] {
  return [
    checkValue({
      code: 'TLV104',
      name: 'subType',
      value: (of) => required(of, 'subType'),
      bad: (value) => `!(${value} in ['tars', 'normal'])`,
      values: shownValue,
      said: said({ spec: { subType: VALUE } }, settings),
    }),
    checkValue({
      code: 'TLV304',
      name: 'scope',
      value: (of) => entry(of, 'annotations', OURS.scope),
      bad: (value) => `!(${value} in ['Node', 'Pod'])`,
      values: (value) => ({ [VALUE]: value }),
      said: said({ metadata: { annotations: { [OURS.scope]: VALUE } } }, settings),
    }),
  ];
}

const isClaim = (mount: string) =>
  `['tLocalVolume', 'persistentVolumeClaimTemplate'].exists(k, ${isGiven(mount, 'k')})`;

function podScopeCheck(settings: Settings): Check {
  const perNode = new Map([[STORAGE_CLASS, { way: 'per-node', sizeEnforced: false }]] as const);
  const isAble = servedClass(STORAGE_CLASS, settings)?.way === 'on-demand';
  const isBad = (of: string) =>
    [
      isAble ? 'false' : 'true',
      `${entry(of, 'annotations', OURS.scope)}.orValue('') == 'Pod'`,
      `(${['hostIPC', 'hostNetwork'].map((name) => `${field(of, `spec.k8s.${name}`, 'false')} == true`).join(' || ')}` +
        ` || variables.hostPorts${suffix(of)}.size() > 0` +
        ` || variables.mounts${suffix(of)}.exists(m, ${isGiven('m', "'tLocalVolume'")}))`,
    ].join(' && ');
  return checkValue({
    code: 'TLV305',
    name: 'podScope',
    value: (of) => where(isBad(of), "'Pod'"),
    bad: () => 'true',
    said: said(
      { metadata: { annotations: { [OURS.scope]: 'Pod' } }, k8s: { hostIPC: true } },
      { ...settings, classes: perNode },
    ),
  });
}

function daemonSetCheck(settings: Settings): Check {
  const isBad = (of: string) =>
    `${field(of, 'spec.k8s.daemonSet', 'false')} == true && variables.mounts${suffix(of)}.exists(m, ${isClaim('m')})`;
  return checkValue({
    code: 'TLV105',
    name: 'daemonSet',
    value: (of) => where(isBad(of), 'true'),
    bad: () => 'true',
    values: () => ({
      [VALUE]: `variables.mounts.filter(m, ${isClaim('m')}).map(m, ${string('m', 'name')}).join(', ')`,
    }),
    said: said(
      { k8s: { daemonSet: true, mounts: [{ name: VALUE, mountPath: '/x', source: { tLocalVolume: {} } }] } },
      settings,
    ),
  });
}
