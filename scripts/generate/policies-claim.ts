import { selectorKeys } from '../../src/tars/claim-template.ts';
import type { Path } from '../../src/tars/finding.ts';
import {
  APP_LABEL_PATTERN,
  ID_PATTERN,
  LABEL_VALUE_MAX,
  LABEL_VALUE_PATTERN,
  MODE_PATTERNS,
} from '../../src/tars/patterns.ts';
import type { ClassWay, Settings } from '../../src/tars/settings.ts';
import type { Claim } from '../../src/tars/shapes.ts';
import { ANNOTATION, LABEL, OURS, STORAGE_CLASS } from '../../src/tars/vocabulary.ts';
import type { RuleCode } from '../../src/validate/catalogue.ts';
import { checkClaim, checkGeneratedName, checkVolumeName } from '../../src/validate/claim-rules.ts';
import { entry, field, fits, list, text } from './policies-cel.ts';
import { checkItems, type Check, type Said } from './policies-check.ts';
import { OTHER, VALUE, type Substitutions } from './policies-words.ts';
import { isLocal, isOfClass, SYSTEM_NAMESPACE } from './webhooks-matching.ts';

/** Where claims stand: in a list of templates, or alone as the object itself. */
export interface ClaimPlace {
  readonly settings: Settings;
  /** CEL of the list. */
  readonly items: string;
  /** CEL of the stored list, where what is wrong there already passes. */
  readonly old?: string;
  readonly path: Path;
  /** True where `items` is a list of the object alone. */
  readonly isObject: boolean;
  /** CEL that holds where only what is created is looked at. */
  readonly isCreate: string;
}

interface ClaimRule {
  readonly code: RuleCode;
  readonly name: string;
  readonly bad: (claim: string) => string;
  readonly value?: (claim: string) => string;
  readonly values?: (claim: string) => Substitutions;
  readonly inner?: (claim: string) => string;
  readonly sample: Claim;
  /** What the sample is checked with, where the setting at hand would allow it. */
  readonly way?: ClassWay;
  readonly isCreateOnly?: boolean;
  /** For claims themselves: a template has its name from people. */
  readonly isObjectOnly?: boolean;
  readonly message?: { readonly path: Path; readonly text: string };
}

/** The rules on claims and claim templates of the served classes, in the order of src/validate/claim-rules.ts. */
export function claimChecks(place: ClaimPlace): Check[] {
  const { settings, items, old, path, isObject, isCreate } = place;
  const rules = claimRules(settings).filter((rule) => isObject || !rule.isObjectOnly);
  return rules.map((rule) =>
    checkItems({
      code: rule.code,
      name: rule.name,
      items,
      ...(old && !rule.isCreateOnly ? { old } : {}),
      isObject,
      bad: (claim) =>
        [...(rule.isCreateOnly ? [isCreate] : []), isLocal(claim, settings), rule.bad(claim)]
          .filter((condition) => condition !== 'true')
          .join(' && '),
      ...(rule.value ? { value: rule.value } : {}),
      ...(rule.values ? { values: rule.values } : {}),
      ...(rule.inner ? { inner: rule.inner } : {}),
      said: saidOf(rule, path, settings),
    }),
  );
}

function saidOf({ message, sample, way }: ClaimRule, path: Path, settings: Settings): Said {
  if (message) return { path: [...path, ...message.path], message: message.text };
  const adjusted: Settings = way
    ? { ...settings, classes: new Map([[STORAGE_CLASS, { way, sizeEnforced: false }]]) }
    : settings;
  const claim = { ...sample, spec: { storageClassName: STORAGE_CLASS, ...sample.spec } };
  return [checkClaim, checkVolumeName, checkGeneratedName].flatMap((check) => check(claim, path, adjusted));
}

function claimRules(settings: Settings): ClaimRule[] {
  return [
    ...labelRules(),
    ...specRules(settings),
    ...selectorRules(settings),
    ...annotationRules(settings),
    ...halfMadeRules(settings),
  ];
}

const label = (claim: string, key: string, otherwise: string): string =>
  `${entry(claim, 'labels', key)}.orValue(${otherwise})`;
const annotation = (claim: string, key: string, otherwise: string): string =>
  `${entry(claim, 'annotations', key)}.orValue(${otherwise})`;
const term = (claim: string, key: string): string =>
  `${claim}.?spec.?selector.?matchLabels[?${text(key)}].orValue('')`;

const LABEL_RULES = [
  ['label', LABEL.volume, LABEL_VALUE_PATTERN],
  ['labelApp', LABEL.app, APP_LABEL_PATTERN],
  ['labelServer', LABEL.server, LABEL_VALUE_PATTERN],
] as const;

