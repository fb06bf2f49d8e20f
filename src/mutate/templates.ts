import {
  asTemplate,
  completeClaim,
  mountTemplate,
  placeholderTemplate,
  type ClaimIdentity,
} from '../tars/claim-template.ts';
import { isLocal, type Owner } from '../tars/ownership.ts';
import { servedClass, type ClassWay, type Settings } from '../tars/settings.ts';
import { mapShared } from '../tars/sharing.ts';
import type { Claim, PodSpec, StatefulSet } from '../tars/shapes.ts';
import { claimMounts, usesHost, type TServer, type TServerMount } from '../tars/tserver.ts';
import { PLACEHOLDER, STORAGE_CLASS } from '../tars/vocabulary.ts';

/** What an expansion depends on, besides the StatefulSet itself. */
export interface Expansion {
  readonly namespace: string;
  readonly owner: Owner;
  readonly server: TServer | undefined;
  readonly settings: Settings;
}

/**
 * The claim templates that a StatefulSet is to be created with: its own ones completed, then what its
 * TServer's mounts stand for in their order, `delay-bind` last. The same list when nothing is to be added.
 */
export function expandTemplates(set: StatefulSet, expansion: Expansion): Claim[] {
  const given = set.spec?.volumeClaimTemplates ?? [];
  const own = mapShared(given, (template) => completeTemplate(template, expansion));
  const names = new Set(own.map((template) => template.metadata?.name));
  const added = injectedMounts(expansion.server)
    .filter(({ name }, index, mounts) => {
      const isFirst = mounts.findIndex((mount) => mount.name === name) === index;
      return isFirst && !names.has(name);
    })
    .map((mount) => templateOf(mount, expansion));
  if (!names.has(PLACEHOLDER) && isTied(set, expansion.server)) {
    return [...own, ...added, placeholderTemplate(identityFor(STORAGE_CLASS, expansion))];
  }
  if (added.length === 0) return own;
  const last = own.at(-1)?.metadata?.name === PLACEHOLDER ? own.length - 1 : own.length;
  return own.toSpliced(last, 0, ...added);
}

/** The claim mounts that are expanded: all but one of the reserved name, which is refused. */
export function injectedMounts(server: TServer | undefined): readonly TServerMount[] {
  return claimMounts(server).filter(({ name }) => name !== PLACEHOLDER);
}

/** The template of one TServer mount: as given and named after the mount, or made for a local volume. */
export function templateOf(mount: TServerMount, expansion: Expansion): Claim {
  const given = mount.source?.persistentVolumeClaimTemplate;
  if (!given) return mountTemplate(mount, identityFor(STORAGE_CLASS, expansion));
  const { metadata, ...rest } = given;
  const named: Claim = { metadata: { ...metadata, name: mount.name }, ...rest };
  return asTemplate(completeTemplate(named, expansion));
}

function completeTemplate(template: Claim, expansion: Expansion): Claim {
  const name = template.metadata?.name;
  // A `delay-bind` of a user is refused, not quietly turned into the reserved claim.
  if (!name || name === PLACEHOLDER || !isLocal(template, expansion.settings)) return template;
  const identity = identityFor(template.spec?.storageClassName, expansion);
  // A template that the manifest writes itself is still the TServer's volume of that name.
  const mount = claimMounts(expansion.server).find((candidate) => candidate.name === name);
  const localVolume = mount?.source?.tLocalVolume ?? undefined;
  return asTemplate(completeClaim(template, name, { ...identity, localVolume }));
}

function identityFor(className: string | null | undefined, expansion: Expansion): ClaimIdentity {
  const { namespace, owner, settings } = expansion;
  const way: ClassWay = servedClass(className, settings)?.way ?? 'on-demand';
  return { app: owner.app, server: owner.server, scope: owner.scope, namespace, way };
}

/** True when server or pods use what belongs to one host, so that replicas must not move. */
function isTied(set: StatefulSet, server: TServer | undefined): boolean {
  const pod = set.spec?.template?.spec;
  return usesHost(server) || (pod ? podUsesHost(pod) : false);
}

function podUsesHost(pod: PodSpec): boolean {
  const containers = [...(pod.initContainers ?? []), ...(pod.containers ?? [])];
  return (
    Boolean(pod.hostIPC) ||
    Boolean(pod.hostNetwork) ||
    containers.some(({ ports }) => (ports ?? []).some(({ hostPort }) => Boolean(hostPort)))
  );
}
