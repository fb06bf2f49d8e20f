import * as z from 'zod';

/**
 * The parts of Kubernetes' own objects that we read, as loose zod objects: whatever else is there is kept.
 * Source: core/v1 and apps/v1 of the Kubernetes API. Optional fields may be null, as YAML writes them.
 */

/** Values stay unknown: YAML turns `1000` into a number, and the rules say so better than a type error. */
const stringMap = z.record(z.string(), z.unknown()).nullish();
const text = z.string().nullish();
const flag = z.boolean().nullish();

const ownerReference = z.looseObject({ apiVersion: text, controller: flag, kind: text, name: text });

export const metadata = z
  .looseObject({
    name: text,
    namespace: text,
    labels: stringMap,
    annotations: stringMap,
    ownerReferences: z.array(ownerReference).nullish(),
    deletionTimestamp: text,
  })
  .nullish();

const labelSelector = z.looseObject({ matchLabels: stringMap }).nullish();

const claimSpec = z
  .looseObject({
    accessModes: z.array(z.string()).nullish(),
    dataSource: z.looseObject({}).nullish(),
    dataSourceRef: z.looseObject({}).nullish(),
    resources: z.looseObject({ requests: stringMap }).nullish(),
    selector: labelSelector,
    storageClassName: text,
    volumeMode: text,
    volumeName: text,
  })
  .nullish();

export const claim = z.looseObject({ metadata, spec: claimSpec });

const volumeMount = z.looseObject({ name: text, mountPath: text });

const container = z.looseObject({
  name: text,
  ports: z.array(z.looseObject({ hostPort: z.number().nullish() })).nullish(),
  volumeDevices: z.array(z.looseObject({ name: text })).nullish(),
  volumeMounts: z.array(volumeMount).nullish(),
});

const affinity = z
  .looseObject({
    podAntiAffinity: z
      .looseObject({
        requiredDuringSchedulingIgnoredDuringExecution: z.array(z.looseObject({})).nullish(),
      })
      .nullish(),
  })
  .nullish();

const podSpec = z
  .looseObject({
    affinity,
    containers: z.array(container).nullish(),
    hostIPC: flag,
    hostNetwork: flag,
    initContainers: z.array(container).nullish(),
    nodeName: text,
    volumes: z.array(z.looseObject({ name: text })).nullish(),
  })
  .nullish();

export const statefulSet = z.looseObject({
  metadata,
  spec: z
    .looseObject({
      ordinals: z.looseObject({ start: z.number().nullish() }).nullish(),
      replicas: z.number().nullish(),
      selector: labelSelector,
      template: z.looseObject({ metadata, spec: podSpec }).nullish(),
      volumeClaimTemplates: z.array(claim).nullish(),
    })
    .nullish(),
});

export type Metadata = NonNullable<z.infer<typeof metadata>>;
export type Claim = z.infer<typeof claim>;
export type ClaimSpec = NonNullable<Claim['spec']>;
export type Container = z.infer<typeof container>;
export type VolumeMount = z.infer<typeof volumeMount>;
export type PodSpec = NonNullable<z.infer<typeof podSpec>>;
export type StatefulSet = z.infer<typeof statefulSet>;
export type StatefulSetSpec = NonNullable<StatefulSet['spec']>;
