import { textOf } from './json.ts';
import { withField, withMissing } from './sharing.ts';
import type { Scope } from './ownership.ts';
import type { ClassWay } from './settings.ts';
import type { Claim, ClaimSpec, Metadata } from './shapes.ts';
import type { LocalVolume, TServerMount } from './tserver.ts';
import { OWNER_DEFAULTS } from './patterns.ts';
import { ANNOTATION, DEFAULT_REQUEST, LABEL, OURS, PLACEHOLDER, STORAGE_CLASS } from './vocabulary.ts';

/** What a claim of a served class is completed from. */
export interface ClaimIdentity {
  readonly app: string;
  readonly server: string;
  readonly namespace: string;
  readonly scope: Scope;
  readonly way: ClassWay;
  /** What its TServer says of the directory's owner, where it says so. */
  readonly localVolume?: LocalVolume | undefined;
}

/**
 * A claim or claim template of a served class with what it lacks: labels, selector, annotations,
 * access mode, request, volume mode. What it has stays as it is.
 * @param volume the volume's name, which is the template's name.
 */
export function completeClaim(claim: Claim, volume: string, identity: ClaimIdentity): Claim {
  const labels = withMissing(claim.metadata?.labels, volumeLabels(volume, identity));
  const placeholder = labels[LABEL.volume] === PLACEHOLDER;
  const annotations = wantedAnnotations(identity, placeholder);
  let metadata: Metadata = withField(claim.metadata ?? {}, 'labels', labels);
  if (Object.keys(annotations).length > 0) {
    metadata = withField(metadata, 'annotations', withMissing(metadata.annotations, annotations));
  }
  const completed = withField(claim, 'metadata', metadata);
  return withField(completed, 'spec', completeSpec(claim.spec ?? {}, labels, identity));
}

/** A claim template as the API server would store it: with type, volume mode and status (keeps diffs quiet). */
export function asTemplate(claim: Claim): Claim {
  const spec = withVolumeMode(claim.spec ?? {});
  const typed =
    claim.apiVersion && claim.kind
      ? claim
      : { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...dropNull(claim, 'apiVersion', 'kind') };
  const template = withField(typed, 'spec', spec);
  return template.status ? template : { ...template, status: { phase: 'Pending' } };
}

/** The template that a mount of a TServer stands for (seed: BuildStatefulSetVolumeClainTemplates). */
export function mountTemplate(mount: TServerMount, identity: ClaimIdentity): Claim {
  return localTemplate(mount.name, { ...identity, localVolume: mount.source?.tLocalVolume ?? undefined });
}

/** The reserved claim template: binds a replica to its node, stores nothing. */
export function placeholderTemplate(identity: ClaimIdentity): Claim {
  return localTemplate(PLACEHOLDER, identity);
}

function localTemplate(name: string, identity: ClaimIdentity): Claim {
  const annotations = wantedAnnotations(identity, name === PLACEHOLDER);
  const isPlain = Object.keys(annotations).length === 0;
  const bare: Claim = {
    metadata: isPlain ? { name } : { name, annotations },
    spec: { storageClassName: STORAGE_CLASS },
  };
  return asTemplate(completeClaim(bare, name, identity));
}

function completeSpec(spec: ClaimSpec, labels: Record<string, unknown>, identity: ClaimIdentity): ClaimSpec {
  const requests = withMissing<unknown>(spec.resources?.requests, { storage: DEFAULT_REQUEST });
  let completed = spec;
  if ((spec.accessModes ?? []).length === 0) {
    completed = withField(completed, 'accessModes', ['ReadWriteOnce']);
  }
  completed = withField(completed, 'resources', withField(spec.resources ?? {}, 'requests', requests));
  // Discovered volumes carry no labels of ours, so a selector would keep every one of them away.
  if (identity.way !== 'discovery') {
    const terms: Record<string, unknown> = {};
    for (const key of selectorKeys(identity)) terms[key] = labels[key];
    const selector = spec.selector ?? {};
    completed = withField(
      completed,
      'selector',
      withField(selector, 'matchLabels', withMissing(selector.matchLabels, terms)),
    );
  }
  return withVolumeMode(completed);
}

function withVolumeMode(spec: ClaimSpec): ClaimSpec {
  return spec.volumeMode ? spec : { ...spec, volumeMode: 'Filesystem' };
}

/** The labels that a selector of ours agrees with, in their order. */
export function selectorKeys({ way }: Pick<ClaimIdentity, 'way'>): readonly string[] {
  return way === 'per-node' ? PER_NODE_KEYS : SELECTOR_KEYS;
}

const SELECTOR_KEYS: readonly string[] = Object.values(LABEL);
const PER_NODE_KEYS: readonly string[] = [...SELECTOR_KEYS, OURS.namespace];

/** The labels of a claim, its template and its volume; a selector of ours asks for exactly these. */
export function volumeLabels(
  volume: string,
  { app, server, namespace, way }: ClaimIdentity,
): Record<string, unknown> {
  const labels = { [LABEL.volume]: volume, [LABEL.app]: app, [LABEL.server]: server };
  return way === 'per-node' ? { ...labels, [OURS.namespace]: namespace } : labels;
}

/** Node scope is what an absent annotation means, as in the seeds. */
function wantedAnnotations(
  { scope, way, localVolume }: ClaimIdentity,
  placeholder: boolean,
): Record<string, unknown> {
  const owner = placeholder
    ? {}
    : {
        [ANNOTATION.uid]: textOf(localVolume?.uid ?? OWNER_DEFAULTS.uid),
        [ANNOTATION.gid]: textOf(localVolume?.gid ?? OWNER_DEFAULTS.gid),
        [ANNOTATION.mode]: textOf(localVolume?.mode ?? OWNER_DEFAULTS.mode),
      };
  return scope === 'Pod' && way === 'on-demand' ? { ...owner, [OURS.scope]: scope } : owner;
}

function dropNull(claim: Claim, ...keys: string[]): Claim {
  const rest = { ...claim };
  for (const key of keys) if (rest[key] === null || rest[key] === '') delete rest[key];
  return rest;
}

/** The name of a claim or template, empty where it has none. */
export const nameOf = ({ metadata }: Claim): string => metadata?.name ?? '';

/** The storage that a claim or template asks for, as it was written. */
export const sizeOf = ({ spec }: Claim): unknown => spec?.resources?.requests?.storage;
