import type { StatefulSet } from './shapes.ts';
import { MOUNT_SOURCES, protocolOf, type TServer, type TServerK8S } from './tserver.ts';
import { LABEL } from './vocabulary.ts';
import { volumeMount } from './volume-mount.ts';

/**
 * The StatefulSet that a TServer stands for, before its claim templates are added (seed: the expansion
 * of tarsconfig). Placement and side cars that TarsK8S adds from its framework configuration are not in
 * the TServer and so not here. A daemonSet TServer stands for none.
 */
export function statefulSetOf(server: TServer): StatefulSet | undefined {
  const { app, server: serverName } = server.spec;
  const k8s: TServerK8S = server.spec.k8s ?? {};
  const { name, namespace } = server.metadata ?? {};
  if (k8s.daemonSet || !name) return undefined;
  const labels = { [LABEL.app]: app, [LABEL.server]: serverName };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, ...(namespace ? { namespace } : {}), labels },
    spec: {
      podManagementPolicy: k8s.podManagementPolicy ?? 'Parallel',
      replicas: k8s.replicas ?? 1,
      selector: { matchLabels: labels },
      serviceName: name,
      template: { metadata: { name, labels }, spec: podSpec(server, k8s, name) },
      ...given({ updateStrategy: k8s.updateStrategy }),
    },
  };
}

function podSpec(server: TServer, k8s: TServerK8S, name: string) {
  const volumes = podVolumes(k8s);
  const secret = server.spec.release?.secret;
  return {
    containers: [container(server, k8s, name)],
    ...given({
      hostIPC: k8s.hostIPC || undefined,
      hostNetwork: k8s.hostNetwork || undefined,
      dnsPolicy: k8s.hostNetwork ? 'ClusterFirstWithHostNet' : undefined,
      imagePullSecrets: secret ? [{ name: secret }] : undefined,
      readinessGates: k8s.readinessGates?.map((conditionType) => ({ conditionType })),
      serviceAccountName: k8s.serviceAccount,
      volumes: volumes.length > 0 ? volumes : undefined,
    }),
  };
}

function container(server: TServer, k8s: TServerK8S, name: string) {
  const ports = containerPorts(server, k8s);
  const mounts = (k8s.mounts ?? []).map(volumeMount);
  return {
    name,
    ...given({
      image: server.spec.release?.image,
      imagePullPolicy: k8s.imagePullPolicy,
      command: k8s.command,
      args: k8s.args,
      env: k8s.env,
      envFrom: k8s.envFrom,
      ports: ports.length > 0 ? ports : undefined,
      resources: k8s.resources,
      volumeMounts: mounts.length > 0 ? mounts : undefined,
    }),
  };
}

/** Named ports always; servants only where a host port refers to them, as TarsK8S does. */
function containerPorts({ spec }: TServer, k8s: TServerK8S) {
  const hostPorts = new Map((k8s.hostPorts ?? []).map(({ nameRef, port }) => [nameRef, port]));
  const hostPort = (name: string) => (k8s.hostNetwork ? {} : given({ hostPort: hostPorts.get(name) }));
  const named = [...(spec.tars?.ports ?? []), ...(spec.normal?.ports ?? [])].map(({ name, port, isTcp }) => ({
    name,
    containerPort: port,
    ...hostPort(name),
    protocol: protocolOf({ isTcp }),
  }));
  const servants = (spec.tars?.servants ?? [])
    .filter(({ name }) => hostPorts.has(name))
    .map(({ name, port, isTcp }) => ({
      // A servant's name is no port name; this is what TarsK8S writes.
      name: `p${hostPorts.get(name) ?? 0}-${port}`,
      containerPort: port,
      ...hostPort(name),
      protocol: protocolOf({ isTcp }),
    }));
  return [...named, ...servants];
}

/** Volumes of the mounts whose source is a volume source of pods; the other two become claim templates. */
function podVolumes(k8s: TServerK8S) {
  return (k8s.mounts ?? []).flatMap(({ name, source }) => {
    const kind = MOUNT_SOURCES.find(
      (candidate) =>
        candidate !== 'tLocalVolume' && candidate !== 'persistentVolumeClaimTemplate' && source?.[candidate],
    );
    return kind ? [{ name, [kind]: source?.[kind] }] : [];
  });
}

/** The fields that have a value. */
function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  );
}
