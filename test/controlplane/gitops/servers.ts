import { OURS, STORAGE_CLASS } from '../../../src/tars/vocabulary.ts';

/*
 * The servers in somebody's repository: one with a local volume; one with hostIPC, a claim template and a required
 * anti-affinity of its own, so that both atomic lists get more than the repository says; and a plain StatefulSet of the
 * class.
 */

export interface StoredSet {
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly affinity?: object;
        readonly containers: readonly {
          readonly image: string;
          readonly volumeMounts?: readonly { readonly name: string }[];
        }[];
      };
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

/** Names of the templates that each has to be stored with. */
export const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  'shop-cart': ['data'],
  'shop-search': ['archive', 'index', 'delay-bind'],
  redis: ['data'],
};

/** Names of the volumes that the container of each has to mount. */
export const MOUNTS: Readonly<Record<string, readonly string[]>> = {
  'shop-cart': ['data'],
  'shop-search': ['index'],
  redis: ['data'],
};

interface Owner {
  uid?: string;
  gid?: string;
  mode?: string;
}

const tserver = (server: string, k8s: { hostIPC?: true; volume: string; owner: Owner }) => ({
  apiVersion: 'k8s.tars.io/v1beta3',
  kind: 'TServer',
  metadata: { name: `shop-${server}`, namespace: 'default' },
  spec: {
    app: 'shop',
    server,
    subType: 'tars',
    k8s: {
      ...(k8s.hostIPC ? { hostIPC: true } : {}),
      mounts: [{ name: k8s.volume, mountPath: `/${k8s.volume}`, source: { tLocalVolume: k8s.owner } }],
    },
  },
});

export const TSERVERS = [
  tserver('cart', { volume: 'data', owner: { uid: '1000', gid: '0', mode: '755' } }),
  // Left to the CRD's defaults.
  tserver('search', { hostIPC: true, volume: 'index', owner: {} }),
];

const claimTemplate = (name: string, storageClassName: string) => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1Gi' } } },
});

const OTHERS = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { labelSelector: { matchLabels: { app: 'other' } }, topologyKey: 'kubernetes.io/hostname' },
    ],
  },
};

function statefulSet(name: string, image: string, parts: { pod?: object; templates?: object[] } = {}) {
  const required = name.startsWith('shop-') ? { [OURS.tserver]: 'required' } : {};
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: 'default', labels: { app: name, ...required } },
    spec: {
      replicas: 2,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            {
              name,
              image,
              ...(name === 'redis' ? { volumeMounts: [{ name: 'data', mountPath: '/data' }] } : {}),
            },
          ],
          ...parts.pod,
        },
      },
      ...(parts.templates ? { volumeClaimTemplates: parts.templates } : {}),
    },
  };
}

/** The StatefulSets at a commit: only the image differs. */
export const statefulSets = (image: string) => [
  statefulSet('shop-cart', image),
  statefulSet('shop-search', image, {
    pod: { hostIPC: true, affinity: OTHERS },
    templates: [claimTemplate('archive', 'nfs')],
  }),
  statefulSet('redis', image, { templates: [claimTemplate('data', STORAGE_CLASS)] }),
];

export const templatesOf = (sets: readonly StoredSet[]): Record<string, string[]> =>
  Object.fromEntries(
    sets.map(({ metadata, spec }) => [
      metadata.name,
      (spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => name),
    ]),
  );

export const mountsOf = (sets: readonly StoredSet[]): Record<string, string[]> =>
  Object.fromEntries(
    sets.map(({ metadata, spec }) => [
      metadata.name,
      (spec.template.spec.containers[0]?.volumeMounts ?? []).map(({ name }) => name),
    ]),
  );

/** What a rollout leaves as it was: everything but the image. */
export const withImage = (sets: readonly StoredSet[], image: string): StoredSet['spec'][] =>
  sets.map(({ spec }) => ({
    ...spec,
    template: {
      ...spec.template,
      spec: {
        ...spec.template.spec,
        containers: spec.template.spec.containers.map((container) => ({ ...container, image })),
      },
    },
  }));
