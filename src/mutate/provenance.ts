import { isDeepStrictEqual } from 'node:util';
import { nameOf, sizeOf } from '../tars/claim-template.ts';
import { isSameQuantity } from '../tars/quantity.ts';
import type { Claim } from '../tars/shapes.ts';
import { claimMounts } from '../tars/tserver.ts';
import { PLACEHOLDER, STORAGE_CLASS } from '../tars/vocabulary.ts';
import { templateOf, type Expansion } from './templates.ts';

/**
 * Who put a template into a list? Nothing is recorded, so the objects themselves have to tell: it is ours
 * when the writer did not send it, or when it is what its TServer's mount stands for.
 */
export function injectedNames(
  sent: readonly Claim[],
  kept: readonly Claim[],
  expansion: Expansion,
): ReadonlySet<string> {
  const sentNames = new Set(sent.map(nameOf));
  return new Set(
    kept.filter((template) => !sentNames.has(nameOf(template)) || isDerived(template, expansion)).map(nameOf),
  );
}

/** True when the template is what its TServer mount stands for, whatever uid, gid and mode it had then. */
export function isDerived(template: Claim, expansion: Expansion): boolean {
  const name = nameOf(template);
  if (name === PLACEHOLDER) {
    return expansion.server !== undefined && template.spec?.storageClassName === STORAGE_CLASS;
  }
  const mount = claimMounts(expansion.server).find((candidate) => candidate.name === name);
  if (!mount) return false;
  const derived = templateOf(mount, expansion);
  return (
    isDeepStrictEqual(kindOfVolume(template), kindOfVolume(derived)) &&
    isSameQuantity(sizeOf(template), sizeOf(derived)) &&
    isDeepStrictEqual(template.metadata?.labels ?? {}, derived.metadata?.labels ?? {})
  );
}

function kindOfVolume({ spec }: Claim): unknown[] {
  return [spec?.storageClassName ?? '', spec?.volumeMode ?? 'Filesystem', spec?.accessModes ?? []];
}
