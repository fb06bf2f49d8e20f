import * as z from 'zod';

/**
 * The parts of Kubernetes' own objects that we read, as loose zod objects: whatever else is there is kept.
 * Source: core/v1 and apps/v1 of the Kubernetes API. Optional fields may be null, as YAML writes them.
 */

/**
 * An object of which these fields are read. zod's copy of it has no others, which is cheaper, and is thrown away
 * (validate/read.ts); the object that came in may have any.
 */
const part = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$loose> =>
  z.object(shape).meta({ additionalProperties: true });

/** Values stay unknown: YAML turns `1000` into a number, and the rules say so better than a type error. */
const stringMap = part({}).nullish();
const text = z.string().nullish();
const flag = z.boolean().nullish();

const ownerReference = part({ apiVersion: text, controller: flag, kind: text, name: text });

export const metadata = part({
  name: text,
  namespace: text,
  labels: stringMap,
  annotations: stringMap,
  ownerReferences: z.array(ownerReference).nullish(),
  deletionTimestamp: text,
}).nullish();

const labelSelector = part({ matchLabels: stringMap }).nullish();

const claimSpec = part({
  accessModes: z.array(z.string()).nullish(),
  dataSource: part({}).nullish(),
  dataSourceRef: part({}).nullish(),
  resources: part({ requests: stringMap }).nullish(),
  selector: labelSelector,
  storageClassName: text,
  volumeMode: text,
  volumeName: text,
}).nullish();

export const claim = part({ metadata, spec: claimSpec });

const volumeMount = part({ name: text, mountPath: text });

const container = part({
  name: text,
  ports: z.array(part({ hostPort: z.number().nullish() })).nullish(),
  volumeDevices: z.array(part({ name: text })).nullish(),
  volumeMounts: z.array(volumeMount).nullish(),
});

const affinity = part({
  podAntiAffinity: part({
    requiredDuringSchedulingIgnoredDuringExecution: z.array(part({})).nullish(),
  }).nullish(),
}).nullish();

const podSpec = part({
  affinity,
  containers: z.array(container).nullish(),
  hostIPC: flag,
  hostNetwork: flag,
  initContainers: z.array(container).nullish(),
  nodeName: text,
  volumes: z.array(part({ name: text })).nullish(),
}).nullish();

export const statefulSet = part({
  metadata,
  spec: part({
    ordinals: part({ start: z.number().nullish() }).nullish(),
    replicas: z.number().nullish(),
    selector: labelSelector,
    template: part({ metadata, spec: podSpec }).nullish(),
    volumeClaimTemplates: z.array(claim).nullish(),
  }).nullish(),
});

export type Metadata = NonNullable<z.infer<typeof metadata>>;
export type Claim = z.infer<typeof claim>;
export type ClaimSpec = NonNullable<Claim['spec']>;
export type Container = z.infer<typeof container>;
export type VolumeMount = z.infer<typeof volumeMount>;
export type PodSpec = NonNullable<z.infer<typeof podSpec>>;
export type StatefulSet = z.infer<typeof statefulSet>;
export type StatefulSetSpec = NonNullable<StatefulSet['spec']>;
