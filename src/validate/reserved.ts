import { isDeepStrictEqual } from 'node:util';
import { volumeLabels, type ClaimIdentity } from '../tars/claim-template.ts';
import type { Finding, Path } from '../tars/finding.ts';
import type { Owner } from '../tars/ownership.ts';
import { isSameQuantity } from '../tars/quantity.ts';
import { isRecognisedClass, servedClass, type Settings } from '../tars/settings.ts';
import type { Claim, PodSpec } from '../tars/shapes.ts';
import { ANNOTATION, DEFAULT_REQUEST, PLACEHOLDER, STORAGE_CLASS } from '../tars/vocabulary.ts';
import { violation } from './violation.ts';

const REMEDY = `the name is reserved for the claim that ties each replica to its node and is added by itself where it is needed; choose another name`;

/** A name that a user gives to a mount, a volume or a volumeMount. */
export function checkReservedName(path: Path, name: unknown): Finding[] {
  return name === PLACEHOLDER ? [violation('TLV201', path, name, REMEDY)] : [];
}

/** Pod volumes and volumeMounts: nothing mounts the placeholder, and nothing takes its name. */
export function checkReservedInPod(pod: PodSpec, path: Path): Finding[] {
  const found = (pod.volumes ?? []).flatMap(({ name }, index) =>
    checkReservedName([...path, 'volumes', index, 'name'], name),
  );
  for (const kind of ['initContainers', 'containers'] as const) {
    for (const [index, container] of (pod[kind] ?? []).entries()) {
      for (const [place, { name }] of (container.volumeMounts ?? []).entries()) {
        found.push(...checkReservedName([...path, kind, index, 'volumeMounts', place, 'name'], name));
      }
    }
  }
  return found;
}

/** A claim template of the reserved name: only the exact one that we, or TarsK8S, would have made. */
export function checkReservedTemplate(
  template: Claim,
  path: Path,
  owner: Owner,
  namespace: string,
  settings: Settings,
): Finding[] {
  if (template.metadata?.name !== PLACEHOLDER) return [];
  const way = servedClass(STORAGE_CLASS, settings)?.way ?? 'on-demand';
  if (isExact(template, { ...owner, namespace, way }, settings)) return [];
  return [
    violation('TLV201', [...path, 'metadata', 'name'], PLACEHOLDER, `${REMEDY}, or drop this template`),
  ];
}

/** True for what placeholderTemplate gives, but for the scope, which is not the template's to say. */
function isExact(template: Claim, identity: ClaimIdentity, settings: Settings): boolean {
  const { metadata, spec } = template;
  if (!isRecognisedClass(spec?.storageClassName, settings)) return false;
  if (Object.values(ANNOTATION).some((key) => metadata?.annotations?.[key]) || !isBare(spec)) return false;
  // TarsK8S's own class knows no namespace label, and its selector is its own affair.
  if (!servedClass(spec?.storageClassName, settings)) return true;
  const labels = volumeLabels(PLACEHOLDER, identity);
  const asked = identity.way === 'discovery' ? undefined : { matchLabels: labels };
  return isDeepStrictEqual(spec?.selector ?? undefined, asked) && holds(metadata?.labels, labels);
}

/** Nothing but the placeholder's access mode, request and volume mode. */
function isBare(spec: Claim['spec']): boolean {
  const modes = spec?.accessModes ?? [];
  return (
    modes.length === 1 &&
    modes[0] === 'ReadWriteOnce' &&
    isSameQuantity(spec?.resources?.requests?.storage, DEFAULT_REQUEST) &&
    (spec?.volumeMode ?? 'Filesystem') === 'Filesystem'
  );
}

function holds(labels: Record<string, unknown> | null | undefined, wanted: Record<string, unknown>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels?.[key] === value);
}
