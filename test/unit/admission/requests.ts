import type { Answer } from '../../../src/admission/answer.ts';
import type { AdmissionDeps, LiveGet } from '../../../src/admission/deps.ts';
import { parseReview, type AdmissionRequest } from '../../../src/admission/review.ts';
import type { Claim, StatefulSet } from '../../../src/tars/shapes.ts';
import { DEFAULT_SETTINGS } from '../../../src/tars/settings.ts';
import type { TServer } from '../../../src/tars/tserver.ts';
import jsonPatch from 'fast-json-patch';
import { NAMESPACE } from '../builders.ts';

/** AdmissionReviews as the API server sends them, and dependencies that remember what they were asked. */

export const UID = '705ab4f5-6393-11e8-b7cc-42010a800002';

const KINDS = {
  StatefulSet: { group: 'apps', version: 'v1', resource: 'statefulsets' },
  PersistentVolumeClaim: { group: '', version: 'v1', resource: 'persistentvolumeclaims' },
  TServer: { group: 'k8s.tars.io', version: 'v1beta3', resource: 'tservers' },
  Pod: { group: '', version: 'v1', resource: 'pods' },
} as const;

export function review(
  kind: keyof typeof KINDS,
  operation: string,
  object: object | null,
  more: Record<string, unknown> = {},
): object {
  const { group, version, resource } = KINDS[kind];
  const { metadata }: { metadata?: { name?: string; namespace?: string } } = object ?? {};
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: UID,
      kind: { group, version, kind },
      resource: { group, version, resource },
      requestKind: { group, version, kind },
      requestResource: { group, version, resource },
      name: metadata?.name ?? 'gone',
      namespace: metadata?.namespace ?? NAMESPACE,
      operation,
      userInfo: { username: 'kubernetes-admin', groups: ['system:masters'] },
      object,
      oldObject: null,
      dryRun: false,
      options: { apiVersion: 'meta.k8s.io/v1', kind: 'CreateOptions' },
      ...more,
    },
  };
}

export function created(kind: keyof typeof KINDS, object: object, more = {}): AdmissionRequest {
  return parseReview(review(kind, 'CREATE', object, more));
}

export function updated(
  kind: keyof typeof KINDS,
  object: object,
  oldObject: object,
  more = {},
): AdmissionRequest {
  return parseReview(review(kind, 'UPDATE', object, { oldObject, ...more }));
}

export interface Spy {
  readonly deps: AdmissionDeps;
  /** Names that were asked for live. */
  readonly fetched: string[];
  readonly liveGets: LiveGet[];
  readonly logged: string[];
}

/** Dependencies with these TServers in the cache. */
export function spy(cached: readonly TServer[] = [], more: Partial<AdmissionDeps> = {}): Spy {
  const fetched: string[] = [];
  const liveGets: LiveGet[] = [];
  const logged: string[] = [];
  const line = (level: string) => (fields: object, message: string) =>
    void logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const deps: AdmissionDeps = {
    settings: DEFAULT_SETTINGS,
    lookup: {
      named: (namespace, name) =>
        cached.find(({ metadata }) => metadata?.namespace === namespace && metadata.name === name),
      serving: (namespace, app, server) =>
        cached.find(
          ({ metadata, spec }) =>
            metadata?.namespace === namespace && spec.app === app && spec.server === server,
        ),
    },
    fetchTServer: async (namespace, name) => void fetched.push(`${namespace}/${name}`),
    onLiveGet: (outcome) => void liveGets.push(outcome),
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    ...more,
  };
  return { deps, fetched, liveGets, logged };
}

/** The object of the request with the patch of the answer applied, as the API server does. */
export function patched({ object }: AdmissionRequest, { response }: Answer): StatefulSet & Claim {
  const copy = structuredClone(object) as StatefulSet & Claim;
  if (!response.patch) return copy;
  const operations = JSON.parse(
    Buffer.from(response.patch, 'base64').toString('utf8'),
  ) as jsonPatch.Operation[];
  return jsonPatch.applyPatch(copy, operations, true).newDocument;
}
