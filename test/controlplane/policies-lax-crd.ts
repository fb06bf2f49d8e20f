/** A TServer CRD that knows the kind and nothing of its fields: what another product may have installed. */
export function laxCrd(): object {
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    },
    subresources: { status: {} },
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'tservers.k8s.tars.io' },
    spec: {
      group: 'k8s.tars.io',
      names: { kind: 'TServer', listKind: 'TServerList', plural: 'tservers', singular: 'tserver' },
      scope: 'Namespaced',
      versions: [version('v1beta3', true), version('v1beta2', false)],
    },
  };
}
