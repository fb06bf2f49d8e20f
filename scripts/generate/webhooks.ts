import type { Settings } from '../../src/tars/settings.ts';
import { OURS, SELECTED_NODE, TSERVER_GROUP, TSERVER_VERSIONS } from '../../src/tars/vocabulary.ts';
import { entry } from './policies-cel.ts';
import { patchText } from './policy-object.ts';
import {
  documents,
  IS_CLAIM_CHANGED,
  isChanged,
  isLocal,
  NAME,
  NAMESPACE_SELECTOR,
  NEVER_A_SERVER,
  NOT_DELETING,
  optedIn,
  SYSTEM_NAMESPACE,
  withServerLabel,
  type MatchCondition,
} from './webhooks-matching.ts';

/*
 * What holds of every entry:
 * - Only opted-in StatefulSets and TServers can ever be kept waiting by a webhook that is down.
 * - Nothing that leaves spec and labels as they were is sent: status, finalizers and bookkeeping go on without us.
 * - Subresources are not listed, so scale and status never come here.
 * - No caBundle: the webhook, or cert-manager, puts it in while it runs, and applying this file again keeps it.
 */

interface Entry {
  readonly name: string;
  readonly resource: 'tservers' | 'statefulsets' | 'persistentvolumeclaims';
  readonly operations: readonly ('CREATE' | 'UPDATE')[];
  readonly failurePolicy: 'Fail' | 'Ignore';
  readonly timeoutSeconds: number;
  readonly selector?: object;
  readonly conditions?: readonly MatchCondition[];
}

const RESOURCES = {
  tservers: { apiGroups: [TSERVER_GROUP], apiVersions: TSERVER_VERSIONS },
  statefulsets: { apiGroups: ['apps'], apiVersions: ['v1'] },
  persistentvolumeclaims: { apiGroups: [''], apiVersions: ['v1'] },
} as const;

const SOURCE = 'scripts/generate/webhooks.ts';

/** deploy/base/webhooks.yaml: both configurations. */
export function webhooks(settings: Settings): string {
  return documents(SOURCE, webhookObjects(settings));
}

/** One patch for either of them: StatefulSets that say nothing of TServers are not sent. */
export function optedInOnlyPatch(settings: Settings): string {
  const after = webhookObjects(settings, 'never');
  const patches = webhookObjects(settings).map((before, index) => patchText(SOURCE, before, after[index]!));
  const [patch, ...same] = new Set(patches);
  if (patch === undefined || same.length > 0) throw new Error('the two configurations need a patch each');
  return patch;
}

/** Whether those StatefulSets are sent that only a TServer's name can make ours. */
type AskAboutOthers = 'always' | 'never';

function webhookObjects(settings: Settings, others: AskAboutOthers = 'always'): object[] {
  const sets = statefulSetEntries(settings, others);
  return [
    configuration('MutatingWebhookConfiguration', '/mutate', [
      // Nothing is changed of a TServer; it is refused here before the schema refuses it bit by bit.
      tserverEntry(),
      ...sets,
      ...claimEntries(settings, ROUTE_CHANGES),
    ]),
    configuration('ValidatingWebhookConfiguration', '/validate', [
      tserverEntry(),
      ...sets,
      ...claimEntries(settings, IS_CLAIM_CHANGED),
    ]),
  ];
}

/**
 * A TARS server says so by its labels. To compare those costs the API server next to nothing, where an expression costs it
 * some 0.4 ms, twice for each object that is changed (docs/performance.md): so it has to work out less about servers.
 */
