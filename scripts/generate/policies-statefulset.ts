import {
  APP_LABEL_PATTERN,
  LABEL_VALUE_MAX,
  LABEL_VALUE_PATTERN,
  MAX_LIST_ITEMS,
} from '../../src/tars/patterns.ts';
import type { Settings } from '../../src/tars/settings.ts';
import type { PodSpec, StatefulSet } from '../../src/tars/shapes.ts';
import {
  ANNOTATION,
  DEFAULT_REQUEST,
  LABEL,
  OURS,
  PLACEHOLDER,
  STORAGE_CLASS,
  TARSK8S_STORAGE_CLASS,
} from '../../src/tars/vocabulary.ts';
import { validateStatefulSet } from '../../src/validate/statefulset.ts';
import { entry, field, fits, list, text } from './policies-cel.ts';
import {
  checkDuplicates,
  checkItems,
  checkValue,
  type Check,
  type Said,
  type Variable,
} from './policies-check.ts';
import { claimChecks, HALF_MADE } from './policies-claim.ts';
import { OTHER, VALUE } from './policies-words.ts';
import { hasServerLabels, isLocal } from './webhooks-matching.ts';

const KINDS = ['initContainers', 'containers'] as const;

export const STATEFUL_SET_VARIABLES: readonly Variable[] = [
  { name: 'old', expression: 'oldObject == null ? dyn({}) : dyn(oldObject)' },
  // The list is immutable, so it is looked at when it is made.
  {
    name: 'templates',
    expression: `request.operation == 'CREATE' ? ${field('object', 'spec.volumeClaimTemplates', '[]')} : []`,
  },
  ...KINDS.flatMap((kind) => [
    { name: kind, expression: field('object', `spec.template.spec.${kind}`, '[]') },
    { name: `${kind}Old`, expression: field('variables.old', `spec.template.spec.${kind}`, '[]') },
  ]),
];

/**
 * The rules on a StatefulSet that need no look at its TServer, in the order of src/validate/statefulset.ts.
 * Mount paths are not among them: the API server compares them itself.
 */
export function statefulSetChecks(settings: Settings): Check[] {
  return [
    ...labelChecks(settings),
    scopeCheck(settings),
    podScopeCheck(settings),
    ...reservedChecks(settings),
    reservedTemplateCheck(settings),
    ...claimChecks({
      settings,
      items: 'variables.templates',
      path: ['spec', 'volumeClaimTemplates', 0],
      isObject: false,
      isCreate: 'true',
    }),
    volumesUniqueCheck(settings),
    tiedCheck(),
  ];
}

const OWN_LABELS = { [LABEL.app]: 'shop', [LABEL.server]: 'cart' };

function said(sample: { metadata?: object; pod?: PodSpec; templates?: object[] }, settings: Settings): Said {
  const { metadata = { labels: OWN_LABELS }, pod = {}, templates = [] } = sample;
  const set: StatefulSet = {
    metadata: { name: 'cart', ...metadata },
    spec: { template: { spec: pod }, volumeClaimTemplates: templates as never },
  };
  return validateStatefulSet(set, { namespace: 'default', settings }).violations;
}

function labelChecks(settings: Settings): Check[] {
  const rules = [
    ['label', LABEL.app, APP_LABEL_PATTERN],
    ['labelServer', LABEL.server, LABEL_VALUE_PATTERN],
  ] as const;
  return rules.map(([name, key, pattern]) =>
    checkValue({
      code: 'TLV405',
      name: `own${name}`,
      value: (of) => entry(of, 'labels', key),
      bad: (value) => `${hasServerLabels('object')} && !(${fits(value, pattern, LABEL_VALUE_MAX)})`,
      values: (value) => ({ [VALUE]: value }),
      said: said({ metadata: { labels: { ...OWN_LABELS, [key]: VALUE } } }, settings),
    }),
  );
}

function scopeCheck(settings: Settings): Check {
  return checkValue({
    code: 'TLV304',
    name: 'ownScope',
    value: (of) => entry(of, 'annotations', OURS.scope),
    bad: (value) => `!(${value} in ['Node', 'Pod'])`,
    values: (value) => ({ [VALUE]: value }),
    said: said({ metadata: { labels: OWN_LABELS, annotations: { [OURS.scope]: VALUE } } }, settings),
  });
}

function podScopeCheck(settings: Settings): Check {
  const unable = list(
    [...settings.classes].flatMap(([name, { way }]) => (way === 'on-demand' ? [] : [name])),
  );
  const perNode = new Map([[STORAGE_CLASS, { way: 'per-node', sizeEnforced: false }]] as const);
  const sample = {
    metadata: { labels: OWN_LABELS, annotations: { [OURS.scope]: 'Pod' } },
    templates: [{ spec: { storageClassName: STORAGE_CLASS } }],
  };
  const ofClass = `t, ${field('t', 'spec.storageClassName', "''")} in ${unable}`;
  return checkValue({
    code: 'TLV305',
    name: 'ownPodScope',
    value: (of) => entry(of, 'annotations', OURS.scope),
    bad: (value) => `${value} == 'Pod' && variables.templates.exists(${ofClass})`,
    values: () => ({ [STORAGE_CLASS]: `variables.templates.filter(${ofClass})[0].spec.storageClassName` }),
    said: said(sample, { ...settings, classes: perNode }),
  });
}

