import { isDeepStrictEqual } from 'node:util';
import { servedClass, type Settings } from '../tars/settings.ts';
import { withField } from '../tars/sharing.ts';
import type { Claim, PodSpec, StatefulSet } from '../tars/shapes.ts';
import { HOSTNAME_LABEL, LABEL, OURS } from '../tars/vocabulary.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
type Term = Record<string, unknown>;

/**
 * Node scope means one replica a node: the directory is the server's, not the replica's. Where volumes
 * are made on demand no offer tells the scheduler so, and a required anti-affinity has to.
 */
export function needsSpread(templates: readonly Claim[], settings: Settings): boolean {
  return templates.some(
    ({ metadata, spec }) =>
      servedClass(spec?.storageClassName, settings)?.way === 'on-demand' &&
      metadata?.annotations?.[OURS.scope] !== 'Pod',
  );
}

/** The pod spec with our anti-affinity term as the last of the required ones, unless it is there. */
export function addSpread(pod: PodSpec, set: StatefulSet): PodSpec {
  const term = spreadTerm(set);
  if (!term) return pod;
  const terms = requiredTerms(pod);
  return indexOf(terms, term) >= 0 ? pod : withTerms(pod, [...terms, term]);
}

/**
 * True when the stored templates were made for Node scope on demand, whatever the class's way is today: an
 * upgrade or another setting of ours must not roll anybody's pods.
 */
export function hadSpread(kept: readonly Claim[]): boolean {
  return kept.some(
    ({ metadata, spec }) =>
      spec?.selector?.matchLabels?.[LABEL.volume] !== undefined &&
      metadata?.labels?.[OURS.namespace] === undefined &&
      metadata?.annotations?.[OURS.scope] !== 'Pod',
  );
}

/** The pod spec with our term back at its old place, where the old object had it and the new one lost it. */
export function restoreSpread(pod: PodSpec, old: StatefulSet): PodSpec {
  const term = spreadTerm(old);
  const oldPod = old.spec?.template?.spec;
  if (!term || !oldPod) return pod;
  const place = indexOf(requiredTerms(oldPod), term);
  const terms = requiredTerms(pod);
  if (place < 0 || indexOf(terms, term) >= 0) return pod;
  return withTerms(pod, terms.toSpliced(place, 0, term));
}

function spreadTerm(set: StatefulSet): Term | undefined {
  const selector = set.spec?.selector;
  return selector ? { labelSelector: selector, topologyKey: HOSTNAME_LABEL } : undefined;
}

function requiredTerms(pod: PodSpec): Term[] {
  return pod.affinity?.podAntiAffinity?.[REQUIRED] ?? [];
}

function indexOf(terms: readonly Term[], term: Term): number {
  return terms.findIndex((candidate) => isDeepStrictEqual(candidate, term));
}

function withTerms(pod: PodSpec, terms: Term[]): PodSpec {
  const affinity = pod.affinity ?? {};
  const podAntiAffinity = withField(affinity.podAntiAffinity ?? {}, REQUIRED, terms);
  return withField(pod, 'affinity', withField(affinity, 'podAntiAffinity', podAntiAffinity));
}
