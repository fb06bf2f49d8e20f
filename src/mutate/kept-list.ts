import { isDeepStrictEqual } from 'node:util';
import type { Finding } from '../tars/finding.ts';
import { textOf } from '../tars/json.ts';
import type { Claim, StatefulSet } from '../tars/shapes.ts';
import { claimMounts } from '../tars/tserver.ts';
import { ANNOTATION, PLACEHOLDER } from '../tars/vocabulary.ts';
import { expandTemplates, templateOf, type Expansion } from './templates.ts';

/**
 * volumeClaimTemplates is immutable and an atomic list, and every apply of the plain manifest sends it
 * without ours (FACTS: "How Kubernetes behaves"). So an update keeps the old list, and says so where
 * somebody wanted another one.
 */

const LIST = ['spec', 'volumeClaimTemplates'] as const;

/** Names of the old list's templates that this product put there, judged by what the writer sent. */
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

/** Templates that the writer or the TServer wants and the kept list lacks: their volumes will not exist. */
export function absentNames(
  sent: readonly Claim[],
  kept: readonly Claim[],
  expansion: Expansion | undefined,
): Set<string> {
  const absent = new Set(sent.map(nameOf));
  for (const mount of claimMounts(expansion?.server)) absent.add(mount.name);
  for (const template of kept) absent.delete(nameOf(template));
  return absent;
}

/** Warnings where another list was wanted than the one that is kept, each with its remedy. */
export function keptListWarnings(set: StatefulSet, kept: readonly Claim[], expansion: Expansion): Finding[] {
  const sent = set.spec?.volumeClaimTemplates ?? [];
  // A patch or an edit sends our own templates back: what they are derived from decides, not they.
  const own = sent.filter(
    (template) =>
      !(kept.some((other) => isDeepStrictEqual(other, template)) && isDerived(template, expansion)),
  );
  const wanted = expandTemplates({ ...set, spec: { ...set.spec, volumeClaimTemplates: own } }, expansion);
  const target = `${expansion.namespace}/${set.metadata?.name ?? ''}`;
  const differences = compareLists(wanted, kept);
  return [
    ...listWarning(differences, set, expansion),
    ...differences.resized.map(({ name, from, to }) =>
      warning(
        'TLV902',
        `the list is immutable, so the template ${name} of StatefulSet ${target} keeps its request of ${from}, not ${to}; expand the claims instead, where the class has allowVolumeExpansion: kubectl -n ${expansion.namespace} patch pvc ${name}-${set.metadata?.name ?? ''}-0 -p '{"spec":{"resources":{"requests":{"storage":"${to}"}}}}', and so for each replica`,
      ),
    ),
    ...differences.reowned.map(({ name, from, to }) =>
      warning(
        'TLV903',
        `the list is immutable, so the template ${name} of StatefulSet ${target} keeps uid, gid, mode ${from}, not ${to}; change the claims instead: kubectl -n ${expansion.namespace} annotate --overwrite pvc ${name}-${set.metadata?.name ?? ''}-0 ${annotateArguments(to)}, and so for each replica`,
      ),
    ),
  ];
}

interface Change {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

interface Differences {
  readonly added: readonly string[];
  readonly dropped: readonly string[];
  readonly changed: readonly string[];
  readonly resized: readonly Change[];
  readonly reowned: readonly Change[];
}

function compareLists(wanted: readonly Claim[], kept: readonly Claim[]): Differences {
  const keptByName = new Map(kept.map((template) => [nameOf(template), template]));
  const wantedNames = new Set(wanted.map(nameOf));
  const pairs = wanted.flatMap((template) => {
    const old = keptByName.get(nameOf(template));
    return old ? [{ name: nameOf(template), old, template }] : [];
  });
  return {
    added: [...wantedNames].filter((name) => !keptByName.has(name)),
    dropped: [...keptByName.keys()].filter((name) => !wantedNames.has(name)),
    changed: pairs.filter(({ old, template }) => !isSameVolume(old, template)).map(({ name }) => name),
    resized: changes(pairs, sizeOf),
    reowned: changes(pairs, ownerText).filter(({ from, to }) => from !== '' && to !== ''),
  };
}

function changes(
  pairs: readonly { name: string; old: Claim; template: Claim }[],
  read: (template: Claim) => string,
): Change[] {
  return pairs
    .map(({ name, old, template }) => ({ name, from: read(old), to: read(template) }))
    .filter(({ from, to }) => from !== to);
}

function listWarning({ added, dropped, changed }: Differences, set: StatefulSet, expansion: Expansion) {
  const parts = [
    added.length > 0 ? `without ${added.join(', ')}` : '',
    dropped.length > 0 ? `with ${dropped.join(', ')}` : '',
    changed.length > 0 ? `with ${changed.join(', ')} unchanged` : '',
  ].filter(Boolean);
  if (parts.length === 0) return [];
  const name = set.metadata?.name ?? '';
  return [
    warning(
      'TLV901',
      `the list is immutable, so StatefulSet ${expansion.namespace}/${name} keeps the one it has, ${parts.join(' and ')}; to get the new list: kubectl -n ${expansion.namespace} delete sts ${name} --cascade=orphan, apply this manifest again, then delete the old pods one by one, waiting for Ready each time (until all are replaced the StatefulSet neither scales nor rolls; claims and data stay)`,
    ),
  ];
}

/** True when the template is what its TServer mount stands for, whatever uid, gid and mode it had then. */
function isDerived(template: Claim, expansion: Expansion): boolean {
  const name = nameOf(template);
  if (name === PLACEHOLDER) return true;
  const mount = claimMounts(expansion.server).find((candidate) => candidate.name === name);
  if (!mount) return false;
  const derived = templateOf(mount, expansion);
  return (
    isSameVolume(template, derived) &&
    sizeOf(template) === sizeOf(derived) &&
    isDeepStrictEqual(template.metadata?.labels ?? {}, derived.metadata?.labels ?? {})
  );
}

/** True when both templates ask for the same kind of volume, whatever its size and owner. */
function isSameVolume(a: Claim, b: Claim): boolean {
  return isDeepStrictEqual(kindOfVolume(a), kindOfVolume(b));
}

function kindOfVolume({ spec }: Claim): unknown[] {
  return [spec?.storageClassName, spec?.volumeMode ?? 'Filesystem', spec?.accessModes];
}

const nameOf = (template: Claim): string => template.metadata?.name ?? '';

const sizeOf = ({ spec }: Claim): string => textOf(spec?.resources?.requests?.storage ?? '');

function ownerText({ metadata }: Claim): string {
  const { uid, gid, mode } = ANNOTATION;
  const values = [uid, gid, mode].map((key) => metadata?.annotations?.[key]);
  return values.every((value) => value === undefined) ? '' : values.map(String).join(' ');
}

function annotateArguments(owner: string): string {
  const [uid = '', gid = '', mode = ''] = owner.split(' ');
  return `${ANNOTATION.uid}=${uid} ${ANNOTATION.gid}=${gid} ${ANNOTATION.mode}=${mode}`;
}

function warning(code: Finding['code'], message: string): Finding {
  return { code, path: LIST, message };
}
