import { mutateClaim } from '../mutate/claim.ts';
import { mutateStatefulSet } from '../mutate/statefulset.ts';
import { claimsOf } from '../tars/claims-of.ts';
import type { Path } from '../tars/finding.ts';
import { ownerOf, tserverOf } from '../tars/ownership.ts';
import { statefulSetOf } from '../tars/statefulset-of.ts';
import { isRecord, valueAt } from '../tars/json.ts';
import type { Settings } from '../tars/settings.ts';
import type { Claim, StatefulSet } from '../tars/shapes.ts';
import { isTServerKind, type TServer } from '../tars/tserver.ts';
import { validateClaim } from '../validate/claim.ts';
import { looksOptedIn } from '../validate/opted-in.ts';
import { readClaim, readStatefulSet, readTServer, type Read } from '../validate/read.ts';
import { validateStatefulSet } from '../validate/statefulset.ts';
import { validateTServer } from '../validate/tserver.ts';
import { ACCEPTED, type Verdict } from '../validate/verdict.ts';
import type { SourceDocument } from './documents.ts';
import { DocumentLookup } from './lookup.ts';
import { UnusableInput } from './unusable-input.ts';

export interface OfflineOptions {
  readonly settings: Settings;
  /** What kubectl would use for documents that name no namespace. */
  readonly namespace: string;
}

/** One object of the input: a whole document, or an item of a List. */
export interface Item {
  readonly document: SourceDocument;
  /** Where the object is in its document: empty, or `items[2]`. */
  readonly path: Path;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly before: object;
  /** As it would be admitted; `before` itself where nothing changes. */
  readonly after: object;
  readonly verdict: Verdict;
  /** What is printed behind it: the StatefulSet that a lone TServer stands for, replicas' claims. */
  readonly added: readonly object[];
}

/** Every object of the documents as the webhook would answer for it, in their order. */
export function expand(
  documents: readonly SourceDocument[],
  { settings, namespace: fallback }: OfflineOptions,
): Item[] {
  const objects = documents.flatMap((document) => objectsOf(document, fallback));
  const scene = sceneOf(objects, settings);
  return objects.map((object) => ({ ...object, ...expandObject(object, scene) }));
}

interface Scene {
  readonly settings: Settings;
  readonly lookup: DocumentLookup;
  /** TServers with violations: what follows from these is reported there and not once more. */
  readonly flawed: ReadonlySet<TServer>;
  /** TServers that have a StatefulSet among the documents. */
  readonly served: ReadonlySet<TServer>;
}

type ObjectType = 'TServer' | 'StatefulSet' | 'PersistentVolumeClaim' | 'other';
type Found = Pick<Item, 'document' | 'path' | 'kind' | 'name' | 'namespace' | 'before'> & {
  readonly type: ObjectType;
};
type Outcome = Pick<Item, 'after' | 'verdict' | 'added'>;

function sceneOf(objects: readonly Found[], settings: Settings): Scene {
  const lookup = new DocumentLookup();
  const flawed = new Set<TServer>();
  for (const { before, namespace, type } of objects) {
    const read = type === 'TServer' ? readTServer(before) : undefined;
    if (!read?.ok) continue;
    lookup.add(namespace, read.object);
    const { violations } = validateTServer(read.object, { namespace, settings });
    if (violations.length > 0) flawed.add(read.object);
  }
  const served = objects.flatMap(({ before, namespace, type }) => {
    const read = type === 'StatefulSet' ? readStatefulSet(before) : undefined;
    const server = read?.ok ? tserverOf(read.object, namespace, lookup) : undefined;
    return server ? [server] : [];
  });
  return { settings, lookup, flawed, served: new Set(served) };
}

function expandObject(object: Found, scene: Scene): Outcome {
  switch (object.type) {
    case 'TServer':
      return withObject(object, scene, readTServer(object.before), expandTServer);
    case 'StatefulSet':
      return withObject(object, scene, readStatefulSet(object.before), expandStatefulSet);
    case 'PersistentVolumeClaim':
      return withObject(object, scene, readClaim(object.before), expandClaim);
    case 'other':
      return untouched(object);
  }
}

/** An object of the wrong shape is reported where it is ours to judge, and else left to the API server. */
function withObject<T>(
  found: Found,
  scene: Scene,
  read: Read<T>,
  work: (object: T, found: Found, scene: Scene) => Outcome,
): Outcome {
  if (read.ok) return work(read.object, found, scene);
  if (!isOurs(found, scene)) return untouched(found);
  return { ...untouched(found), verdict: { violations: read.violations, warnings: [] } };
}

