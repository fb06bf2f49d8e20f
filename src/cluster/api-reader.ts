import type { KubeConfig } from '@kubernetes/client-node';
import { apiUrl, type Connections, openRequest, type Query } from './api-request.ts';
import { refusal } from './api-status.ts';
import { type Clock, systemClock } from './clock.ts';
import { ApiStatusError, asError, ConnectionError, MalformedError } from './faults.ts';
import { excerpt } from './kube-object.ts';
import { Watchdog } from './watchdog.ts';

/** How long the first byte of an answer may take: name look-up, TLS and credentials included. */
const ANSWER_MS = 30_000;

export interface ReadOptions {
  readonly query?: Query;
  readonly signal: AbortSignal;
  /** How long the answer may pause. */
  readonly silenceMs?: number;
  readonly deadlineMs?: number;
}

/**
 * GET on the API server, with what client-node's own calls hide: status, Retry-After, silence and half an answer.
 *
 * - A connection is used once, so none can have died unnoticed between two requests; where there are many, `connections`
 *   are kept for a while, and whom a dead one meets asks again.
 * - Every error is one of faults.ts, or the reason of the caller's own signal.
 */
export class ApiReader {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  readonly #connections: Connections | undefined;

  constructor(config: KubeConfig, clock: Clock = systemClock, connections?: Connections) {
    this.#config = config;
    this.#clock = clock;
    this.#connections = connections;
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
      const url = apiUrl(this.#config, path, options.query);
      const response = await openRequest(this.#config, {
        method: 'GET',
        url,
        signal: watchdog.signal,
        connections: this.#connections,
      });
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
}
