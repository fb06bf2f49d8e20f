import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import type { Variable } from './policies-check.ts';
import { text } from './policies-cel.ts';
import { policyObject, type PolicyObject } from './policy-object.ts';
import { plain, say } from './say.ts';
import { SYSTEM_NAMESPACE } from './webhooks-matching.ts';

/** The classes whose volumes are an agent's business. */
export const CLASSES = [...DEFAULT_SETTINGS.classes.keys()];

/** Of a token that is bound to a pod, since Kubernetes 1.30. */
const NODE_NAME = 'authentication.kubernetes.io/node-name';

export interface Refusal {
  /** CEL of what has to be. */
  readonly holds: string;
  /** The rule, for where `says` cannot be made: a value was too long. */
  readonly rule: string;
  /** CEL of `field: Forbidden: value: rule; remedy`. */
  readonly says: string;
}

interface AgentPolicy {
  readonly name: string;
  readonly apiGroup: string;
  readonly resource: string;
  /** In the product's namespace, in any, or in none. */
  readonly scope: 'Ours' | 'Namespaced' | 'Cluster';
  readonly operations: readonly ('CREATE' | 'UPDATE' | 'DELETE')[];
  readonly variables: readonly Variable[];
  readonly refusals: readonly Refusal[];
}

/** CEL of the agent's node; every refusal but the first may take it as known. */
export const NODE = 'variables.node';

/**
 * What agents, and nobody else, are held to on one resource. The node is the one that the agent's token is bound to:
 * the kubelet asks for such a token, and can ask for none of another node's pod.
 */
export function agentPolicy({ apiGroup, resource, scope, operations, ...policy }: AgentPolicy): PolicyObject {
  return policyObject({
    name: policy.name,
    rule: {
      apiGroups: [apiGroup],
      apiVersions: ['v1'],
      operations,
      resources: [resource],
      scope: scope === 'Cluster' ? 'Cluster' : 'Namespaced',
    },
    ...(scope === 'Ours' ? { namespaceSelector: OUR_NAMESPACE } : {}),
    conditions: [
      {
        name: 'by-an-agent',
        expression: `request.userInfo.username == 'system:serviceaccount:${SYSTEM_NAMESPACE}:t-local-volume-agent'`,
      },
    ],
    variables: [
      { name: 'nodes', expression: `request.userInfo.?extra[?${text(NODE_NAME)}].orValue([])` },
      { name: 'node', expression: "variables.nodes.size() == 1 ? variables.nodes[0] : ''" },
      ...policy.variables,
    ],
    validations: [NAMES_A_NODE, ...policy.refusals].map(validation),
  });
}

/** Every node renews a Lease of its own in another namespace: those are never looked at, and agents have no right to them. */
const OUR_NAMESPACE = { matchLabels: { 'kubernetes.io/metadata.name': SYSTEM_NAMESPACE } };

const NAMES_A_NODE: Refusal = {
  holds: `${NODE} != ''`,
  rule: 'the token of an agent has to name its node',
  says: say`userInfo.extra[${plain(NODE_NAME)}]: Required value: the token of ${'request.userInfo.username'} names no node, so nobody can tell what it may touch; use the one that the kubelet gives to the agent's pod`,
};

export function validation({ holds, rule, says }: Refusal) {
  return { expression: holds, message: rule, messageExpression: says, reason: 'Forbidden' as const };
}
