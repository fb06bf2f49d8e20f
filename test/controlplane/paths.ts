/** Where the API server has what tests and benches make most: in namespace `default`, unless of the whole cluster. */
export const CLAIMS = '/api/v1/namespaces/default/persistentvolumeclaims';
export const PODS = '/api/v1/namespaces/default/pods';
export const STATEFUL_SETS = '/apis/apps/v1/namespaces/default/statefulsets';
export const STORAGE_CLASSES = '/apis/storage.k8s.io/v1/storageclasses';
export const TSERVERS = '/apis/k8s.tars.io/v1beta3/namespaces/default/tservers';
export const VOLUMES = '/api/v1/persistentvolumes';
