import { isDeepStrictEqual } from 'node:util';
import type { StatefulSetContext } from '../tars/context.ts';
import type { Finding } from '../tars/finding.ts';
import { ownerOf } from '../tars/ownership.ts';
import { withField } from '../tars/sharing.ts';
import type { Claim, PodSpec, StatefulSet, StatefulSetSpec } from '../tars/shapes.ts';
import { absentNames, keptListWarnings } from './kept-list.ts';
import { addMounts } from './mounts.ts';
import { injectedNames } from './provenance.ts';
import { dropMounts, restoreMounts } from './restore-mounts.ts';
import { addSpread, hadSpread, needsSpread, restoreSpread } from './spread.ts';
import { expandTemplates, injectedMounts, type Expansion } from './templates.ts';

export interface Mutation<T> {
  /** The object itself when nothing is to be changed. */
  readonly object: T;
  readonly warnings: readonly Finding[];
}

/**
 * A StatefulSet as it is to be stored: expanded when it is created, kept as it was when it is updated.
 * Pure; `mutate(mutate(x)) = mutate(x)`; a StatefulSet that is nobody's passes untouched.
 */
export function mutateStatefulSet(set: StatefulSet, context: StatefulSetContext): Mutation<StatefulSet> {
  return context.old ? update(set, context.old, context) : { object: create(set, context), warnings: [] };
}

function create(set: StatefulSet, context: StatefulSetContext): StatefulSet {
  const expansion = expansionOf(set, context);
  if (!expansion || !set.spec) return set;
  const templates = expandTemplates(set, expansion);
  let spec = withTemplates(set.spec, templates);
  const pod = spec.template?.spec;
  if (spec.template && pod) {
    const mounted = addMounts(pod, set.metadata?.name, injectedMounts(expansion.server));
    const spread = needsSpread(templates, context.settings) ? addSpread(mounted, set) : mounted;
    spec = withPod(spec, spread);
  }
  return withField(set, 'spec', spec);
}

/** Restores and never derives afresh: a new list would block every scale and rollout (measured). */
function update(set: StatefulSet, old: StatefulSet, context: StatefulSetContext): Mutation<StatefulSet> {
  const expansion = expansionOf(set, context) ?? expansionOf(old, context);
  if (!expansion || !set.spec || !old.spec) return { object: set, warnings: [] };
  const sent = set.spec.volumeClaimTemplates ?? [];
  const kept = old.spec.volumeClaimTemplates ?? [];
  const listed = isDeepStrictEqual(sent, kept) ? set.spec : withTemplates(set.spec, kept);
  const pod = listed.template?.spec;
  const spec = pod ? withPod(listed, restorePod(pod, { sent, kept, set, old, expansion })) : listed;
  return { object: withField(set, 'spec', spec), warnings: keptListWarnings(set, kept, expansion) };
}

interface Update {
  readonly sent: readonly Claim[];
  readonly kept: readonly Claim[];
  readonly set: StatefulSet;
  readonly old: StatefulSet;
  readonly expansion: Expansion;
}

/** The pod spec as sent, with what was ours in the old one, and without mounts that the kept list cannot serve. */
function restorePod(pod: PodSpec, { sent, kept, set, old, expansion }: Update): PodSpec {
  const absent = absentNames(sent, kept, expansion);
  for (const { name } of pod.volumes ?? []) if (name) absent.delete(name);
  const mounted = restoreMounts(dropMounts(pod, absent), set, {
    old,
    injected: injectedNames(sent, kept, expansion),
    wanted: injectedMounts(expansion.server),
  });
  const isSpread = hadSpread(kept) || needsSpread(kept, expansion.settings);
  return isSpread ? restoreSpread(mounted, old) : mounted;
}

function expansionOf(set: StatefulSet, context: StatefulSetContext): Expansion | undefined {
  const { namespace, server, settings } = context;
  const owner = ownerOf(set, server, settings);
  return owner && { namespace, owner, server, settings };
}

function withTemplates(spec: StatefulSetSpec, templates: Claim[]): StatefulSetSpec {
  if (templates.length === 0 && !spec.volumeClaimTemplates) return spec;
  return withField(spec, 'volumeClaimTemplates', templates);
}

function withPod(spec: StatefulSetSpec, pod: PodSpec): StatefulSetSpec {
  return withField(spec, 'template', withField(spec.template ?? {}, 'spec', pod));
}
