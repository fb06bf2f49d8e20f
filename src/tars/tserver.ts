import * as z from 'zod';
import {
  DNS_LABEL_MAX,
  DNS_LABEL_PATTERN,
  ID_PATTERN,
  MAX_LIST_ITEMS,
  MODE_PATTERNS,
  MOUNT_PATH_PATTERN,
  OWNER_DEFAULTS,
  PORT_RANGE,
  SERVER_NAME_MAX,
  SERVER_NAME_PATTERN,
} from './patterns.ts';
import { claim, metadata } from './shapes.ts';
import { TSERVER_GROUP, TSERVER_KIND, TSERVER_VERSIONS } from './vocabulary.ts';

/**
 * The TServer custom resource (seed: tserver.k8s.mounts.source.tLocalVolume), v1beta3 and v1beta2 alike.
 * The types are what zod checks; what a *value* must be is said by `meta` for the CRD schema and by the
 * rules in src/validate for people, because a rule can tell how to mend it. All else is preserved.
 */

const flag = z.boolean().nullish();
const text = z.string().nullish();
const open = z.looseObject({}).nullish();
const texts = z.array(z.string()).max(MAX_LIST_ITEMS).nullish();

const port = z.number().meta({ type: 'integer', minimum: PORT_RANGE.min, maximum: PORT_RANGE.max });
const serverName = z.string().meta({ pattern: SERVER_NAME_PATTERN, maxLength: SERVER_NAME_MAX });
/** Unknown on purpose: a number instead of a string is the commonest mistake, and the rule says how to write it. */
const id = z
  .unknown()
  .optional()
  .meta({ type: 'string', pattern: ID_PATTERN, maxLength: 6, default: OWNER_DEFAULTS.uid });
const mode = z
  .unknown()
  .optional()
  .meta({ type: 'string', pattern: MODE_PATTERNS.seed, maxLength: 4, default: OWNER_DEFAULTS.mode });

const localVolume = z.looseObject({ uid: id, gid: id, mode });

/** Every source that a mount may have; exactly one of them is given. */
const sources = {
  configMap: open,
  downwardAPI: open,
  emptyDir: open,
  hostPath: open,
  persistentVolumeClaim: open,
  persistentVolumeClaimTemplate: claim.nullish(),
  secret: open,
  tLocalVolume: localVolume.nullish(),
};

export const MOUNT_SOURCES = [
  'configMap',
  'downwardAPI',
  'emptyDir',
  'hostPath',
  'persistentVolumeClaim',
  'persistentVolumeClaimTemplate',
  'secret',
  'tLocalVolume',
] as const satisfies readonly (keyof typeof sources)[];

const mount = z.looseObject({
  name: z.string().meta({ pattern: DNS_LABEL_PATTERN, maxLength: DNS_LABEL_MAX }),
  mountPath: z.string().meta({ pattern: MOUNT_PATH_PATTERN, maxLength: 4096 }),
  mountPropagation: text.meta({ type: 'string', enum: ['None', 'HostToContainer', 'Bidirectional'] }),
  readOnly: flag,
  source: z.looseObject(sources).nullish(),
  subPath: text,
  subPathExpr: text,
});

const namedPort = z.looseObject({
  name: z.string().meta({ maxLength: DNS_LABEL_MAX }),
  port,
  isTcp: flag,
});

const k8s = z.looseObject({
  args: texts,
  command: texts,
  daemonSet: flag,
  env: z
    .array(z.looseObject({ name: z.string() }))
    .max(1024)
    .nullish(),
  envFrom: z.array(z.looseObject({})).max(MAX_LIST_ITEMS).nullish(),
  hostIPC: flag,
  hostNetwork: flag,
  hostPorts: z
    .array(z.looseObject({ nameRef: z.string().meta({ maxLength: DNS_LABEL_MAX }), port }))
    .max(MAX_LIST_ITEMS)
    .nullish(),
  imagePullPolicy: text,
  mounts: z.array(mount).max(MAX_LIST_ITEMS).nullish(),
  podManagementPolicy: text,
  readinessGates: texts,
  replicas: z.number().nullish().meta({ type: 'integer', minimum: 0 }),
  resources: open,
  serviceAccount: text,
  updateStrategy: open,
});

export const tserver = z.looseObject({
  apiVersion: text,
  kind: text,
  metadata,
  spec: z.looseObject({
    app: serverName,
    server: serverName,
    subType: text.meta({ type: 'string', enum: ['tars', 'normal'] }),
    k8s: k8s.nullish(),
    normal: z.looseObject({ ports: z.array(namedPort).max(MAX_LIST_ITEMS).nullish() }).nullish(),
    release: z
      .looseObject({
        id: text,
        image: text,
        secret: text,
      })
      .nullish(),
    tars: z
      .looseObject({
        ports: z.array(namedPort).max(MAX_LIST_ITEMS).nullish(),
        servants: z.array(namedPort).max(MAX_LIST_ITEMS).nullish(),
      })
      .nullish(),
  }),
});

export type TServer = z.infer<typeof tserver>;
export type LocalVolume = z.infer<typeof localVolume>;
export type TServerMount = z.infer<typeof mount>;
export type TServerK8S = z.infer<typeof k8s>;
type NamedPort = z.infer<typeof namedPort>;

/** True for every version of the TServer kind that we read. */
export function isTServerKind(apiVersion: unknown, kind: unknown): boolean {
  return (
    kind === TSERVER_KIND && TSERVER_VERSIONS.some((version) => apiVersion === `${TSERVER_GROUP}/${version}`)
  );
}

/** Mounts that become claim templates, in the TServer's order: templates as given and local volumes. */
export function claimMounts(server: TServer | undefined): readonly TServerMount[] {
  return (server?.spec.k8s?.mounts ?? []).filter(
    ({ source }) => source?.persistentVolumeClaimTemplate ?? source?.tLocalVolume,
  );
}

/** True when the server uses what belongs to one host, so that it must not move (seed: delay-bind). */
export function usesHost(server: TServer | undefined): boolean {
  const { hostIPC, hostNetwork, hostPorts } = server?.spec.k8s ?? {};
  return Boolean(hostIPC) || Boolean(hostNetwork) || (hostPorts ?? []).length > 0;
}

/** The ports that a host port may refer to: servants and ports, by name. */
export function namedPorts(server: TServer): readonly NamedPort[] {
  const { tars, normal } = server.spec;
  return [...(tars?.servants ?? []), ...(tars?.ports ?? []), ...(normal?.ports ?? [])];
}

/** The protocol of a servant or port, TCP unless it says otherwise. */
export function protocolOf({ isTcp }: Pick<NamedPort, 'isTcp'>): 'TCP' | 'UDP' {
  return isTcp === false ? 'UDP' : 'TCP';
}

/** The one name of a TServer and its StatefulSet: lower(app)-lower(server). */
export function tserverName(app: string, server: string): string {
  return `${app}-${server}`.toLowerCase();
}
