import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { orAborted } from './watchdog.ts';

/** The kernel asks a quiet peer from then on whether it is still there: a dead node is noticed within a minute. */
const KEEP_ALIVE_MS = 30_000;
/**
 * The API server closes an idle connection after 90 s; ours goes first, lest a request meets the closing. A Lease that is
 * kept fresh every 30 s finds it open still: else each beat of each node would be a TLS handshake.
 */
export const IDLE_MS = 60_000;

export type Query = Readonly<Record<string, string | undefined>>;

/** Connections that are used again, to one API server; a request waits while all of them are busy. */
export class Connections {
  readonly #plain: HttpAgent;
  readonly #secure: HttpsAgent;

  constructor(maxSockets: number) {
    const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets, timeout: IDLE_MS };
    this.#plain = new HttpAgent(options);
    this.#secure = new HttpsAgent(options);
  }

  /** Node keeps those of other credentials apart. */
  for(url: URL): HttpAgent {
    return url.protocol === 'http:' ? this.#plain : this.#secure;
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  /** JSON as text; of which kind says the content type. */
  readonly body?: { readonly text: string; readonly contentType: string } | undefined;
  readonly signal: AbortSignal;
  /** Without them a connection is used once. */
  readonly connections?: Connections | undefined;
}

/** Where a path is on the API server, whose URL may have a path of its own, as behind Rancher. */
export function apiUrl(config: KubeConfig, path: string, query: Query = {}): URL {
  const server = config.getCurrentCluster()?.server ?? '';
  const url = new URL(server.replace(/\/+$/, '') + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

/**
 * Sends a request; resolves at the first byte of its answer. Credentials are asked for each time, so that tokens,
 * and certificates too, may change while we run.
 */
export async function openRequest(config: KubeConfig, request: ApiRequest): Promise<IncomingMessage> {
  const { method, url, body, signal, connections } = request;
  const options: RequestOptions = { method, headers: headersOf(body) };
  await orAborted(config.applyToHTTPSOptions(options), signal);
  // client-node keeps the agent with the credentials of the first request; only its proxies are needed.
  if (!config.getCurrentCluster()?.proxyUrl) options.agent = connections?.for(url) ?? false;
  const send = url.protocol === 'http:' ? requestHttp : requestHttps;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = send(url, { ...options, signal });
  sent.on('response', resolve);
  sent.on('error', reject);
  sent.setSocketKeepAlive(true, KEEP_ALIVE_MS);
  sent.end(body?.text);
  try {
    return await promise;
  } catch (error) {
    // A kept connection may have died unnoticed. What only reads is asked again over a new one.
    if (method !== 'GET' || !sent.reusedSocket || signal.aborted) throw error;
    return openRequest(config, { ...request, connections: undefined });
  }
}

function headersOf(body: ApiRequest['body']): Record<string, string> {
  const always = { accept: 'application/json', 'user-agent': 't-local-volume' };
  if (!body) return always;
  const length = String(Buffer.byteLength(body.text));
  return { ...always, 'content-type': body.contentType, 'content-length': length };
}