function statefulSetEntries(settings: Settings, others: AskAboutOthers): Entry[] {
  const changed = {
    name: 'changed',
    expression: isChanged(
      (of) => `${of}.spec`,
      (of) => `${of}.metadata.?labels`,
    ),
  };
  const ours = { resource: 'statefulsets', failurePolicy: 'Fail', timeoutSeconds: 5 } as const;
  return [
    {
      ...ours,
      name: 'create.servers.local.tars.io',
      operations: ['CREATE'],
      selector: withServerLabel('Exists'),
    },
    {
      ...ours,
      name: 'update.servers.local.tars.io',
      operations: ['UPDATE'],
      selector: withServerLabel('Exists'),
      conditions: [NOT_DELETING, changed],
    },
    {
      ...ours,
      name: 'opted-in.statefulsets.local.tars.io',
      operations: ['CREATE', 'UPDATE'],
      selector: withServerLabel('DoesNotExist'),
      conditions: [
        NOT_DELETING,
        NEVER_A_SERVER,
        { name: 'opted-in', expression: optedIn(settings) },
        changed,
      ],
    },
    {
      // A TServer of the same name makes it ours, and only the webhook can know.
      name: 'other.statefulsets.local.tars.io',
      resource: 'statefulsets',
      operations: ['CREATE', 'UPDATE'],
      failurePolicy: 'Ignore',
      timeoutSeconds: 2,
      selector: withServerLabel('DoesNotExist'),
      conditions: [
        NOT_DELETING,
        NEVER_A_SERVER,
        { name: 'not-opted-in', expression: others === 'never' ? 'false' : `!${optedIn(settings)}` },
        changed,
      ],
    },
  ];
}

function tserverEntry(): Entry {
  const expression = isChanged(
    (of) => `${of}.?spec`,
    (of) => entry(of, 'annotations', OURS.scope),
  );
  return {
    name: 'tservers.local.tars.io',
    resource: 'tservers',
    operations: ['CREATE', 'UPDATE'],
    failurePolicy: 'Fail',
    timeoutSeconds: 5,
    conditions: [NOT_DELETING, { name: 'changed', expression }],
  };
}

/** The binder has one worker, and it updates claims: there a slow webhook stalls the cluster. */
function claimEntries(settings: Settings, changes: string): Entry[] {
  const served = { name: 'served-class', expression: isLocal('object', settings) };
  const common = { resource: 'persistentvolumeclaims', failurePolicy: 'Ignore' } as const;
  return [
    {
      ...common,
      name: 'create.claims.local.tars.io',
      operations: ['CREATE'],
      timeoutSeconds: 3,
      conditions: [NOT_DELETING, served],
    },
    {
      ...common,
      name: 'update.claims.local.tars.io',
      operations: ['UPDATE'],
      timeoutSeconds: 1,
      conditions: [NOT_DELETING, served, { name: 'changed', expression: changes }],
    },
  ];
}

/** The scheduler chose, or label and choice do not stand side by side as they should. */
const ROUTE_CHANGES = [
  `${entry('object', 'annotations', SELECTED_NODE)} != ${entry('oldObject', 'annotations', SELECTED_NODE)}`,
  `${entry('object', 'labels', OURS.node)} != ${entry('oldObject', 'labels', OURS.node)}`,
  `(${entry('object', 'annotations', SELECTED_NODE)}.orValue('') != '') != ` +
    `${entry('object', 'labels', OURS.node)}.hasValue()`,
].join(' || ');

function configuration(kind: string, path: string, entries: readonly Entry[]): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: NAME, labels: { 'app.kubernetes.io/name': NAME } },
    webhooks: entries.map((each) => ({
      name: each.name,
      admissionReviewVersions: ['v1'],
      clientConfig: { service: { namespace: SYSTEM_NAMESPACE, name: `${NAME}-webhook`, path, port: 443 } },
      failurePolicy: each.failurePolicy,
      ...(each.conditions ? { matchConditions: each.conditions } : {}),
      matchPolicy: 'Equivalent',
      namespaceSelector: NAMESPACE_SELECTOR,
      ...(each.selector ? { objectSelector: each.selector } : {}),
      ...(kind === 'MutatingWebhookConfiguration' ? { reinvocationPolicy: 'IfNeeded' } : {}),
      rules: [
        {
          ...RESOURCES[each.resource],
          operations: each.operations,
          resources: [each.resource],
          scope: 'Namespaced',
        },
      ],
      sideEffects: 'None',
      timeoutSeconds: each.timeoutSeconds,
    })),
  };
}
