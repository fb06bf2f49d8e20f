/** Where the product's own manifests (deploy/base) put things. */
export const INSTALLED = {
  namespace: 't-local-volume-system',
  serviceName: 't-local-volume-webhook',
  secretName: 't-local-volume-webhook-certs',
  configuration: 't-local-volume',
} as const;
