import { agentLeaseName } from '../../src/tars/agent-lease.ts';
import { HOSTNAME_LABEL, OURS } from '../../src/tars/vocabulary.ts';
import { agentPolicy, CLASSES, NODE, type Refusal } from './agent-policy.ts';
import { claimPolicy } from './agent-policies-claim.ts';
import { claimStatusPolicy } from './agent-policies-claim-status.ts';
import { entry, field, list, text } from './policies-cel.ts';
import { bindingObject, patchText, type PolicyObject } from './policy-object.ts';
import { plain, say } from './say.ts';
import { documents } from './webhooks-matching.ts';

/*
 * What RBAC cannot say: an agent touches what is of its own node. So whoever takes over one node gets hold of that
 * node's volumes, and of no other's.
 * - Objects are looked at as they were and as they are to be, so that nothing is handed over or taken.
 * - What selects nodes has to be of one form, exactly: whatever could mean another node is refused unread.
 * - One policy a resource, so that the API server checks the types of each.
 */

/** How volumes and capacities name a node: as its token does, or by any one hostname where the two differ. */
export type Hostnames = 'as-nodes' | 'relaxed';

const SOURCE = 'scripts/generate/agent-policies.ts';

/** deploy/base/agent-policies.yaml. */
export function agentPolicies(): string {
  const objects = agentPolicyObjects('as-nodes');
  const names = objects.map(({ metadata }) => metadata.name.replace('t-local-volume-', ''));
  return documents(SOURCE, [...objects, ...names.map((name) => bindingObject(name))]);
}

export function agentPolicyObjects(hostnames: Hostnames): PolicyObject[] {
  return [
    volumePolicy(hostnames),
    capacityPolicy(hostnames),
    leasePolicy(),
    claimPolicy(),
    claimStatusPolicy(),
  ];
}

/** Those that are other ones where hostnames are relaxed, as patches. */
export function relaxedPatches(): { readonly name: string; readonly text: string }[] {
  return [volumePolicy, capacityPolicy].map((policy) => {
    const [before, after] = [policy('as-nodes'), policy('relaxed')];
    return {
      name: before.metadata.name.replace('t-local-volume-', ''),
      text: patchText(SOURCE, before, after),
    };
  });
}

const HOSTNAME = 'variables.hostname';

/** Disks that are found are of classes that people choose: such a volume says so, as it was and as it is to be. */
function servedClass(items: string): Refusal {
  const name = (of: string) => field(of, 'spec.storageClassName', "''");
  const isDiscovered = `${entry('i', 'annotations', OURS.discovered)}.orValue('') == 'true'`;
  return classRefusal(items, 'spec.storageClassName', name, isDiscovered);
}

function classRefusal(
  items: string,
  path: string,
  name: (of: string) => string,
  isExempt = 'false',
): Refusal {
  const isServed = `${name('i')} in ${list(CLASSES)}`;
  const bad = `${items}.filter(i, !(${isExempt === 'false' ? isServed : `${isServed} || ${isExempt}`}))`;
  const rule = `an agent may only touch what is of a served class (${CLASSES.join(', ')})`;
  return {
    holds: `${bad}.size() == 0`,
    rule,
    says: say`${plain(path)}: Forbidden: "${name(`${bad}[0]`)}": ${plain(rule)}; leave it to whoever made it, or serve the class and generate the policies for it`,
  };
}

