import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { isRecord } from '../tars/json.ts';
import { type Clock, systemClock } from './clock.ts';
import { ApiStatusError, asError, ConnectionError, MalformedError } from './faults.ts';
import { excerpt } from './kube-object.ts';
import { orAborted, Watchdog } from './watchdog.ts';

/** How long the first byte of an answer may take: name look-up, TLS and credentials included. */
const ANSWER_MS = 30_000;
/** The kernel asks a quiet peer from then on whether it is still there: a dead node is noticed within a minute. */
const KEEP_ALIVE_MS = 30_000;
/** A refusal is a Status of a few lines; a proxy's error page is not worth more either. */
const MAX_REFUSAL_BYTES = 65_536;
/** A proxy that says "tomorrow" does not get it. */
const MAX_RETRY_AFTER_MS = 300_000;

export interface ReadOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** How long the answer may pause. */
  readonly silenceMs?: number;
  readonly deadlineMs?: number;
}

/**
 * GET on the API server, with what client-node's own calls hide: status, Retry-After, silence and half an answer.
 *
 * - Credentials are asked for each time, so that tokens, and certificates too, may change while we run.
 * - A connection is used once: none can have died unnoticed between two requests.
 * - Every error is one of faults.ts, or the reason of the caller's own signal.
 */
export class ApiReader {
  readonly #config: KubeConfig;
  readonly #clock: Clock;

  constructor(config: KubeConfig, clock: Clock = systemClock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** The whole answer. */
  async json(path: string, options: ReadOptions): Promise<unknown> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.chunks(path, options)) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new MalformedError(`the answer is no JSON: ${excerpt(text)}`, { cause });
    }
  }

  /** The answer as it comes in. Leaving the loop closes the connection. */
  async *chunks(path: string, options: ReadOptions): AsyncGenerator<Buffer, void> {
    const { silenceMs = ANSWER_MS, deadlineMs, signal } = options;
    const watchdog = new Watchdog(this.#clock, signal, deadlineMs);
    try {
      watchdog.feed(Math.min(ANSWER_MS, silenceMs));
      const response = await this.#open(this.#url(path, options), watchdog.signal);
      if (response.statusCode !== 200) throw await refusal(response);
      watchdog.feed(silenceMs);
      for await (const chunk of response as AsyncIterable<Buffer>) {
        watchdog.feed(silenceMs);
        yield chunk;
      }
    } catch (thrown) {
      if (watchdog.signal.aborted) throw watchdog.signal.reason;
      if (thrown instanceof ApiStatusError) throw thrown;
      throw new ConnectionError(asError(thrown).message, { cause: thrown });
    } finally {
      watchdog.release();
    }
  }

  #url(path: string, { query = {} }: ReadOptions): URL {
    // The server's URL may have a path of its own, as behind Rancher.
    const server = this.#config.getCurrentCluster()?.server ?? '';
    const url = new URL(server.replace(/\/+$/, '') + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  async #open(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = { accept: 'application/json', 'user-agent': 't-local-volume' };
    const options: RequestOptions = { headers };
    await orAborted(this.#config.applyToHTTPSOptions(options), signal);
    // client-node keeps the agent with the credentials of the first request; only its proxies are needed.
    if (!this.#config.getCurrentCluster()?.proxyUrl) options.agent = false;
    const send = url.protocol === 'http:' ? requestHttp : requestHttps;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = send(url, { ...options, signal });
    request.on('response', resolve);
    request.on('error', reject);
    request.setSocketKeepAlive(true, KEEP_ALIVE_MS);
    request.end();
    return promise;
  }
}

async function refusal(response: IncomingMessage): Promise<ApiStatusError> {
  const status = response.statusCode ?? 0;
  const retryAfterMs = parseRetryAfter(response.headers['retry-after']);
  const text = await beginning(response);
  return statusError(status, parsed(text), { text, retryAfterMs });
}

interface StatusContext {
  /** What came, for when it is no Status. */
  readonly text?: string;
  readonly retryAfterMs?: number | undefined;
  readonly isEvent?: boolean;
}

/** The error that a Status object, from an answer or from within a watch, stands for. */
export function statusError(
  status: number,
  body: unknown,
  { text = '', retryAfterMs, isEvent = false }: StatusContext,
): ApiStatusError {
  const { message, details } = isRecord(body) ? body : {};
  const { name, retryAfterSeconds } = isRecord(details) ? details : {};
  const told = typeof retryAfterSeconds === 'number' ? bounded(retryAfterSeconds * 1000) : undefined;
  const words = typeof message === 'string' && message !== '' ? message : excerpt(text.trim());
  return new ApiStatusError(status, `${status} ${words}`.trim(), {
    retryAfterMs: retryAfterMs ?? told,
    objectName: typeof name === 'string' && name !== '' ? name : undefined,
    isEvent,
  });
}

/** Seconds or a date (RFC 9110, 10.2.3); the API server sends seconds. */
function parseRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : bounded(ms);
}

const bounded = (ms: number): number => Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);

async function beginning(response: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_REFUSAL_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
