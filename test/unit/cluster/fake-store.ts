import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { isRecord, valueAt } from '../../../src/tars/json.ts';
import { refuse } from './fake-api.ts';

type Json = Record<string, unknown>;
type Answer = (response: ServerResponse) => void;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  readonly text: string;
}

/** Objects of any kind behind real sockets, written as an API server writes them, that misbehaves on request. */
export class FakeStore {
  readonly objects = new Map<string, Json>();
  readonly calls: Call[] = [];
  readonly connections = new Set<object>();
  /** Answers instead of the store; the object is left as it is. Undefined: as ever. */
  intercept: (call: Call) => Answer | undefined = () => undefined;
  /** Cuts the connection after the write was done. */
  loseAnswer: (call: Call) => boolean = () => false;
  readonly #server: Server;
  #version = 100;

  static async start(): Promise<FakeStore> {
    const store = new FakeStore();
    await new Promise<void>((resolve) => {
      store.#server.listen(0, '127.0.0.1', resolve);
    });
    return store;
  }

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on('connection', (socket) => this.connections.add(socket));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  config(user: object = {}): KubeConfig {
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'fake', server, skipTLSVerify: true },
      { name: 'somebody', ...user },
    );
    return config;
  }

  /** What was asked, as `PATCH /path`. */
  get said(): string[] {
    return this.calls.map(({ method, path }) => `${method} ${path}`);
  }

  put(path: string, object: Json): Json {
    const metadata = { ...(object.metadata as Json), resourceVersion: String(++this.#version) };
    const stored = { ...object, metadata };
    this.objects.set(path, stored);
    return stored;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const { method = '', url: path = '', headers } = request;
    const call = {
      method,
      path,
      headers,
      text,
      body: text === '' ? undefined : (JSON.parse(text) as unknown),
    };
    this.calls.push(call);
    const scripted = this.intercept(call);
    if (scripted) {
      scripted(response);
      return;
    }
    const answer = this.#answer(call);
    if (this.loseAnswer(call)) response.destroy();
    else answer(response);
  }

  #answer(call: Call): Answer {
    const { method, path, body } = call;
    const old = this.objects.get(path);
    if (method === 'POST') return this.#create(path, body as Json);
    if (!old) return notFound(path);
    if (method === 'GET') return send(old);
    const wanted =
      valueAt(body, ['preconditions', 'resourceVersion']) ?? valueAt(body, ['metadata', 'resourceVersion']);
    if (wanted !== undefined && wanted !== valueAt(old, ['metadata', 'resourceVersion'])) {
      return refuse(409, 'the object has been modified');
    }
    if (method === 'DELETE') {
      this.objects.delete(path);
      return send({ kind: 'Status', status: 'Success' });
    }
    return send(this.put(path, method === 'PUT' ? (body as Json) : (merged(old, body) as Json)));
  }

  #create(collection: string, body: Json): Answer {
    const name = valueAt(body, ['metadata', 'name']) as string;
    const path = `${collection}/${name}`;
    if (this.objects.has(path)) return refuse(409, `"${name}" already exists`, { details: { name } });
    return send(this.put(path, body), 201);
  }
}

function send(body: Json, code = 200): Answer {
  return (response) =>
    void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function notFound(path: string): Answer {
  const name = path.split('/').at(-1);
  return refuse(404, `"${name}" not found`, { details: { name } });
}

/** RFC 7396. */
function merged(old: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result = isRecord(old) ? { ...old } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}
