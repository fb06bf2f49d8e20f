import { OURS, SELECTED_NODE } from '../../src/tars/vocabulary.ts';
import { agentPolicy, NODE, type Refusal } from './agent-policy.ts';
import { text } from './policies-cel.ts';
import type { PolicyObject } from './policy-object.ts';
import { plain, say } from './say.ts';

const CHOSEN = 'variables.chosen';
const ROUTE = 'variables.route';
const FREED = 'variables.freed';

/**
 * Claims are their owners': of its own node's an agent may drop the scheduler's choice, and set where it is routed. The
 * mark by which it frees a claim it may take off again (src/cluster/free-claim.ts), wherever the claim is by then.
 */
export function claimPolicy(): PolicyObject {
  return agentPolicy({
    name: 'agent-claims',
    apiGroup: '',
    resource: 'persistentvolumeclaims',
    scope: 'Namespaced',
    operations: ['UPDATE'],
    variables: [
      ...MAPS.flatMap((map) => [
        { name: map, expression: `object.metadata.?${map}.orValue({})` },
        { name: `${map}Old`, expression: `oldObject.metadata.?${map}.orValue({})` },
      ]),
      { name: 'chosen', expression: `variables.annotations[?${text(SELECTED_NODE)}].orValue('')` },
      { name: 'chosenOld', expression: `variables.annotationsOld[?${text(SELECTED_NODE)}].orValue('')` },
      { name: 'route', expression: `variables.labels[?${text(OURS.node)}].orValue('')` },
      { name: 'routeOld', expression: `variables.labelsOld[?${text(OURS.node)}].orValue('')` },
      { name: 'freed', expression: `variables.annotations[?${text(OURS.freedFrom)}].orValue('')` },
      { name: 'freedOld', expression: `variables.annotationsOld[?${text(OURS.freedFrom)}].orValue('')` },
      ...MAPS.map((map) => ({
        name: `${map}Other`,
        expression: `(variables.${map}.map(k, k) + variables.${map}Old.map(k, k)).filter(k, !(${mayChange(map)}) && variables.${map}[?k] != variables.${map}Old[?k])`,
      })),
    ],
    refusals: [
      IS_OWN,
      KEEPS_OR_DROPS,
      ROUTES_HERE,
      MARKS_ITS_OWN,
      ...MAPS.map(keepsOthers),
      ...['spec', ...OF_ITS_OWNER].map((path) => keeps(path, 'whoever made the claim')),
    ],
  });
}

const MAPS = ['annotations', 'labels'] as const;
const MAY_CHANGE = { annotations: [SELECTED_NODE, OURS.freedFrom], labels: [OURS.node] } as const;

const mayChange = (map: (typeof MAPS)[number]): string =>
  MAY_CHANGE[map].map((key) => `k == ${text(key)}`).join(' || ');
const IS_CHOSEN = `variables.chosenOld == ${NODE}`;

const IS_OWN: Refusal = {
  holds: `${IS_CHOSEN} || variables.freedOld == ${NODE}`,
  rule: 'an agent may only change claims that the scheduler gave to its node',
  says: say`metadata.annotations[${plain(SELECTED_NODE)}]: Forbidden: "${'variables.chosenOld'}": the agent of node ${NODE} may only change claims that the scheduler gave to its node; leave this one to the node that it was given to`,
};

const KEEPS_OR_DROPS: Refusal = {
  holds: `${CHOSEN} == variables.chosenOld || (${CHOSEN} == '' && ${IS_CHOSEN})`,
  rule: "an agent may drop the scheduler's choice of its node, and put no other in its place",
  says: say`metadata.annotations[${plain(SELECTED_NODE)}]: Forbidden: "${CHOSEN}": an agent may drop the scheduler's choice of its node, and put no other in its place; take the annotation away, and the scheduler chooses again`,
};

const ROUTES_HERE: Refusal = {
  // A node whose name is no label value goes by a hash, which CEL cannot make.
  holds:
    ['variables.routeOld', CHOSEN].map((each) => `${ROUTE} == ${each}`).join(' || ') +
    ` || (${IS_CHOSEN} && ${ROUTE} in ['', ${NODE}]) || ${ROUTE}.startsWith('sha256-')`,
  rule: "the routing label follows the scheduler's choice",
  says: say`metadata.labels[${plain(OURS.node)}]: Forbidden: "${ROUTE}": the routing label follows the scheduler's choice, which is ${'variables.chosenOld'}; write that, or leave the label to the webhook`,
};

const MARKS_ITS_OWN: Refusal = {
  holds: `${FREED} in ['', ${NODE}, variables.freedOld]`,
  rule: 'an agent may only mark claims as freed from its own node',
  says: say`metadata.annotations[${plain(OURS.freedFrom)}]: Forbidden: "${FREED}": an agent may only mark claims as freed from its own node, ${NODE}; write that, or take the annotation away`,
};

function keepsOthers(map: (typeof MAPS)[number]): Refusal {
  const [now, old, other] = [`variables.${map}`, `variables.${map}Old`, `variables.${map}Other`];
  const isFree = mayChange(map);
  const rule = `of a claim's ${map} an agent may change ${MAY_CHANGE[map].join(' and ')} only`;
  return {
    // No list is made here, because that is dear, and a claim may have very many annotations.
    holds:
      `${now}.all(k, ${isFree} || (k in ${old} && ${old}[k] == ${now}[k])) && ` +
      `${old}.all(k, ${isFree} || k in ${now})`,
    rule,
    says: say`metadata.${plain(map)}[${`${other}[0]`}]: Forbidden: "${`${now}[?${other}[0]].orValue('')`}": ${plain(rule)}; leave the others as they are`,
  };
}

const OF_ITS_OWNER = ['metadata.finalizers', 'metadata.ownerReferences'] as const;

/** Metadata, spec and status are always there; what is in them may be missing. */
export function keeps(path: string, owner: string): Refusal {
  const value = (of: string) => `${of}.${path.replace('.', '.?')}`;
  const what = `belongs to ${owner}, and no agent may change it`;
  return {
    holds: `${value('object')} == ${value('oldObject')}`,
    rule: `${path} ${what}`,
    says: say`${plain(path)}: Forbidden: it is not what it was, and it ${plain(what)}; leave it as it is`,
  };
}
