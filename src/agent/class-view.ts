import type { KubeObject } from '../cluster/kube-object.ts';
import { type ClassParameters, readClassParameters } from '../tars/class-parameters.ts';
import { isRecord, textAt, textOf, valueAt } from '../tars/json.ts';
import type { Scope } from '../tars/ownership.ts';

/** Where the API server has them. */
export const STORAGE_CLASSES = '/apis/storage.k8s.io/v1/storageclasses';

/** A StorageClass, as far as its volumes depend on it. */
export interface ClassView {
  readonly name: string;
  readonly provisioner: string;
  readonly reclaimPolicy: string;
  readonly allowsExpansion: boolean;
  /** Of its volumes, for the kubelet; undefined where there are none. */
  readonly mountOptions?: readonly string[];
  /** How its volumes are kept, or why that cannot be told, in words for people. */
  readonly parameters: ClassParameters | { readonly fault: string };
}

export function readClassView(object: KubeObject): ClassView {
  const parameters = valueAt(object, ['parameters']);
  const options = valueAt(object, ['mountOptions']);
  return {
    name: object.metadata.name,
    provisioner: textAt(object, 'provisioner') ?? '',
    reclaimPolicy: textAt(object, 'reclaimPolicy') ?? 'Delete',
    allowsExpansion: valueAt(object, ['allowVolumeExpansion']) === true,
    parameters: readClassParameters(isRecord(parameters) ? parameters : {}),
    ...(Array.isArray(options) && options.length > 0 ? { mountOptions: options.map(textOf) } : {}),
  };
}

/** What these classes say of claims that do not say it themselves. */
export const scopeIn =
  (classes: ReadonlyMap<string, ClassView>) =>
  (storageClass: string): Scope | undefined => {
    const parameters = classes.get(storageClass)?.parameters;
    return parameters && !('fault' in parameters) ? parameters.scope : undefined;
  };