function labelRules(): ClaimRule[] {
  return LABEL_RULES.map(([name, key, pattern]) => ({
    code: 'TLV405',
    name,
    bad: (claim) => `!(${fits(label(claim, key, "'x'"), pattern, LABEL_VALUE_MAX)})`,
    value: (claim) => label(claim, key, "'x'"),
    values: (claim) => ({ [VALUE]: label(claim, key, "''") }),
    sample: { metadata: { labels: { [key]: VALUE } } },
  }));
}

function specRules(settings: Settings): ClaimRule[] {
  const modes = (claim: string) => field(claim, 'spec.accessModes', '[]');
  const other = "!(m in ['ReadWriteOnce', 'ReadWriteOncePod'])";
  const volumeMode = (claim: string) => field(claim, 'spec.volumeMode', "'Filesystem'");
  const volumeName = (claim: string) => field(claim, 'spec.volumeName', "''");
  const block = isOfClassOf('discovery', settings);
  return [
    {
      code: 'TLV401',
      name: 'accessMode',
      bad: (claim) => `${modes(claim)}.exists(m, ${other})`,
      value: (claim) => `${modes(claim)}.filter(m, ${other})`,
      values: (claim) => ({ [VALUE]: `${modes(claim)}.filter(m, ${other})[0]` }),
      inner: (claim) => `${modes(claim)}.map(m, ${other}).indexOf(true)`,
      sample: { spec: { accessModes: [VALUE] } },
    },
    {
      code: 'TLV402',
      name: 'volumeMode',
      bad: (claim) =>
        `${volumeMode(claim)} != 'Filesystem' && !(${volumeMode(claim)} == 'Block' && ${block(claim)})`,
      value: volumeMode,
      values: (claim) => ({ [VALUE]: volumeMode(claim) }),
      sample: { spec: { volumeMode: VALUE } },
    },
    ...(['dataSource', 'dataSourceRef'] as const).map((source): ClaimRule => ({
      code: 'TLV403',
      name: source,
      bad: (claim) => `${claim}.?spec.?${source}.hasValue()`,
      sample: { spec: { [source]: {} } },
    })),
    {
      code: 'TLV406',
      name: 'volumeName',
      bad: (claim) => `${volumeName(claim)} != ''`,
      values: (claim) => ({ [VALUE]: volumeName(claim) }),
      sample: { spec: { volumeName: VALUE } },
      isCreateOnly: true,
    },
  ];
}

function selectorRules(settings: Settings): ClaimRule[] {
  const keys = selectorKeys({ way: 'per-node' });
  const perNode = isOfClassOf('per-node', settings);
  return keys.map((key, index) => ({
    code: 'TLV404',
    name: `selector${index}`,
    bad: (claim) =>
      (key === OURS.namespace ? `${perNode(claim)} && ` : '') +
      `${term(claim, key)} != '' && ${label(claim, key, "''")} != '' && ` +
      `${term(claim, key)} != ${label(claim, key, "''")}`,
    value: (claim) => term(claim, key),
    values: (claim) => ({ [VALUE]: term(claim, key), [OTHER]: label(claim, key, "''") }),
    way: 'per-node',
    sample: {
      metadata: { labels: { [key]: OTHER } },
      spec: { selector: { matchLabels: { [key]: VALUE } } },
    },
  }));
}

function annotationRules(settings: Settings): ClaimRule[] {
  const annotated = (key: string, otherwise: string, value: string) => ({
    value: (claim: string) => annotation(claim, key, text(otherwise)),
    values: (claim: string): Substitutions => ({ [value]: annotation(claim, key, "''") }),
    sample: { metadata: { annotations: { [key]: value } } },
  });
  const matches = (key: string, otherwise: string, pattern: string, longest: number) => (claim: string) =>
    fits(annotation(claim, key, text(otherwise)), pattern, longest);
  const pattern = MODE_PATTERNS[settings.modePattern];
  const isMode = matches(ANNOTATION.mode, '755', pattern, 4);
  const isPosix = matches(ANNOTATION.mode, '755', MODE_PATTERNS.posix, 4);
  const scope = (claim: string) => annotation(claim, OURS.scope, "'Node'");
  const notOnDemand = isOfClasses(
    [...settings.classes].filter(([, { way }]) => way !== 'on-demand').map(([name]) => name),
  );
  return [
    {
      code: 'TLV301',
      name: 'uid',
      bad: (claim) => `!(${matches(ANNOTATION.uid, '0', ID_PATTERN, 6)(claim)})`,
      ...annotated(ANNOTATION.uid, '0', VALUE),
    },
    {
      code: 'TLV302',
      name: 'gid',
      bad: (claim) => `!(${matches(ANNOTATION.gid, '0', ID_PATTERN, 6)(claim)})`,
      ...annotated(ANNOTATION.gid, '0', VALUE),
    },
    {
      code: 'TLV303',
      name: 'mode',
      bad: (claim) => `!(${isPosix(claim)})`,
      ...annotated(ANNOTATION.mode, '755', VALUE),
    },
    // Right but for the digit 0: the advice is another one. Where 0 is allowed, never.
    {
      code: 'TLV303',
      name: 'modeWithZero',
      bad: (claim) => `${isPosix(claim)} && !(${isMode(claim)})`,
      ...annotated(ANNOTATION.mode, '755', settings.modePattern === 'seed' ? '700' : VALUE),
    },
    {
      code: 'TLV304',
      name: 'scope',
      bad: (claim) => `!(${scope(claim)} in ['Node', 'Pod'])`,
      ...annotated(OURS.scope, 'Node', VALUE),
    },
    {
      code: 'TLV305',
      name: 'podScope',
      bad: (claim) => `${scope(claim)} == 'Pod' && ${notOnDemand(claim)}`,
      value: scope,
      values: (claim) => ({ [STORAGE_CLASS]: field(claim, 'spec.storageClassName', "''") }),
      way: 'per-node',
      sample: { metadata: { annotations: { [OURS.scope]: 'Pod' } } },
    },
  ];
}

