import { messageOf } from '../tars/message-of.ts';
import { tserverOf, type TServerLookup } from '../tars/ownership.ts';
import type { StatefulSet } from '../tars/shapes.ts';
import { isTServerKind, type TServer } from '../tars/tserver.ts';
import type { AdmissionDeps } from './deps.ts';
import { HttpError } from './http-error.ts';
import type { AdmissionRequest } from './review.ts';

/** However many owner references somebody writes, so many names are asked for at most. */
const MOST_NAMES = 2;

/**
 * The TServer of a StatefulSet, from the cache. Only at CREATE, and only on a miss, the API server is
 * asked: both may come from one `kubectl apply -f`, faster than the watch.
 * @throws HttpError with 503 where the look-up fails: the list of claim templates is immutable, so that a server must not be
 *   stored without it. Whether that lets the StatefulSet through is said by failurePolicy: a foreign one passes.
 */
export async function findTServer(
  set: StatefulSet,
  request: AdmissionRequest,
  deps: AdmissionDeps,
): Promise<TServer | undefined> {
  const namespace = request.namespace ?? '';
  const cached = tserverOf(set, namespace, deps.lookup);
  if (cached || request.operation !== 'CREATE') return cached;
  const fetched = await Promise.all(namesOf(set).map((name) => fetchOne(namespace, name, request, deps)));
  return tserverOf(set, namespace, among(fetched.filter((server) => server !== undefined)));
}

/** The names that a TServer of this StatefulSet may have: usually just its own. */
function namesOf({ metadata }: StatefulSet): string[] {
  const references = (metadata?.ownerReferences ?? [])
    .filter(({ apiVersion, kind }) => isTServerKind(apiVersion, kind))
    .map(({ name }) => name);
  const names = [...references, metadata?.name].flatMap((name) => (name ? [name] : []));
  return [...new Set(names)].slice(0, MOST_NAMES);
}

async function fetchOne(
  namespace: string,
  name: string,
  { uid }: AdmissionRequest,
  { fetchTServer, onLiveGet }: AdmissionDeps,
): Promise<TServer | undefined> {
  if (!fetchTServer) return undefined;
  try {
    const server = await fetchTServer(namespace, name);
    onLiveGet?.(server ? 'found' : 'missing');
    return server;
  } catch (error) {
    onLiveGet?.('error');
    const message = `cannot look for the TServer of the StatefulSet: ${messageOf(error)}; apply again`;
    throw new HttpError(503, message, { uid, cause: error });
  }
}

function among(servers: readonly TServer[]): TServerLookup {
  return {
    named: (_namespace, name) => servers.find(({ metadata }) => metadata?.name === name),
    serving: (_namespace, app, server) =>
      servers.find(({ spec }) => spec.app === app && spec.server === server),
  };
}
