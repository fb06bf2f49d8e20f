/** Where pepr keeps what modules remember; it does not start without. Its own set-up makes the same. */
const GROUP = 'pepr.dev';

export const PEPR_OBJECTS: readonly object[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pepr-system' } },
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `peprstores.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'peprstores', singular: 'peprstore', kind: 'PeprStore' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { data: { type: 'object', additionalProperties: { type: 'string' } } },
            },
          },
        },
      ],
    },
  },
];
