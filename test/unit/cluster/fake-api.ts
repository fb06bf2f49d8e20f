import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';

interface FakeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion: string;
    readonly [field: string]: unknown;
  };
  readonly spec?: unknown;
}

type Kind = 'list' | 'page' | 'watch' | 'get';
type Answer = (response: ServerResponse, query: URLSearchParams) => void;

interface Seen {
  readonly kind: Kind;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
}

export const THINGS = '/apis/test.io/v1/things';

/** An API server for one resource, over real sockets, that misbehaves on request. */
export class FakeApi {
  /** The paths of the resource; everything else is `404 page not found`. */
  readonly served = new Set([THINGS]);
  readonly seen: Seen[] = [];
  connectionsMade = 0;
  readonly #server: Server;
  readonly #objects = new Map<string, FakeObject>();
  readonly #history: { type: string; object: FakeObject }[] = [];
  readonly #watches = new Set<ServerResponse>();
  readonly #scripted: { kind: Kind; answer: Answer }[] = [];
  #version = 100;

  static async start(): Promise<FakeApi> {
    const api = new FakeApi();
    await new Promise<void>((resolve) => {
      api.#server.listen(0, '127.0.0.1', resolve);
    });
    return api;
  }

  private constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#server.on('connection', () => void (this.connectionsMade += 1));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  config(user: object = {}): KubeConfig {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'fake', server: this.url, skipTLSVerify: true },
      { name: 'somebody', ...user },
    );
    return config;
  }

  /** Makes or changes an object, and tells the watches. */
  put(name: string, spec: unknown = {}, metadata: object = {}): void {
    const resourceVersion = String(++this.#version);
    const object = { metadata: { name, namespace: 'shop', ...metadata, resourceVersion }, spec };
    const type = this.#objects.has(name) ? 'MODIFIED' : 'ADDED';
    this.#objects.set(name, object);
    this.#tell(type, object);
  }

  delete(name: string): void {
    const old = this.#objects.get(name)!;
    this.#objects.delete(name);
    const metadata = { ...old.metadata, resourceVersion: String(++this.#version) };
    this.#tell('DELETED', { ...old, metadata });
  }

  /** Changes what is listed, without an event. */
  forget(name: string): void {
    this.#objects.delete(name);
    this.#version++;
  }

  bookmark(resourceVersion: string): void {
    this.raw(event('BOOKMARK', { metadata: { resourceVersion } }));
  }

  /** Sends this, as it is, to every open watch. */
  raw(text: string): void {
    for (const watch of this.#watches) watch.write(text);
  }

  /** Ends every open watch: in good order, or by cutting the connection. */
  endWatches(how: 'end' | 'destroy' = 'end'): void {
    for (const watch of this.#watches) watch[how]();
    this.#watches.clear();
  }

  dropConnections(): void {
    this.#server.closeAllConnections();
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** The next request of this kind is answered so; later ones as before. */
  once(kind: Kind, answer: Answer): void {
    this.#scripted.push({ kind, answer });
  }

  count(kind: Kind): number {
    return this.seen.filter((one) => one.kind === kind).length;
  }

  last(kind: Kind): Seen {
    return this.seen.findLast((one) => one.kind === kind)!;
  }

  #tell(type: string, object: FakeObject): void {
    this.#history.push({ type, object });
    this.raw(event(type, object));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const kind = kindOf(pathname, searchParams);
    const { authorization } = request.headers;
    this.seen.push({ kind, path: pathname, query: Object.fromEntries(searchParams), authorization });
    const scripted = this.#scripted.findIndex((one) => one.kind === kind);
    if (scripted >= 0) {
      this.#scripted.splice(scripted, 1)[0]!.answer(response, searchParams);
    } else if (![...this.served].some((path) => isUnder(path, pathname))) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    } else if (kind === 'get') {
      this.#get(pathname, response);
    } else if (kind === 'watch') {
      this.#watch(response, searchParams);
    } else {
      this.#list(response, searchParams);
    }
  }

  #get(path: string, response: ServerResponse): void {
    const name = path.split('/').at(-1)!;
    const object = this.#objects.get(name);
    if (object) response.end(JSON.stringify(object));
    else refuse(404, `"${name}" not found`, { details: { name, kind: 'things' } })(response);
  }

  #list(response: ServerResponse, query: URLSearchParams): void {
    const from = Number(query.get('continue') ?? 0);
    const all = [...this.#objects.values()];
    const to = from + Number(query.get('limit') ?? all.length);
    const metadata = {
      resourceVersion: String(this.#version),
      ...(to < all.length && { continue: String(to) }),
    };
    response.end(JSON.stringify({ kind: 'List', metadata, items: all.slice(from, to) }));
  }

  #watch(response: ServerResponse, query: URLSearchParams): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const since = Number(query.get('resourceVersion'));
    for (const { type, object } of this.#history) {
      if (Number(object.metadata.resourceVersion) > since) response.write(event(type, object));
    }
    this.#watches.add(response);
    response.once('close', () => this.#watches.delete(response));
  }
}

export function event(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** A Status, as the API server refuses. */
export function refuse(
  code: number,
  message = 'no',
  more: object = {},
  headers: object = {},
): (response: ServerResponse) => void {
  const body = { kind: 'Status', status: 'Failure', code, message, ...more };
  return (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
}

/** A watch that sends this and then ends, is cut, or stays open. */
export function watchOf(text: string, then: 'end' | 'destroy' | 'hold' = 'end'): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(text, () => {
      if (then !== 'hold') response[then]();
    });
  };
}

/** Asks until the answer is true; for what goes through real sockets. */
export async function eventually(what: string, ask: () => boolean): Promise<void> {
  for (let tried = 0; tried < 2000; tried++) {
    if (ask()) return;
    await pause(2);
  }
  throw new Error(`waited in vain for ${what}`);
}

function kindOf(path: string, query: URLSearchParams): Kind {
  if (query.get('watch') === 'true') return 'watch';
  if (path.includes('/namespaces/')) return 'get';
  return query.has('continue') ? 'page' : 'list';
}

function isUnder(served: string, path: string): boolean {
  const [group] = served.split(/\/(?=[^/]+$)/);
  return path === served || path.startsWith(`${group}/namespaces/`);
}
