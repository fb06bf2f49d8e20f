import type { StatefulSetContext } from '../tars/context.ts';
import type { Finding } from '../tars/finding.ts';
import { isLocal, ownerOf, type Owner } from '../tars/ownership.ts';
import type { Claim, StatefulSet } from '../tars/shapes.ts';
import { LABEL, OURS } from '../tars/vocabulary.ts';
import { checkClaim, checkLabelValue, checkVolumeName, warnSize } from './claim-rules.ts';
import { checkPodMounts, warnNodeName } from './pod-rules.ts';
import { checkReservedInPod, checkReservedTemplate } from './reserved.ts';
import { checkPodScope, checkScope } from './scope.ts';
import { ACCEPTED, ratchet, type Verdict } from './verdict.ts';
import { violation } from './violation.ts';

const POD = ['spec', 'template', 'spec'] as const;
const TEMPLATES = ['spec', 'volumeClaimTemplates'] as const;
const ANNOTATIONS = ['metadata', 'annotations'] as const;

/**
 * The rules on a StatefulSet, as it is after mutation. Foreign ones and those being deleted are let
 * through; on UPDATE its claim templates are the stored ones, so only the pod template is looked at.
 */
export function validateStatefulSet(set: StatefulSet, context: StatefulSetContext): Verdict {
  if (set.metadata?.deletionTimestamp) return ACCEPTED;
  const { old, server, settings } = context;
  const absent = old || server ? [] : checkTServerRequired(set, context.namespace);
  const owner = ownerOf(set, server, settings);
  if (!owner) return { violations: absent, warnings: [] };
  const found = checkEveryTime(set, owner);
  if (old) {
    const verdict = ratchet(found, checkEveryTime(old, owner));
    return { ...verdict, warnings: [...verdict.warnings, ...warnPod(set, context)] };
  }
  return {
    violations: [...absent, ...found, ...checkTemplates(set, owner, context)],
    warnings: [...warnPod(set, context), ...warnSizes(set, context)],
  };
}

/** Label `local.tars.io/tserver: required`: refused until the TServer is there, for the list is immutable. */
function checkTServerRequired(set: StatefulSet, namespace: string): Finding[] {
  if (set.metadata?.labels?.[OURS.tserver] !== 'required') return [];
  const name = set.metadata.name ?? '';
  return [
    violation(
      'TLV501',
      ['metadata', 'labels', OURS.tserver],
      undefined,
      `there is no TServer for StatefulSet ${namespace}/${name} yet, and without it the volumes would be missing for good; apply the TServer first, or just apply again`,
    ),
  ];
}

function checkEveryTime(set: StatefulSet, owner: Owner): Finding[] {
  const pod = set.spec?.template?.spec ?? {};
  const labels = set.metadata?.labels;
  return [
    ...(owner.by === 'labels'
      ? [LABEL.app, LABEL.server].flatMap((key) =>
          checkLabelValue(key, labels?.[key], ['metadata', 'labels']),
        )
      : []),
    ...checkScope(set.metadata?.annotations, ANNOTATIONS),
    ...checkReservedInPod(pod, POD),
    ...checkPodMounts(pod, POD),
  ];
}

function checkTemplates(
  set: StatefulSet,
  owner: Owner,
  { namespace, settings }: StatefulSetContext,
): Finding[] {
  const templates = set.spec?.volumeClaimTemplates ?? [];
  return [
    ...checkPodScope(set.metadata?.annotations, ANNOTATIONS, templates, settings),
    ...templates.flatMap((template, index) => {
      const path = [...TEMPLATES, index];
      const reserved = checkReservedTemplate(template, path, owner, namespace, settings);
      if (reserved.length > 0) return reserved;
      return [...checkClaim(template, path, settings), ...checkVolumeName(template, path, settings)];
    }),
    ...checkVolumesUnique(templates, settings),
  ].filter((finding) => !isInherited(finding, set, owner));
}

/** The three labels are the path, so local templates of one StatefulSet differ in them. */
function checkVolumesUnique(
  templates: readonly Claim[],
  settings: StatefulSetContext['settings'],
): Finding[] {
  const seen = new Map<string, string>();
  return templates.flatMap((template, index) => {
    if (!isLocal(template, settings)) return [];
    const { name, labels } = template.metadata ?? {};
    const key = JSON.stringify(Object.values(LABEL).map((label) => labels?.[label]));
    const holder = seen.get(key);
    if (holder === undefined) {
      seen.set(key, name ?? '');
      return [];
    }
    const path = [...TEMPLATES, index, 'metadata', 'labels', LABEL.volume];
    const detail = `the template ${JSON.stringify(holder)} has the same labels, and both would be one directory; drop the label (it is filled in with the template's name) or write another value`;
    return [violation('TLV407', path, labels?.[LABEL.volume], detail)];
  });
}

/** A bad label of the StatefulSet comes back in each of its templates: said once, where it is mended. */
function isInherited({ code, path, value }: Finding, set: StatefulSet, owner: Owner): boolean {
  const key = String(path.at(-1));
  return code === 'TLV405' && owner.by === 'labels' && set.metadata?.labels?.[key] === value;
}

function warnPod(set: StatefulSet, { settings }: StatefulSetContext): Finding[] {
  const templates = set.spec?.volumeClaimTemplates ?? [];
  const isTied = templates.some((template) => isLocal(template, settings));
  return isTied ? warnNodeName(set.spec?.template?.spec ?? {}, POD) : [];
}

function warnSizes(set: StatefulSet, { settings }: StatefulSetContext): Finding[] {
  return (set.spec?.volumeClaimTemplates ?? []).flatMap((template, index) =>
    warnSize(template, [...TEMPLATES, index], settings),
  );
}
