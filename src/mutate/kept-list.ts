import { isDeepStrictEqual } from 'node:util';
import { nameOf, sizeOf } from '../tars/claim-template.ts';
import { claimName } from '../tars/claims-of.ts';
import type { Finding } from '../tars/finding.ts';
import { isRecord, textOf } from '../tars/json.ts';
import { isLess, isSameQuantity } from '../tars/quantity.ts';
import type { Claim, StatefulSet } from '../tars/shapes.ts';
import { claimMounts } from '../tars/tserver.ts';
import { ANNOTATION, LABEL, OURS } from '../tars/vocabulary.ts';
import { isDerived } from './provenance.ts';
import { expandTemplates, type Expansion } from './templates.ts';

/**
 * volumeClaimTemplates is immutable and an atomic list, and every apply of the plain manifest sends it
 * without ours (FACTS: "How Kubernetes behaves"). So an update keeps the old list; here is what is said
 * where somebody wanted another one.
 */
export function keptListWarnings(set: StatefulSet, kept: readonly Claim[], expansion: Expansion): Finding[] {
  const sent = set.spec?.volumeClaimTemplates ?? [];
  // A patch or an edit sends our own templates back: what they are derived from decides, not they.
  const keptByName = new Map(kept.map((template) => [nameOf(template), template]));
  const own = sent.filter(
    (template) =>
      !(isDeepStrictEqual(keptByName.get(nameOf(template)), template) && isDerived(template, expansion)),
  );
  const asked = { ...set, spec: { ...set.spec, volumeClaimTemplates: own } };
  const differences = compare(asksOf(asked, expansion), keptByName);
  const name = set.metadata?.name ?? '';
  const { namespace } = expansion;
  const place: Place = { name, namespace, firstOrdinal: set.spec?.ordinals?.start ?? 0 };
  return [
    ...listWarning(differences, place),
    ...differences.resized.map((change) => sizeWarning(change, place)),
    ...differences.reowned.map((change) => ownerWarning(change, place)),
  ];
}

/** Templates that the writer or the TServer wants and the kept list lacks: their volumes will not exist. */
export function absentNames(
  sent: readonly Claim[],
  kept: readonly Claim[],
  expansion: Expansion,
): Set<string> {
  const absent = new Set(sent.map(nameOf));
  for (const mount of claimMounts(expansion.server)) absent.add(mount.name);
  for (const template of kept) absent.delete(nameOf(template));
  return absent;
}

/** What is asked of a template: what the writer or the TServer said themselves, not what we filled in. */
interface Ask {
  readonly name: string;
  readonly said: Claim;
}

function asksOf(set: StatefulSet, expansion: Expansion): Ask[] {
  // The writer's own templates over the TServer's.
  const said = new Map<string, Claim>();
  for (const { name, source } of claimMounts(expansion.server)) {
    if (source?.persistentVolumeClaimTemplate) said.set(name, source.persistentVolumeClaimTemplate);
  }
  for (const template of set.spec?.volumeClaimTemplates ?? []) said.set(nameOf(template), template);
  return expandTemplates(set, expansion).map((template) => {
    const name = nameOf(template);
    return { name, said: said.get(name) ?? template };
  });
}