function expandTServer(server: TServer, found: Found, { settings, served }: Scene): Outcome {
  const { namespace } = found;
  const verdict = validateTServer(server, { namespace, settings });
  const bare = served.has(server) || verdict.violations.length > 0 ? undefined : statefulSetOf(server);
  if (!bare) return { after: server, verdict, added: [] };
  const { object } = mutateStatefulSet(bare, { namespace, settings, server });
  const { violations } = validateStatefulSet(object, { namespace, settings, server });
  return {
    after: server,
    // The expansion has no text of its own: what is wrong with it is said of the TServer.
    verdict: { ...verdict, violations: violations.map((finding) => ({ ...finding, path: ['spec'] })) },
    added: [object],
  };
}

function expandStatefulSet(set: StatefulSet, found: Found, { settings, lookup, flawed }: Scene): Outcome {
  const { namespace } = found;
  const server = tserverOf(set, namespace, lookup);
  const context = { namespace, settings, server };
  const { object, warnings } = mutateStatefulSet(set, context);
  const verdict = validateStatefulSet(object, context);
  const violations =
    server && flawed.has(server)
      ? verdict.violations.filter(({ path }) => valueAt(set, path) !== undefined)
      : verdict.violations;
  return { after: object, verdict: { violations, warnings: [...warnings, ...verdict.warnings] }, added: [] };
}

function expandClaim(claim: Claim, { namespace }: Found, { settings }: Scene): Outcome {
  const after = mutateClaim(claim, { namespace, settings });
  return { after, verdict: validateClaim(after, { namespace, settings }), added: [] };
}

/** More than any StatefulSet has, and less than any memory. */
const MOST_REPLICAS = 10_000;

/**
 * The claims of every replica of a StatefulSet that is ours, as they would be admitted, without those that
 * are among the documents already.
 */
export function claimsBehind(
  { after, added, document, name, namespace }: Item,
  items: readonly Item[],
  settings: Settings,
): readonly object[] {
  const present = new Set(items.map((item) => JSON.stringify([item.kind, item.namespace, item.name])));
  return [after, ...added].flatMap((candidate) => {
    const read = typeOf(candidate) === 'StatefulSet' ? readStatefulSet(candidate) : undefined;
    if (!read?.ok || !ownerOf(read.object, undefined, settings)) return [];
    const replicas = read.object.spec?.replicas ?? 1;
    if (replicas > MOST_REPLICAS) {
      throw new UnusableInput(
        document.source.name,
        `StatefulSet ${name} has ${replicas} replicas, and --claims prints those of ${MOST_REPLICAS} at most`,
      );
    }
    return claimsOf(read.object)
      .filter(({ kind, metadata }) => !present.has(JSON.stringify([kind, namespace, metadata?.name])))
      .map((claim) => mutateClaim(claim, { namespace, settings }));
  });
}

function objectsOf(document: SourceDocument, fallback: string): Found[] {
  const { json } = document;
  if (!isRecord(json)) return [];
  const { items } = json;
  const isList = typeof json.kind === 'string' && json.kind.endsWith('List');
  if (!isList || !Array.isArray(items)) return [foundObject(document, [], json, fallback)];
  return items.flatMap((item: unknown, index) =>
    isRecord(item) ? [foundObject(document, ['items', index], item, fallback)] : [],
  );
}

function foundObject(
  document: SourceDocument,
  path: Path,
  before: Record<string, unknown>,
  fallback: string,
): Found {
  const { name, namespace } = isRecord(before.metadata) ? before.metadata : {};
  return {
    document,
    path,
    before,
    type: typeOf(before),
    kind: typeof before.kind === 'string' ? before.kind : '',
    name: typeof name === 'string' ? name : '',
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : fallback,
  };
}

function typeOf(object: object): ObjectType {
  const apiVersion = valueAt(object, ['apiVersion']);
  const kind = valueAt(object, ['kind']);
  if (isTServerKind(apiVersion, kind)) return 'TServer';
  if (apiVersion === 'apps/v1' && kind === 'StatefulSet') return kind;
  return apiVersion === 'v1' && kind === 'PersistentVolumeClaim' ? kind : 'other';
}

function isOurs({ before, type, name, namespace }: Found, { lookup, settings }: Scene): boolean {
  return type === 'TServer' || lookup.named(namespace, name) !== undefined || looksOptedIn(before, settings);
}

const untouched = ({ before }: Found): Outcome => ({ after: before, verdict: ACCEPTED, added: [] });
