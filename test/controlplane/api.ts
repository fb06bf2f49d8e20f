import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

const TIMEOUT_MS = 60_000;

/** As much of any Kubernetes object as a test reads without saying its type. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: {
    name?: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  // A Status has words here, everything else an object.
  status?: unknown;
  [field: string]: unknown;
}

export interface ApiAnswer<T> {
  readonly status: number;
  /** Parsed when it is JSON, else the text as it came. */
  readonly body: T;
  /** What kubectl would print as `Warning: …`. */
  readonly warnings: string[];
}

interface ApiClientOptions {
  readonly url: string;
  /** Certificates to trust; without them whatever the server shows is accepted, which will do for a health check. */
  readonly ca?: string;
  readonly token?: string;
}

/** A thin JSON client of one server: any status is an answer, only a broken connection is an error. */
export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #agent: HttpAgent;

  constructor(options: ApiClientOptions) {
    this.#options = options;
    const tls = options.ca === undefined ? { rejectUnauthorized: false } : { ca: options.ca };
    this.#agent = options.url.startsWith('https:')
      ? new HttpsAgent({ keepAlive: true, ...tls })
      : new HttpAgent({ keepAlive: true });
  }

  async request<T = KubeObject>(
    method: string,
    path: string,
    body?: unknown,
    contentType = 'application/json',
  ): Promise<ApiAnswer<T>> {
    const payload = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    const response = await this.#send(method, path, payload, contentType);
    const text = await readAll(response);
    return {
      status: response.statusCode ?? 0,
      body: (isJson(response) ? JSON.parse(text) : text) as T,
      warnings: warningsOf(response.headersDistinct['warning'] ?? []),
    };
  }

  /** Lets go of the idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: string,
    path: string,
    body: string | undefined,
    contentType: string,
  ): Promise<IncomingMessage> {
    const { url, token } = this.#options;
    const send = url.startsWith('https:') ? requestHttps : requestHttp;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = send(new URL(path, url), {
      method,
      agent: this.#agent,
      timeout: TIMEOUT_MS,
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined
          ? {}
          : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
      },
    });
    request.once('response', resolve);
    request.once('error', reject);
    request.once('timeout', () => request.destroy(new Error(`${method} ${path}: no answer in time`)));
    request.end(body);
    return promise;
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

function isJson(response: IncomingMessage): boolean {
  return response.headers['content-type']?.startsWith('application/json') === true;
}

/** The text of each warning header, which reads `299 - "text"`. */
function warningsOf(headers: readonly string[]): string[] {
  const quoted = headers.flatMap((header) => header.match(/"(?:[^"\\]|\\.)*"/g) ?? []);
  return quoted.map((text) => text.slice(1, -1).replaceAll(/\\(.)/g, '$1'));
}

/** Asks over a connection of its own: one that outlived a restart would only tell of the old process. */
export async function isServing(url: string): Promise<boolean> {
  const probe = new ApiClient({ url });
  try {
    return (await probe.request('GET', '')).status === 200;
  } finally {
    probe.close();
  }
}