interface Change {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

interface OwnerChange extends Change {
  /** `KEY=VALUE` of the annotations that differ. */
  readonly annotations: readonly string[];
}

interface Differences {
  readonly added: readonly string[];
  readonly dropped: readonly string[];
  readonly changed: readonly string[];
  readonly resized: readonly Change[];
  readonly reowned: readonly OwnerChange[];
}

function compare(asks: readonly Ask[], keptByName: ReadonlyMap<string, Claim>): Differences {
  const wantedNames = new Set(asks.map(({ name }) => name));
  const pairs = asks.flatMap(({ name, said }) => {
    const old = keptByName.get(name);
    return old ? [{ name, said, old }] : [];
  });
  return {
    added: [...wantedNames].filter((name) => !keptByName.has(name)),
    dropped: [...keptByName.keys()].filter((name) => !wantedNames.has(name)),
    changed: pairs.filter(({ said, old }) => !isSameVolume(said, old)).map(({ name }) => name),
    resized: pairs
      .map(({ name, said, old }) => ({ name, from: sizeOf(old), to: sizeOf(said) }))
      .filter(({ from, to }) => to !== undefined && !isSameQuantity(from, to))
      .map(({ name, from, to }) => ({ name, from: textOf(from), to: textOf(to) })),
    reowned: pairs.flatMap(ownerChange),
  };
}

/** True when the kept template has everything that was said of it, but for its size and owner. */
function isSameVolume(said: Claim, kept: Claim): boolean {
  const { resources: _resources, ...spec } = said.spec ?? {};
  const keys = Object.values(LABEL).filter((key) => said.metadata?.labels?.[key] !== undefined);
  return (
    isWithin(spec, kept.spec ?? {}) &&
    isWithin(scopeOf(said), scopeOf(kept) ?? 'Node') &&
    keys.every((key) => said.metadata?.labels?.[key] === kept.metadata?.labels?.[key])
  );
}

/** Absent means Node. */
function scopeOf({ metadata }: Claim): unknown {
  return metadata?.annotations?.[OURS.scope];
}

function isWithin(said: unknown, kept: unknown): boolean {
  if (said === null || said === undefined || (Array.isArray(said) && said.length === 0)) return true;
  if (!isRecord(said) || !isRecord(kept)) return isDeepStrictEqual(said, kept);
  return Object.keys(said).every((key) => isWithin(said[key], kept[key]));
}

function ownerChange({ name, said, old }: { name: string; said: Claim; old: Claim }): OwnerChange[] {
  const differing = Object.entries(ANNOTATION).flatMap(([field, key]) => {
    const [from, to] = [old.metadata?.annotations?.[key], said.metadata?.annotations?.[key]];
    return from === undefined || to === undefined || from === to ? [] : [{ field, key, from, to }];
  });
  if (differing.length === 0) return [];
  return [
    {
      name,
      from: differing.map(({ field, from }) => `${field} ${textOf(from)}`).join(', '),
      to: differing.map(({ field, to }) => `${field} ${textOf(to)}`).join(', '),
      annotations: differing.map(({ key, to }) => `${key}=${textOf(to)}`),
    },
  ];
}

interface Place {
  readonly name: string;
  readonly namespace: string;
  readonly firstOrdinal: number;
}

function listWarning({ added, dropped, changed }: Differences, { name, namespace }: Place): Finding[] {
  const parts = [
    added.length > 0 ? `without ${added.join(', ')}` : '',
    dropped.length > 0 ? `with ${dropped.join(', ')}` : '',
    changed.length > 0 ? `with ${changed.join(', ')} unchanged` : '',
  ].filter(Boolean);
  if (parts.length === 0) return [];
  return [
    warning(
      'TLV901',
      `the list is immutable, so StatefulSet ${namespace}/${name} keeps the one it has, ${parts.join(' and ')}; to get the new list: kubectl -n ${namespace} delete sts ${name} --cascade=orphan, apply this manifest again, then delete the old pods one by one, waiting for Ready each time (until all are replaced the StatefulSet neither scales nor rolls; claims and data stay)`,
    ),
  ];
}

function sizeWarning({ name: template, from, to }: Change, place: Place): Finding {
  const { name, namespace } = place;
  const remedy = isLess(to, from)
    ? `a claim does not shrink: write ${from} again, or have the data moved to smaller claims of another StatefulSet`
    : `expand the claims instead, where the class has allowVolumeExpansion: kubectl -n ${namespace} patch pvc ${firstClaim(template, place)} -p '{"spec":{"resources":{"requests":{"storage":"${to}"}}}}', and so for each replica`;
  return warning(
    'TLV902',
    `the list is immutable, so the template ${template} of StatefulSet ${namespace}/${name} keeps its request of ${from}, not ${to}; ${remedy}`,
  );
}

function ownerWarning({ name: template, from, to, annotations }: OwnerChange, place: Place): Finding {
  const { name, namespace } = place;
  return warning(
    'TLV903',
    `the list is immutable, so the template ${template} of StatefulSet ${namespace}/${name} keeps ${from}, not ${to}; change the claims instead: kubectl -n ${namespace} annotate --overwrite pvc ${firstClaim(template, place)} ${annotations.join(' ')}, and so for each replica`,
  );
}

const firstClaim = (template: string, { name, firstOrdinal }: Place): string =>
  claimName(template, name, firstOrdinal);

function warning(code: Finding['code'], message: string): Finding {
  return { code, path: ['spec', 'volumeClaimTemplates'], message };
}
