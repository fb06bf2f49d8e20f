import { isDeepStrictEqual } from 'node:util';
import { placeholderTemplate } from '../tars/claim-template.ts';
import type { Finding, Path } from '../tars/finding.ts';
import type { Owner } from '../tars/ownership.ts';
import { isRecognisedClass, servedClass, type Settings } from '../tars/settings.ts';
import type { Claim, PodSpec } from '../tars/shapes.ts';
import { ANNOTATION, PLACEHOLDER, STORAGE_CLASS } from '../tars/vocabulary.ts';
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
  const exact = placeholderTemplate({ ...owner, namespace, way });
  if (isExact(template, exact, settings)) return [];
  return [
    violation('TLV201', [...path, 'metadata', 'name'], PLACEHOLDER, `${REMEDY}, or drop this template`),
  ];
}

function isExact(template: Claim, exact: Claim, settings: Settings): boolean {
  const { spec } = template;
  if (!isRecognisedClass(spec?.storageClassName, settings)) return false;
  const hasOwner = Object.values(ANNOTATION).some((key) => template.metadata?.annotations?.[key]);
  if (hasOwner || !isDeepStrictEqual(kindOf(template), kindOf(exact))) return false;
  // TarsK8S's own class knows no namespace label, and its selector is its own affair.
  return servedClass(spec?.storageClassName, settings) === undefined || selectsSame(template, exact);
}

function kindOf({ spec }: Claim): unknown[] {
  return [spec?.accessModes, spec?.resources?.requests?.storage, spec?.volumeMode ?? 'Filesystem'];
}

function selectsSame(template: Claim, exact: Claim): boolean {
  const labels = Object.entries(exact.metadata?.labels ?? {});
  return (
    isDeepStrictEqual(template.spec?.selector, exact.spec?.selector) &&
    labels.every(([key, value]) => template.metadata?.labels?.[key] === value)
  );
}
