import type { IncomingMessage } from 'node:http';
import { isRecord } from '../tars/json.ts';
import { ApiStatusError } from './faults.ts';
import { excerpt } from './kube-object.ts';

/** A refusal is a Status of a few lines; a proxy's error page is not worth more either. */
const MAX_REFUSAL_BYTES = 65_536;
/** A proxy that says "tomorrow" does not get it. */
const MAX_RETRY_AFTER_MS = 300_000;

/** The error that an answer stands for which is none of success. */
export async function refusal(response: IncomingMessage): Promise<ApiStatusError> {
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
