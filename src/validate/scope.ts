import type { Finding, Path } from '../tars/finding.ts';
import { servedClass, type Settings } from '../tars/settings.ts';
import type { Claim } from '../tars/shapes.ts';
import { OURS } from '../tars/vocabulary.ts';
import { violation } from './violation.ts';

type Annotations = Record<string, unknown> | null | undefined;

/** The scope annotation knows two words. */
export function checkScope(annotations: Annotations, path: Path): Finding[] {
  if (!annotations || !Object.hasOwn(annotations, OURS.scope)) return [];
  const value = annotations[OURS.scope];
  if (value === 'Node' || value === 'Pod') return [];
  return [
    violation(
      'TLV304',
      [...path, OURS.scope],
      value,
      'supported values: "Node" (one replica a node, one directory a server), "Pod" (a directory for each replica); write one of them, or drop the annotation for the default',
    ),
  ];
}

/** Pod scope that somebody asked for, on claims whose class cannot give it. */
export function checkPodScope(
  annotations: Annotations,
  path: Path,
  claims: readonly Claim[],
  settings: Settings,
): Finding[] {
  if (annotations?.[OURS.scope] !== 'Pod') return [];
  const unable = claims.find(({ spec }) => {
    const way = servedClass(spec?.storageClassName, settings)?.way;
    return way !== undefined && way !== 'on-demand';
  });
  if (!unable) return [];
  const name = String(unable.spec?.storageClassName);
  return [
    violation(
      'TLV305',
      [...path, OURS.scope],
      'Pod',
      `the class ${name} is not made on demand, so its volumes do not know their replica; use a class that is, or write Node`,
    ),
  ];
}