/** What the webhook fills in where it can: who sees it missing was not helped by the webhook. */
function halfMadeRules(settings: Settings): ClaimRule[] {
  const perNode = isOfClassOf('per-node', settings);
  const discovery = isOfClassOf('discovery', settings);
  const labels = list(Object.values(LABEL));
  const generateName = (claim: string) => field(claim, 'metadata.generateName', "''");
  const missing = (claim: string, has: string) => `${labels}.filter(k, !(${has.replaceAll('$', claim)}))`;
  const hasLabel = "$.?metadata.?labels[?k].orValue('') != ''";
  const hasTerm = "$.?spec.?selector.?matchLabels[?k].orValue('') != ''";
  const lacksLabel = (claim: string) => `${missing(claim, hasLabel)}.size() > 0`;
  const lacksTerm = (claim: string) => `!(${discovery(claim)}) && ${missing(claim, hasTerm)}.size() > 0`;
  const lacksNamespace = (claim: string) =>
    `${perNode(claim)} && ` +
    `(${label(claim, OURS.namespace, "''")} == '' || ${term(claim, OURS.namespace)} == '')`;
  const rule = (
    name: string,
    code: RuleCode,
    bad: ClaimRule['bad'],
    path: Path,
    what: string,
  ): ClaimRule => ({
    code,
    name,
    bad,
    isCreateOnly: true,
    sample: {},
    message: { path, text: `Required value: ${what} ${HALF_MADE}` },
  });
  return [
    // Before the next one, which would send people to a webhook that cannot help: it is asked before there is a name.
    {
      code: 'TLV405',
      name: 'generatedName',
      bad: (claim) =>
        `${generateName(claim)} != '' && (${lacksLabel(claim)} || ${lacksTerm(claim)} || ${lacksNamespace(claim)})`,
      value: generateName,
      values: (claim) => ({ [VALUE]: generateName(claim) }),
      isCreateOnly: true,
      isObjectOnly: true,
      sample: { metadata: { generateName: VALUE } },
    },
    {
      ...rule('withoutLabel', 'TLV405', lacksLabel, ['metadata', 'labels'], `the label ${VALUE} is missing:`),
      values: (claim) => ({ [VALUE]: `${missing(claim, hasLabel)}[0]` }),
    },
    {
      ...rule(
        'withoutSelector',
        'TLV404',
        lacksTerm,
        ['spec', 'selector', 'matchLabels'],
        `${VALUE} is missing:`,
      ),
      values: (claim) => ({ [VALUE]: `${missing(claim, hasTerm)}[0]` }),
    },
    rule(
      'withoutNamespace',
      'TLV404',
      lacksNamespace,
      ['spec', 'selector', 'matchLabels'],
      `${OURS.namespace} is missing here or in the labels, so that a volume of another namespace could be bound:`,
    ),
  ];
}

/** Why something is missing, and what to do. */
export const HALF_MADE =
  'the webhook fills it in, and it was not asked; apply again when its pods are Ready ' +
  `(kubectl -n ${SYSTEM_NAMESPACE} get pods), or apply what \`tlv render\` makes of the manifest`;

function isOfClassOf(way: ClassWay, settings: Settings): (claim: string) => string {
  return isOfClasses([...settings.classes].filter(([, of]) => of.way === way).map(([name]) => name));
}

/** Also where there is no such class, so that policies of all settings have the same checks at the same places. */
function isOfClasses(names: readonly string[]): (claim: string) => string {
  return (claim) => isOfClass(claim, names);
}
