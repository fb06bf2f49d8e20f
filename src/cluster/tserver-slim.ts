import type { TServer } from '../tars/tserver.ts';
import { OURS } from '../tars/vocabulary.ts';

/**
 * What mutation and rules ask of a TServer that they look up, and nothing else: a cluster has thousands of them, and
 * managedFields, environment, profile and status are most of each.
 */
export function slimTServer({ metadata, spec }: TServer): TServer {
  const { app, server, subType, k8s } = spec;
  const scope = metadata?.annotations?.[OURS.scope];
  return {
    metadata: {
      name: metadata?.name,
      namespace: metadata?.namespace,
      annotations: scope === undefined ? undefined : { [OURS.scope]: scope },
      deletionTimestamp: metadata?.deletionTimestamp,
    },
    spec: {
      app,
      server,
      subType,
      k8s: k8s && {
        mounts: k8s.mounts,
        hostIPC: k8s.hostIPC,
        hostNetwork: k8s.hostNetwork,
        hostPorts: k8s.hostPorts,
        daemonSet: k8s.daemonSet,
      },
    },
  };
}
