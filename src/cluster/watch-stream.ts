import { isRecord } from '../tars/json.ts';
import type { ApiReader, ReadOptions } from './api-reader.ts';
import { statusError } from './api-status.ts';
import { MalformedError } from './faults.ts';
import { asKubeObject, excerpt, type KubeObject, resourceVersionOf } from './kube-object.ts';

/** What a watch tells; every event moves the place from which the next watch goes on. */
export type WatchEvent =
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
      readonly resourceVersion: string;
      readonly object: KubeObject;
    };

/** etcd takes objects of 1.5 MiB; something without an end of line is no watch. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * One watch connection. Ends when the server ends it in good order; every other end is an error of faults.ts:
 * an ERROR event is the ApiStatusError that it carries, half a line is malformed.
 */
export async function* watchStream(
  reader: ApiReader,
  path: string,
  options: ReadOptions,
): AsyncGenerator<WatchEvent, void> {
  const query = { ...options.query, watch: 'true', allowWatchBookmarks: 'true' };
  for await (const line of lines(reader.chunks(path, { ...options, query }))) {
    if (line !== '') yield eventOf(line);
  }
}

async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let pending: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...pending, chunk.subarray(start, end)]).toString('utf8');
      pending = [];
      bytes = 0;
      start = end + 1;
      yield line;
    }
    pending.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > MAX_LINE_BYTES) throw new MalformedError(`a line of more than ${MAX_LINE_BYTES} bytes`);
  }
  const rest = Buffer.concat(pending).toString('utf8');
  if (rest !== '') throw new MalformedError(`the connection ended within a line: ${excerpt(rest)}`);
}

function eventOf(line: string): WatchEvent {
  const { type, object } = parse(line);
  switch (type) {
    case 'BOOKMARK':
      return { type, resourceVersion: resourceVersionOf(object) };
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, resourceVersion: resourceVersionOf(object), object: asKubeObject(object) };
    case 'ERROR':
      throw statusError(codeOf(object), object, { text: line, isEvent: true });
    default:
      throw new MalformedError(`not an event of a watch: ${excerpt(line)}`);
  }
}

function parse(line: string): Record<string, unknown> {
  try {
    const event = JSON.parse(line) as unknown;
    if (isRecord(event)) return event;
  } catch (cause) {
    throw new MalformedError(`a line that is no JSON: ${excerpt(line)}`, { cause });
  }
  throw new MalformedError(`not an event of a watch: ${excerpt(line)}`);
}

function codeOf(status: unknown): number {
  return isRecord(status) && typeof status.code === 'number' ? status.code : 500;
}
