import { classesText, DEFAULT_SETTINGS, parseClasses, type Settings } from '../../src/tars/settings.ts';
import { TSERVER_GROUP, TSERVER_VERSIONS } from '../../src/tars/vocabulary.ts';
import type { Check, Variable } from './policies-check.ts';
import { claimChecks } from './policies-claim.ts';
import { STATEFUL_SET_VARIABLES, statefulSetChecks } from './policies-statefulset.ts';
import { TSERVER_VARIABLES, tserverChecks } from './policies-tserver.ts';
import { bindingObject, patchText, policyObject, type PolicyObject } from './policy-object.ts';
import {
  documents,
  IS_CLAIM_CHANGED,
  isLocal,
  NAME,
  NAMESPACE_SELECTOR,
  NOT_DELETING,
  optedIn,
  type MatchCondition,
} from './webhooks-matching.ts';

/*
 * The rules of src/validate as the API server enforces them by itself, while our pods are down too.
 * What holds of every policy:
 * - It refuses what the webhook refuses, in the webhook's words, and what the webhook never leaves behind: half-made
 *   objects. It sees one object; what it cannot see, it lets pass (docs/install.md lists it).
 * - It lets pass what is being deleted, and what was wrong at the same value before.
 * - Its cost stays far below the API server's budget: no list is joined with another but short ones.
 * - Policies of all settings have the same checks at the same places, so that patches from one setting to
 *   another can be applied one after the other.
 */

interface Subject {
  readonly name: string;
  readonly apiGroup: string;
  readonly apiVersions: readonly string[];
  readonly resource: string;
  readonly conditions: readonly MatchCondition[];
  readonly variables: readonly Variable[];
  readonly checks: readonly Check[];
}

/** deploy/base/policies.yaml: the policies and their bindings. */
export function policies(settings: Settings): string {
  return documents('scripts/generate/policies.ts', [
    ...policyObjects(settings),
    ...SUBJECT_NAMES.map((name) => bindingObject(name)),
  ]);
}

export function policyObjects(settings: Settings): PolicyObject[] {
  return subjects(settings).map(policy);
}

export const PER_NODE: Settings = {
  ...DEFAULT_SETTINGS,
  classes: parseClasses(classesText('per-node')),
};
export const POSIX: Settings = { ...DEFAULT_SETTINGS, modePattern: 'posix' };

/** The patch of one policy from the default settings to others, for a kustomize component. */
export function policyPatch(name: string, settings: Settings): string {
  const [before, after] = [DEFAULT_SETTINGS, settings].map((each) =>
    policyObjects(each).find(({ metadata }) => metadata.name === `${NAME}-${name}`),
  );
  if (!before || !after) throw new Error(`no policy ${name}`);
  return patchText('scripts/generate/policies.ts', before, after);
}

export const SUBJECT_NAMES = ['tservers', 'statefulsets', 'claims'] as const;

function subjects(settings: Settings): Subject[] {
  return [
    {
      name: SUBJECT_NAMES[0],
      apiGroup: TSERVER_GROUP,
      apiVersions: TSERVER_VERSIONS,
      resource: 'tservers',
      conditions: [NOT_DELETING],
      variables: TSERVER_VARIABLES,
      checks: tserverChecks(settings),
    },
    {
      name: SUBJECT_NAMES[1],
      apiGroup: 'apps',
      apiVersions: ['v1'],
      resource: 'statefulsets',
      conditions: [NOT_DELETING, { name: 'opted-in', expression: optedIn(settings) }],
      variables: STATEFUL_SET_VARIABLES,
      checks: statefulSetChecks(settings),
    },
    {
      name: SUBJECT_NAMES[2],
      apiGroup: '',
      apiVersions: ['v1'],
      resource: 'persistentvolumeclaims',
      conditions: [
        NOT_DELETING,
        { name: 'served-class', expression: isLocal('object', settings) },
        // Scheduler and binder write each claim twice, and wait for it.
        { name: 'changed', expression: IS_CLAIM_CHANGED },
      ],
      variables: [
        { name: 'claims', expression: '[object]' },
        { name: 'claimsOld', expression: 'oldObject == null ? [] : [oldObject]' },
      ],
      checks: claimChecks({
        settings,
        items: 'variables.claims',
        old: 'variables.claimsOld',
        path: [],
        isObject: true,
        isCreate: "request.operation == 'CREATE'",
      }),
    },
  ];
}

function policy({ name, apiGroup, apiVersions, resource, conditions, variables, checks }: Subject) {
  return policyObject({
    name,
    rule: {
      apiGroups: [apiGroup],
      apiVersions,
      operations: ['CREATE', 'UPDATE'],
      resources: [resource],
      scope: 'Namespaced',
    },
    namespaceSelector: NAMESPACE_SELECTOR,
    conditions,
    variables: [...variables, ...checks.flatMap((check) => check.variables)],
    validations: checks.map(({ validation }) => ({ ...validation, reason: 'Invalid' })),
  });
}