/** Pod volumes, and mounts of both kinds of containers, of the reserved name. */
function reservedChecks(settings: Settings): Check[] {
  const named = (mounts: string) => `${mounts}.exists(m, m.name == ${text(PLACEHOLDER)})`;
  const mounts = (container: string) => field(container, 'volumeMounts', '[]');
  const isOld = (places: string) => `${places}.exists(p, ${named(mounts('p'))})`;
  const volumes = (of: string) => field(of, 'spec.template.spec.volumes', '[]');
  return [
    checkItems({
      code: 'TLV201',
      name: 'reservedVolume',
      items: volumes('object'),
      old: volumes('variables.old'),
      bad: (volume) => `${volume}.name == ${text(PLACEHOLDER)}`,
      said: said({ pod: { volumes: [{ name: PLACEHOLDER }] } }, settings),
    }),
    ...KINDS.map((kind) =>
      checkItems({
        code: 'TLV201',
        name: `${kind}Reserved`,
        items: `variables.${kind}`,
        bad: (container) => `${named(mounts(container))} && !${isOld(`variables.${kind}Old`)}`,
        inner: (container) => `${mounts(container)}.map(m, m.name == ${text(PLACEHOLDER)}).indexOf(true)`,
        said: said(
          { pod: { [kind]: [{ volumeMounts: [{ name: PLACEHOLDER, mountPath: '/x' }] }] } },
          settings,
        ),
      }),
    ),
  ];
}

/** A template of the reserved name that is not, by itself, what we or TarsK8S would have made. */
function reservedTemplateCheck(settings: Settings): Check {
  const served = (template: string) => isLocal(template, settings);
  const matchLabels = (template: string) => `${template}.?spec.?selector.?matchLabels`;
  const discovery = list(
    [...settings.classes].flatMap(([name, { way }]) => (way === 'discovery' ? [name] : [])),
  );
  const isExact = (template: string) => {
    const labels = Object.values(LABEL).map((key) =>
      key === LABEL.volume
        ? `${entry(template, 'labels', key)}.orValue('') == ${text(PLACEHOLDER)}`
        : `${entry(template, 'labels', key)}.hasValue()`,
    );
    const agrees = `${matchLabels(template)}.orValue({}).all(k, ${template}.metadata.labels[?k].orValue('') == ${matchLabels(template)}[?k].orValue(''))`;
    const isBare = [
      ...Object.values(ANNOTATION).map((key) => `${entry(template, 'annotations', key)}.orValue('') == ''`),
      `${field(template, 'spec.accessModes', '[]')} == ['ReadWriteOnce']`,
      `quantity(${field(template, 'spec.resources.requests.storage', "'0'")}).compareTo(quantity('${DEFAULT_REQUEST}')) == 0`,
      `${field(template, 'spec.volumeMode', "'Filesystem'")} == 'Filesystem'`,
    ];
    const isOurs = [
      ...labels,
      agrees,
      `!${template}.?spec.?selector.?matchExpressions.hasValue()`,
      `(${field(template, 'spec.storageClassName', "''")} in ${discovery} || ${matchLabels(template)}.orValue({}).size() >= 3)`,
    ];
    const isTarsK8s = `${field(template, 'spec.storageClassName', "''")} == '${TARSK8S_STORAGE_CLASS}'`;
    return `${isBare.join(' && ')} && (${served(template)} ? ${isOurs.join(' && ')} : ${isTarsK8s})`;
  };
  return checkItems({
    code: 'TLV201',
    name: 'reservedTemplate',
    items: 'variables.templates',
    bad: (template) => `${template}.metadata.name == ${text(PLACEHOLDER)} && !(${isExact(template)})`,
    said: said({ templates: [{ metadata: { name: PLACEHOLDER } }] }, settings),
  });
}

/** Local templates of one StatefulSet are one directory each. */
function volumesUniqueCheck(settings: Settings): Check {
  const key = Object.values(LABEL).map((name) => `${entry('t', 'labels', name)}.orValue('')`);
  return checkDuplicates({
    code: 'TLV407',
    name: 'volumes',
    // The others have a key of their own, so that places in both lists are the same.
    keys: `variables.templates.map(t, ${isLocal('t', settings)} ? ${key.join(" + '/' + ")} : ' ' + t.metadata.name)`,
    atMost: MAX_LIST_ITEMS,
    values: (_key, first, last) => ({
      [OTHER]: `variables.templates[${first}].metadata.name`,
      [VALUE]: `${entry(`variables.templates[${last}]`, 'labels', LABEL.volume)}.orValue('')`,
    }),
    said: said(
      {
        templates: [OTHER, 'second'].map((name) => ({
          metadata: { name, labels: { ...OWN_LABELS, [LABEL.volume]: VALUE } },
          spec: { storageClassName: STORAGE_CLASS },
        })),
      },
      settings,
    ),
  });
}

/** Opted in, on the host's IPC, network or ports, and yet free to move: the webhook was not asked. */
function tiedCheck(): Check {
  const pod = 'object.spec.template.spec';
  const ports = KINDS.map(
    (kind) =>
      `variables.${kind}.exists(c, ${field('c', 'ports', '[]')}.exists(p, ${field('p', 'hostPort', '0')} != 0))`,
  );
  const usesHost = [field(pod, 'hostIPC', 'false'), field(pod, 'hostNetwork', 'false'), ...ports];
  const isBound = `variables.templates.exists(t, t.metadata.name == ${text(PLACEHOLDER)})`;
  return checkItems({
    code: 'TLV501',
    name: 'untied',
    items: `(request.operation == 'CREATE' ? [object] : [])`,
    isObject: true,
    bad: () => `(${usesHost.join(' || ')}) && !${isBound}`,
    said: {
      path: ['spec', 'volumeClaimTemplates'],
      message: `Required value: the pods use the host's IPC, network or ports, and the template ${PLACEHOLDER}, which ties each replica to its node, is missing: ${HALF_MADE}`,
    },
  });
}
