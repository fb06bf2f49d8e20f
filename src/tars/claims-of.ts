import type { Claim, StatefulSet } from './shapes.ts';

/**
 * The claims of every replica, as the StatefulSet controller makes them from the templates: named
 * TEMPLATE-SET-ORDINAL, with the labels of the set's selector over the template's own.
 */
export function claimsOf(set: StatefulSet): Claim[] {
  const { name, namespace } = set.metadata ?? {};
  const { ordinals, replicas, selector, volumeClaimTemplates } = set.spec ?? {};
  if (!name) return [];
  const first = ordinals?.start ?? 0;
  return Array.from({ length: replicas ?? 1 }, (_, index) => first + index).flatMap((ordinal) =>
    (volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        ...metadata,
        name: claimName(metadata?.name ?? '', name, ordinal),
        ...(namespace ? { namespace } : {}),
        labels: { ...metadata?.labels, ...selector?.matchLabels },
      },
      spec,
    })),
  );
}

/** The name that the StatefulSet controller gives a replica's claim. */
export function claimName(template: string, set: string, ordinal: number): string {
  return `${template}-${set}-${ordinal}`;
}
