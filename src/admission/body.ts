import type { IncomingMessage } from 'node:http';
import type { Cohort } from './cohort.ts';
import { HttpError } from './http-error.ts';

/** The API server takes 3 MB, and a review of an update holds two objects of that size at most. */
const BODY_LIMIT = 8 * 1024 * 1024;
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON of a request's body, however deep: whoever walks it looks at its depth first, as read.ts does.
 * What can be refused by its headers is refused before a byte is read; what was read is parsed with its cohort.
 * @throws HttpError with 400, 408, 413 or 415.
 */
export async function readJson(request: IncomingMessage, cohort: Cohort): Promise<unknown> {
  checkHeaders(request);
  const body = await readBytes(request);
  await cohort.join(body.length);
  try {
    return JSON.parse(UTF_8.decode(body));
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : '';
    throw new HttpError(400, `the body is not JSON in UTF-8: ${why}`, { cause: error });
  }
}

function checkHeaders({ headers }: IncomingMessage): void {
  const [type = '', ...parameters] = (headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  if (type !== 'application/json') {
    throw new HttpError(415, `content type ${JSON.stringify(type)} is not supported; send application/json`);
  }
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  if (charset !== undefined && charset.replaceAll('"', '') !== 'utf-8') {
    throw new HttpError(415, `charset ${JSON.stringify(charset)} is not supported; send utf-8`);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new HttpError(
      415,
      `content encoding ${JSON.stringify(encoding)} is not supported; send the body as it is`,
    );
  }
  if (Number(headers['content-length'] ?? 0) > BODY_LIMIT) throw tooLarge();
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > BODY_LIMIT) {
        chunks.length = 0;
        reject(tooLarge());
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', (error) => reject(new HttpError(400, 'the body was cut off', { cause: error })));
  });
}

const tooLarge = (): HttpError => new HttpError(413, `the body is larger than ${BODY_LIMIT} bytes`);
