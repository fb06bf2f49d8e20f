import { classOf } from './agent-model-backends.ts';
import { APP, NAMESPACE } from './agent-model-view.ts';
import type { Kind } from './agent-model-state.ts';

/** What is applied, as people write it: the webhook adds the rest. */
export function statefulSet(name: string, kind: Kind, replicas: number): object {
  const labels = { 'tars.io/ServerApp': APP, 'tars.io/ServerName': name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name,
      namespace: NAMESPACE,
      labels,
      annotations: { 'local.tars.io/scope': kind === 'Pod' ? 'Pod' : 'Node' },
    },
    spec: {
      replicas,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          // Then each replica is tied to its node by the reserved claim.
          ...(kind === 'pinned' ? { hostIPC: true } : {}),
          containers: [{ name, image: 'server:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: classOf(name).request } },
            storageClassName: classOf(name).name,
          },
        },
      ],
    },
  };
}
