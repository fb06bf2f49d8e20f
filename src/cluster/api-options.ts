import { ApiException, type ConfigurationOptions, setHeaderMiddleware } from '@kubernetes/client-node';
import { ConflictError } from '../../certs/stores.ts';
import { isRecord } from '../tars/json.ts';
import { ApiStatusError, asError, ConnectionError } from './faults.ts';

/** client-node waits for ever. */
const TIMEOUT_MS = 15_000;

/** For one request of client-node's own calls: an end to waiting, and the content type of a patch. */
export function requestOptions(patch?: string): ConfigurationOptions {
  const header =
    patch === undefined
      ? setHeaderMiddleware('Accept', 'application/json')
      : setHeaderMiddleware('Content-Type', patch);
  const timely: typeof header = {
    ...header,
    pre: (request) => {
      request.setSignal(AbortSignal.timeout(TIMEOUT_MS));
      return header.pre(request);
    },
  };
  return { middleware: [timely], middlewareMergeStrategy: 'append' };
}

/**
 * The answer to a read; undefined where there is no such object.
 * @throws {ApiStatusError | ConnectionError} in one line of words, where client-node's own has the whole answer
 */
export async function found<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return undefined;
    throw inWords(error);
  }
}

/**
 * A write on a condition.
 * 409: another version, or there already. 404: gone. 422: a test of a JSON patch does not hold.
 * @throws {ConflictError | ApiStatusError | ConnectionError}
 */
export async function written(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    const fault = inWords(error);
    if (!(fault instanceof ApiStatusError) || ![404, 409, 422].includes(fault.status)) throw fault;
    throw new ConflictError(fault.message, { cause: fault });
  }
}

function inWords(error: unknown): Error {
  if (error instanceof ApiException) {
    const { code, body } = error as ApiException<unknown>;
    return new ApiStatusError(code, `${code} ${statusMessage(body)}`.trim());
  }
  // "fetch failed" alone says nothing: why is in its cause.
  const { message, cause } = asError(error);
  const words = cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;
  return new ConnectionError(words, { cause: error });
}

/** A Status comes as an object or as its text, depending on what client-node expected. */
function statusMessage(body: unknown): string {
  if (typeof body !== 'string') return isRecord(body) && typeof body.message === 'string' ? body.message : '';
  try {
    return statusMessage(JSON.parse(body));
  } catch {
    return body.trim().split('\n', 1)[0] ?? '';
  }
}
