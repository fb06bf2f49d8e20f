import { OURS } from '../../src/tars/vocabulary.ts';
import { type Refusal, validation } from './agent-policy.ts';
import { entry } from './policies-cel.ts';
import { bindingObject, policyObject, type PolicyObject } from './policy-object.ts';
import { plain, say } from './say.ts';
import { documents } from './webhooks-matching.ts';

/*
 * An offer is cluster-wide, and a claim may select any: but its directory is of one namespace, so no claim of another
 * one may get it, whoever binds. Volumes without the label are never looked at. What was bound wrongly before, stays:
 * such a volume can still be changed, released and deleted.
 */

const NAME = 'bindings';

/** deploy/base/binding-policy.yaml. */
export function bindingPolicy(): string {
  return documents('scripts/generate/binding-policy.ts', [bindingPolicyObject(), bindingObject(NAME)]);
}

const label = (of: string) => entry(of, 'labels', OURS.namespace);
const claimed = (of: string) => `${of}.?spec.?claimRef.hasValue()`;
const claimant = (of: string) => `${of}.?spec.?claimRef.?namespace.orValue('')`;

export function bindingPolicyObject(): PolicyObject {
  return policyObject({
    name: NAME,
    rule: {
      apiGroups: [''],
      apiVersions: ['v1'],
      operations: ['CREATE', 'UPDATE'],
      resources: ['persistentvolumes'],
      scope: 'Cluster',
    },
    conditions: [
      {
        name: 'of-one-namespace',
        expression: `[object, oldObject].exists(v, v != null && ${label('v')}.hasValue())`,
      },
    ],
    variables: [
      { name: 'label', expression: `${label('object')}.orValue('')` },
      { name: 'labelOld', expression: `oldObject == null ? '' : ${label('oldObject')}.orValue('')` },
      { name: 'claimant', expression: claimant('object') },
    ],
    validations: [SAME_NAMESPACE, LABEL_STAYS].map(validation),
  });
}

const SAME_NAMESPACE: Refusal = {
  holds:
    `!${claimed('object')} || variables.label == '' || variables.label == variables.claimant || ` +
    `(oldObject != null && ${claimed('oldObject')} && variables.claimant == ${claimant('oldObject')})`,
  rule: 'a volume is bound to claims of its own namespace only',
  says: say`spec.claimRef.namespace: Forbidden: "${'variables.claimant'}": the volume's directory is of the namespace ${'variables.label'} (label ${plain(OURS.namespace)}), so no claim of another one may have it; let the claim select volumes of its own namespace: the webhook adds that term when the claim is made`,
};

const LABEL_STAYS: Refusal = {
  holds:
    `oldObject == null || !${claimed('object')} || variables.label == variables.labelOld || ` +
    // It may be put on a volume that has none: then it has to be true.
    "(variables.labelOld == '' && variables.label == variables.claimant)",
  rule: `the label ${OURS.namespace} stays as it is while the volume has a claim`,
  says: say`metadata.labels[${plain(OURS.namespace)}]: Forbidden: "${'variables.label'}": it was "${'variables.labelOld'}" when the volume got its claim, and says whose its directory is; leave it as long as spec.claimRef is set`,
};
