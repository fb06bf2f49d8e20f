import type { Claim, StatefulSet } from './shapes.ts';
import { servedClass, type Settings } from './settings.ts';
import { isTServerKind, type TServer } from './tserver.ts';
import { labelValueOf } from './label-value.ts';
import { LABEL, OURS, PLAIN_APP } from './vocabulary.ts';

/** Where TServers are looked up: the watch cache, or the documents of one stream. */
export interface TServerLookup {
  named(namespace: string, name: string): TServer | undefined;
  serving(namespace: string, app: string, server: string): TServer | undefined;
}

/** Node: one replica a node, the seeds' path. Pod: a directory for each ordinal. */
export type Scope = 'Node' | 'Pod';

/** What a StatefulSet belongs to, and so what its volumes are called. */
export interface Owner {
  readonly by: 'tserver' | 'labels' | 'class';
  readonly app: string;
  readonly server: string;
  readonly scope: Scope;
}

/**
 * The TServer of a StatefulSet: named by an owner reference, or of the same name, or of the same
 * app and server labels, in this order, and always of the same namespace.
 */
export function tserverOf(set: StatefulSet, namespace: string, lookup: TServerLookup): TServer | undefined {
  const { name, ownerReferences } = set.metadata ?? {};
  const references = (ownerReferences ?? []).filter((owner) => isTServerKind(owner.apiVersion, owner.kind));
  for (const candidate of [...references.map((owner) => owner.name), name]) {
    const server = candidate ? lookup.named(namespace, candidate) : undefined;
    if (server) return server;
  }
  const app = label(set, LABEL.app);
  const serverName = label(set, LABEL.server);
  return app && serverName ? lookup.serving(namespace, app, serverName) : undefined;
}

/** True for a StatefulSet that a TServer's own controller (TarsK8S) makes and keeps: it has the last word. */
export function isControlledByTServer({ metadata }: StatefulSet): boolean {
  return (metadata?.ownerReferences ?? []).some(
    ({ apiVersion, controller, kind }) => Boolean(controller) && isTServerKind(apiVersion, kind),
  );
}

/** Whose StatefulSet this is; undefined means foreign, and a foreign one passes untouched. */
export function ownerOf(
  set: StatefulSet,
  server: TServer | undefined,
  settings: Settings,
): Owner | undefined {
  const asked = scopeOf(set.metadata?.annotations);
  if (!server) return plainOwnerOf(set, asked ?? 'Pod', settings);
  const { app, server: name } = server.spec;
  return {
    by: 'tserver',
    app,
    server: name,
    scope: asked ?? scopeOf(server.metadata?.annotations) ?? 'Node',
  };
}

function plainOwnerOf(set: StatefulSet, scope: Scope, settings: Settings): Owner | undefined {
  const app = label(set, LABEL.app);
  const server = label(set, LABEL.server);
  if (app && server) return { by: 'labels', app, server, scope };
  const templates = set.spec?.volumeClaimTemplates ?? [];
  if (!templates.some((template) => isLocal(template, settings))) return undefined;
  return { by: 'class', app: PLAIN_APP.statefulSet, server: labelValueOf(set.metadata?.name ?? ''), scope };
}

/**
 * Whose claim this is: its own labels say so where it has them; a bare claim belongs to itself.
 * @param usual - the scope of claims that do not name theirs
 */
export function claimOwner(claim: Claim, usual: Scope = 'Node'): Owner {
  const { name, annotations } = claim.metadata ?? {};
  const scope = scopeOf(annotations) ?? usual;
  const app = label(claim, LABEL.app);
  const server = label(claim, LABEL.server);
  return app && server
    ? { by: 'labels', app, server, scope }
    : { by: 'class', app: PLAIN_APP.claim, server: labelValueOf(name ?? ''), scope };
}

/** True for a claim or claim template of a class that we serve. */
export function isLocal(claim: Claim, settings: Settings): boolean {
  return servedClass(claim.spec?.storageClassName, settings) !== undefined;
}

function scopeOf(annotations: Record<string, unknown> | null | undefined): Scope | undefined {
  const value = annotations?.[OURS.scope];
  return value === 'Node' || value === 'Pod' ? value : undefined;
}

function label({ metadata }: StatefulSet | Claim, key: string): string | undefined {
  const value = metadata?.labels?.[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
