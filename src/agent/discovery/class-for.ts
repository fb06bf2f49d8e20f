import type { ClassView } from '../class-view.ts';

/** Of classes whose volumes are there before anybody asks for one. */
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';
const POLICIES = ['Delete', 'Retain'];

/** The class, or why its volumes cannot be offered. */
export function classFor(
  name: string,
  classes: ReadonlyMap<string, ClassView>,
): ClassView | { readonly fault: string } {
  const storageClass = classes.get(name);
  if (!storageClass) return { fault: `there is no StorageClass ${name}; make it` };
  const { provisioner, reclaimPolicy } = storageClass;
  if (provisioner !== NO_PROVISIONER) {
    return {
      fault: `StorageClass ${name} has provisioner ${provisioner}, and disks that are discovered need ${NO_PROVISIONER}; make the class again with that`,
    };
  }
  if (POLICIES.includes(reclaimPolicy)) return storageClass;
  return {
    fault: `StorageClass ${name} has reclaimPolicy ${reclaimPolicy}, which is not supported; make it again with ${POLICIES.join(' or ')}`,
  };
}
