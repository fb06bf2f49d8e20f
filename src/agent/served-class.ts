import type { ClassParameters } from '../tars/class-parameters.ts';
import { quantityOf } from '../tars/quantity.ts';
import { PROVISIONER } from '../tars/vocabulary.ts';
import type { ClaimView } from './claim-view.ts';
import type { ClassView } from './class-view.ts';
import { absolutePath, type PathState } from './state.ts';
import { type Storage, storageFor } from './storage.ts';

/** Of classes whose volumes are offered before anybody has chosen one. */
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

/** The class, or why it cannot be served: a fault that no other node could mend, so the claim stays as it is. */
export function classFor(state: PathState, claim: ClaimView): Served | { readonly fault: string } {
  const storageClass = state.classes.get(claim.storageClass);
  if (!storageClass)
    return { fault: `there is no StorageClass ${claim.storageClass}; make it, or delete the claim` };
  const { name, parameters } = storageClass;
  const provisioner = claim.way === 'on-demand' ? PROVISIONER : NO_PROVISIONER;
  if (storageClass.provisioner !== provisioner) {
    return {
      fault: `StorageClass ${name} has provisioner ${storageClass.provisioner}, and the agent is told that it is ${claim.way}, which means ${provisioner}; set --classes of webhook and agents to what the class is`,
    };
  }
  if ('fault' in parameters) return { fault: `StorageClass ${name}: ${parameters.fault}` };
  return (
    sizeFault(claim, parameters) ?? { ...storageClass, storage: storageFor(parameters, claim.requestBytes) }
  );
}

/** A class, and how it wants the volume of this claim to be kept. */
export type Served = ClassView & { readonly storage: Storage };

function sizeFault(
  { request, requestBytes, storageClass, volumeName }: ClaimView,
  { maxBytes }: ClassParameters,
): { readonly fault: string } | undefined {
  // One that has its volume has asked for more since.
  if (requestBytes <= maxBytes || volumeName !== undefined) return undefined;
  return {
    fault: `spec.resources.requests.storage: ${request} is more than the ${quantityOf(maxBytes)} that StorageClass ${storageClass} allows (parameter maxSize); ask for less, or use another class`,
  };
}

/** Why no volume can be where it is to be, that no other node could mend either. */
export const placeFault = (state: PathState, claim: ClaimView, wanted: Storage): string | undefined =>
  inTheWay(state) ?? keptOtherwise(state, claim, wanted);

/** Data stays as it is kept: whoever takes it over has to want it so. */
function keptOtherwise({ entry, kept }: PathState, claim: ClaimView, wanted: Storage): string | undefined {
  const { backend } = kept.storage;
  if (backend === wanted.backend || entry?.claim?.uid === claim.uid) return undefined;
  return `what is there is kept by backend ${backend}, and StorageClass ${claim.storageClass} says ${wanted.backend}; use a class of backend ${backend}, or move the data`;
}

/** Something is in the way at the path: what it is stays, and so does the claim. */
function inTheWay(state: PathState): string | undefined {
  const { found } = state;
  if (found.kind === 'blocked') return found.why;
  if (found.kind !== 'mounted') return undefined;
  return `something is mounted at or below ${absolutePath(state)} on node ${state.site.node}; unmount it, or rename the volume`;
}