function volumePolicy(hostnames: Hostnames): PolicyObject {
  const label = (of: string) => entry(of, 'labels', HOSTNAME_LABEL);
  const terms = (of: string) => field(of, 'spec.nodeAffinity.required.nodeSelectorTerms', '[]');
  const part = (of: string, name: string) => `${of}.?${name}.orValue([])`;
  const isOwn = [
    `${terms('v')}.size() == 1`,
    `${terms('v')}.all(t, ${part('t', 'matchFields')}.size() == 0 && ${part('t', 'matchExpressions')}.size() == 1 && ` +
      `${part('t', 'matchExpressions')}.all(e, e.key == '${HOSTNAME_LABEL}' && e.operator == 'In' && ` +
      `e.?values.orValue([]) == [${HOSTNAME}]))`,
  ].join(' && ');
  const shown =
    `${terms('variables.foreign[0]')}.map(t, (${part('t', 'matchFields')} + ${part('t', 'matchExpressions')})` +
    ".map(e, e.key + ' ' + e.operator + ' [' + e.?values.orValue([]).join(', ') + ']').join(' and ')).join(' or ')";
  return agentPolicy({
    name: 'agent-volumes',
    apiGroup: '',
    resource: 'persistentvolumes',
    scope: 'Cluster',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    variables: [
      { name: 'volumes', expression: '[object, oldObject].filter(v, v != null)' },
      {
        name: 'hostname',
        expression: hostnames === 'relaxed' ? `${label('variables.volumes[0]')}.orValue('')` : NODE,
      },
      { name: 'foreign', expression: `variables.volumes.filter(v, !(${isOwn}))` },
      {
        name: 'mislabelled',
        expression: `variables.volumes.filter(v, ${label('v')}.orValue(${HOSTNAME}) != ${HOSTNAME})`,
      },
    ],
    refusals: [
      servedClass('variables.volumes'),
      {
        holds: 'variables.volumes.all(v, v.?spec.?local.hasValue())',
        rule: 'an agent may only touch volumes of the type local',
        says: say`spec.local: Required value: an agent may only touch volumes of the type local, which cannot leave their node; leave this one to whoever made it`,
      },
      {
        holds: 'variables.foreign.size() == 0',
        rule: 'an agent may only touch volumes of its own node',
        says: say`spec.nodeAffinity.required.nodeSelectorTerms: Forbidden: "${shown}": the agent of node ${NODE} may only touch volumes whose one and only term is ${plain(HOSTNAME_LABEL)} In [${HOSTNAME}]; leave this one to its own node, or, where hostnames are not the nodes' names, install the component relaxed-hostname`,
      },
      {
        holds: 'variables.mislabelled.size() == 0',
        rule: `the label ${HOSTNAME_LABEL} has to agree with the node affinity`,
        says: say`metadata.labels[${plain(HOSTNAME_LABEL)}]: Forbidden: "${`${label('variables.mislabelled[0]')}.orValue('')`}": volumes are found by this label, so it has to be the hostname that their affinity names, ${HOSTNAME}; write that`,
      },
    ],
  });
}

function capacityPolicy(hostnames: Hostnames): PolicyObject {
  const labels = (of: string) => `${of}.?nodeTopology.?matchLabels.orValue({})`;
  const expressions = (of: string) => `${of}.?nodeTopology.?matchExpressions.orValue([])`;
  const first = 'variables.foreign[0]';
  const shown =
    `(${labels(first)}.map(k, k + '=' + ${labels(first)}[k]) + ` +
    `${expressions(first)}.map(e, e.key + ' ' + e.operator)).join(', ')`;
  return agentPolicy({
    name: 'agent-capacities',
    apiGroup: 'storage.k8s.io',
    resource: 'csistoragecapacities',
    scope: 'Ours',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    variables: [
      { name: 'capacities', expression: '[object, oldObject].filter(c, c != null)' },
      {
        name: 'hostname',
        expression:
          hostnames === 'relaxed'
            ? `${labels('variables.capacities[0]')}[?'${HOSTNAME_LABEL}'].orValue('')`
            : NODE,
      },
      {
        name: 'foreign',
        expression:
          `variables.capacities.filter(c, ${expressions('c')}.size() > 0 || ` +
          `${labels('c')} != {'${HOSTNAME_LABEL}': ${HOSTNAME}})`,
      },
    ],
    refusals: [
      classRefusal('variables.capacities', 'storageClassName', (of) => `${of}.?storageClassName.orValue('')`),
      {
        holds: 'variables.foreign.size() == 0',
        rule: 'an agent may only say how much room its own node has',
        says: say`nodeTopology: Forbidden: "${shown}": the agent of node ${NODE} may only touch capacities whose topology is ${plain(HOSTNAME_LABEL)}=${HOSTNAME} and nothing else; leave this one to its own node, or, where hostnames are not the nodes' names, install the component relaxed-hostname`,
      },
    ],
  });
}

/** The prefix of every agent's Lease, and of those of nodes with very long names. */
const LEASE_PREFIX = agentLeaseName('');
const LEASE_HASHED = /^.*sha256-/.exec(agentLeaseName('n'.repeat(253)))![0];

function leasePolicy(): PolicyObject {
  const own = `${text(LEASE_PREFIX)} + ${NODE}`;
  const name = 'object.metadata.name';
  return agentPolicy({
    name: 'agent-leases',
    apiGroup: 'coordination.k8s.io',
    resource: 'leases',
    scope: 'Ours',
    operations: ['CREATE', 'UPDATE'],
    variables: [],
    refusals: [
      {
        // CEL has no hash: nodes whose names are too long for a Lease's could write each other's.
        holds: `${name} == ${own} || ((${own}).size() > 253 && ${name}.startsWith(${text(LEASE_HASHED)}))`,
        rule: 'an agent may only write the Lease of its own node',
        says: say`metadata.name: Forbidden: "${name}": by it another agent is known to live; the agent of node ${NODE} may only write ${own}`,
      },
    ],
  });
}
