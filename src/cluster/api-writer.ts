import type { KubeConfig } from '@kubernetes/client-node';
import { isRecord, valueAt } from '../tars/json.ts';
import { apiUrl, Connections, openRequest } from './api-request.ts';
import { refusal } from './api-status.ts';
import { type Clock, systemClock } from './clock.ts';
import { type BeforeEffect, noEffect } from './effect.ts';
import { ApiStatusError, asError, ConnectionError, MalformedError } from './faults.ts';
import { excerpt } from './kube-object.ts';
import { type Rate, RateLimit } from './rate-limit.ts';
import { Watchdog } from './watchdog.ts';

/** For a call, name look-up, TLS and credentials included. */
const DEADLINE_MS = 15_000;
const MAX_CONNECTIONS = 8;
/** For nobody who wants to end a call. */
const NEVER = new AbortController().signal;

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
} as const;
export type PatchType = keyof typeof PATCH_TYPES;

/** What must still hold of the object; where it does not, the API server answers 409. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
  /** False for what is no effect that a crash may fall before or after: Events, and Leases kept fresh. */
  readonly effect?: boolean;
}

export interface ApiWriterOptions {
  readonly beforeEffect?: BeforeEffect;
  /** How often at most; not limited where nothing is said. */
  readonly rate?: Rate;
  readonly deadlineMs?: number;
  readonly clock?: Clock;
}

interface Call extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

/**
 * Calls that change objects, with what client-node's own hide: a deadline, Retry-After, and the bytes as they are sent
 * (its Date has three digits where MicroTime wants six).
 *
 * - Every error is an ApiStatusError, a ConnectionError, the reason of the caller's own signal, or what `beforeEffect`
 *   throws.
 * - Anything but an ApiStatusError leaves open whether it was done: look again before doing it again.
 * - Nothing is tried twice here; that is for the work queue.
 */
export class ApiWriter {
  readonly #config: KubeConfig;
  readonly #connections = new Connections(MAX_CONNECTIONS);
  readonly #beforeEffect: BeforeEffect;
  readonly #limit: RateLimit | undefined;
  readonly #deadlineMs: number;
  readonly #clock: Clock;

  constructor(config: KubeConfig, options: ApiWriterOptions = {}) {
    this.#config = config;
    this.#beforeEffect = options.beforeEffect ?? noEffect;
    this.#clock = options.clock ?? systemClock;
    this.#limit = options.rate && new RateLimit(options.rate, this.#clock);
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  }

  /**
   * The object; undefined where the API server says that it is not there. A 404 that does not name it may come from whatever
   * stands before the API server: it proves nothing, and data is removed for what is proved.
   */
  async get(path: string, options: CallOptions = {}): Promise<Record<string, unknown> | undefined> {
    try {
      return await this.#call({ ...options, method: 'GET', path });
    } catch (error) {
      if (error instanceof ApiStatusError && error.status === 404 && error.objectName !== undefined)
        return undefined;
      throw error;
    }
  }

  /** To the path of the collection; returns the object as it was stored. */
  create(path: string, body: unknown, options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.#call({ ...options, method: 'POST', path, body, contentType: 'application/json' });
  }

  /** With the body's resourceVersion as the condition. */
  replace(path: string, body: unknown, options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.#call({ ...options, method: 'PUT', path, body, contentType: 'application/json' });
  }

  /** A resourceVersion in a merge patch is a condition too (409); a test of a JSON patch that does not hold is a 422. */
  patch(
    path: string,
    body: unknown,
    type: PatchType,
    options: CallOptions = {},
  ): Promise<Record<string, unknown>> {
    return this.#call({ ...options, method: 'PATCH', path, body, contentType: PATCH_TYPES[type] });
  }

  /** Returns the object, which finalizers may keep, or a Status. */
  remove(
    path: string,
    preconditions: Preconditions = {},
    options: CallOptions = {},
  ): Promise<Record<string, unknown>> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
    return this.#call({ ...options, method: 'DELETE', path, body, contentType: 'application/json' });
  }

  /** Lets go the connections; calls that are under way end with an error. */
  close(): void {
    this.#connections.close();
  }

  async #call(call: Call): Promise<Record<string, unknown>> {
    const { signal = NEVER, deadlineMs = this.#deadlineMs } = call;
    await this.#limit?.take(signal);
    signal.throwIfAborted();
    if (call.method !== 'GET' && call.effect !== false) this.#beforeEffect(effectOf(call));
    const watchdog = new Watchdog(this.#clock, signal, deadlineMs);
    try {
      return await this.#answer(call, watchdog.signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof ApiStatusError) throw thrown;
      const cause = watchdog.signal.aborted ? asError(watchdog.signal.reason) : asError(thrown);
      throw new ConnectionError(`${call.method} ${call.path}: ${cause.message}`, { cause });
    } finally {
      watchdog.release();
    }
  }

  async #answer(
    { method, path, body, contentType }: Call,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const response = await openRequest(this.#config, {
      method,
      url: apiUrl(this.#config, path),
      body: contentType === undefined ? undefined : { text: JSON.stringify(body), contentType },
      signal,
      connections: this.#connections,
    });
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw await refusal(response);
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return objectIn(Buffer.concat(chunks).toString('utf8'));
  }
}

function objectIn(text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MalformedError(`the answer is no JSON: ${excerpt(text)}`, { cause });
  }
  if (isRecord(json)) return json;
  throw new MalformedError(`the answer is no object: ${excerpt(text)}`);
}

/** `/api/v1` or `/apis/<group>/<version>`, the namespace, the resource, and the object with what is below it. */
const PATH = /^\/api(?:s\/[^/]+)?\/[^/]+(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/(.+))?$/;

/** Such as `POST persistentvolumes default-x`, `PATCH persistentvolumeclaims/status default/x`. */
function effectOf({ method, path, body }: Call): string {
  const [, namespace, resource = path, named, below] = PATH.exec(path) ?? [];
  const name = named === undefined ? nameIn(body) : decodeURIComponent(named);
  const where = namespace === undefined ? name : `${decodeURIComponent(namespace)}/${name}`;
  return `${method} ${resource}${below === undefined ? '' : `/${below}`} ${where}`;
}

function nameIn(body: unknown): string {
  const name = valueAt(body, ['metadata', 'name']);
  return typeof name === 'string' ? name : '';
}
