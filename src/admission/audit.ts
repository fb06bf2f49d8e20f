import type { Claim, PodSpec, StatefulSet } from '../tars/shapes.ts';
import type { TServer } from '../tars/tserver.ts';

/**
 * Audit annotations: what was put into an object and on whose account, so that the audit log answers
 * "where does this volume come from". The API server puts the webhook's name before each key.
 */

type Audit = Readonly<Record<string, string>>;

const LONGEST = 1024;

/** What a mutation put into a StatefulSet; empty when it changed nothing. */
export function auditStatefulSet(
  before: StatefulSet,
  after: StatefulSet,
  server: TServer | undefined,
): Audit {
  if (before === after) return {};
  return entries({
    tserver: server
      ? [`${server.metadata?.namespace ?? after.metadata?.namespace ?? ''}/${server.metadata?.name ?? ''}`]
      : [],
    templates: added(templateNames(before), templateNames(after)),
    mounts: addedMounts(before, after),
    'anti-affinity': requiredTerms(after) > requiredTerms(before) ? ['kubernetes.io/hostname'] : [],
  });
}

/** What a mutation put into a claim; empty when it changed nothing. */
export function auditClaim(before: Claim, after: Claim): Audit {
  if (before === after) return {};
  return entries({
    labels: added(labelPairs(before), labelPairs(after)),
    annotations: added(
      Object.keys(before.metadata?.annotations ?? {}),
      Object.keys(after.metadata?.annotations ?? {}),
    ),
  });
}

function entries(lists: Readonly<Record<string, readonly string[]>>): Audit {
  return Object.fromEntries(
    Object.entries(lists)
      .filter(([, list]) => list.length > 0)
      .map(([key, list]) => [key, list.join(', ').slice(0, LONGEST)]),
  );
}

function added(before: readonly string[], after: readonly string[]): string[] {
  const known = new Set(before);
  return after.filter((name) => !known.has(name));
}

const podOf = (set: StatefulSet): PodSpec => set.spec?.template?.spec ?? {};

const templateNames = ({ spec }: StatefulSet): string[] =>
  (spec?.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name ?? '');

/** `container:/path=volume`; kubectl writes mounts much like this. What was there before is the same object still. */
function addedMounts(before: StatefulSet, after: StatefulSet): string[] {
  const known = new Set((podOf(before).containers ?? []).flatMap(({ volumeMounts }) => volumeMounts ?? []));
  return (podOf(after).containers ?? []).flatMap(({ name, volumeMounts }) =>
    (volumeMounts ?? [])
      .filter((mount) => !known.has(mount))
      .map((mount) => `${name ?? ''}:${mount.mountPath ?? ''}=${mount.name ?? ''}`),
  );
}

const requiredTerms = (set: StatefulSet): number =>
  podOf(set).affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length ?? 0;

const labelPairs = ({ metadata }: Claim): string[] =>
  Object.entries(metadata?.labels ?? {}).map(([key, value]) => `${key}=${String(value)}`);
