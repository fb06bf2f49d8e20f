import { OURS, SELECTED_NODE } from '../../src/tars/vocabulary.ts';
import { agentPolicy, NODE, type Refusal } from './agent-policy.ts';
import { keeps } from './agent-policies-claim.ts';
import { entry } from './policies-cel.ts';
import type { PolicyObject } from './policy-object.ts';
import { plain, say } from './say.ts';

/**
 * The last step of an expansion: how large the volume is now, and that nobody waits for it any longer. Who may write the
 * status may write the metadata too, so that is looked at here as well; the spec is what it was, for the API server puts
 * it back.
 */
export function claimStatusPolicy(): PolicyObject {
  return agentPolicy({
    name: 'agent-claim-sizes',
    apiGroup: '',
    resource: 'persistentvolumeclaims/status',
    scope: 'Namespaced',
    operations: ['UPDATE'],
    variables: [
      { name: 'chosen', expression: `${entry('oldObject', 'annotations', SELECTED_NODE)}.orValue('')` },
      { name: 'isOffered', expression: `${entry('oldObject', 'labels', OURS.namespace)}.hasValue()` },
    ],
    refusals: [
      IS_OWN,
      ...METADATA.map((path) => keeps(path, 'whoever made the claim')),
      ...STATUS.map((path) => keeps(path, "the cluster's own controllers")),
    ],
  });
}

const IS_OWN: Refusal = {
  // The scheduler writes down no choice where it finds a volume that a node has offered.
  holds: `variables.chosen == ${NODE} || (variables.chosen == '' && variables.isOffered)`,
  rule: 'an agent may only say how large claims are that its node holds',
  says: say`metadata.annotations[${plain(SELECTED_NODE)}]: Forbidden: "${'variables.chosen'}": the agent of node ${NODE} may only say how large claims are that the scheduler gave to its node, or that have the label ${plain(OURS.namespace)} and were given to none; leave this one to the node that holds it`,
};

const METADATA = [
  'metadata.labels',
  'metadata.annotations',
  'metadata.finalizers',
  'metadata.ownerReferences',
];

/** All that a claim's status has in Kubernetes 1.30 to 1.36, but capacity and conditions. */
const STATUS = [
  'phase',
  'accessModes',
  'allocatedResources',
  'allocatedResourceStatuses',
  'currentVolumeAttributesClassName',
  'modifyVolumeStatus',
].map((field) => `status.${field}`);
