import type { Request, Response } from 'express';
import type { Log } from './deps.ts';
import { errorStatus, HttpError } from './http-error.ts';
import { messageOf } from '../tars/message-of.ts';
import type { AdmissionObserver } from './observer.ts';
import { secondsOf, sendJson } from './respond.ts';
import { BadReview } from './review.ts';

/** Answers a request with what went wrong. */
export type Fail = (thrown: unknown, request: Request, response: Response) => void;

/** A request that does not arrive in time loses its connection, after a word where none was said yet. */
export function limitArrival(request: Request, response: Response, fail: Fail, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (request.complete) return;
    if (response.headersSent) request.destroy();
    else
      fail(new HttpError(408, `the request did not arrive within ${timeoutMs / 1000} s`), request, response);
  }, timeoutMs);
  request.once('close', () => clearTimeout(timer));
}

/** Errors become words here, and only here. */
export function failer(observer: AdmissionObserver, log: Log): Fail {
  return (thrown, request, response) => {
    // It was answered, or found late, before this came up.
    if (response.headersSent) return;
    const error = toHttpError(thrown, response);
    const { status, message, uid } = error;
    const path = request.url.split('?')[0] ?? '';
    const fields = { status, path: path.slice(0, 100), method: request.method, uid };
    if (status === 500) {
      log.error(
        { ...fields, error: thrown instanceof Error ? thrown.stack : String(thrown) },
        'internal error',
      );
    } else {
      log.warn(fields, message);
    }
    observer.rejected(path, status, secondsOf(response));
    if (status === 408) response.setHeader('connection', 'close');
    sendJson(response, status, errorStatus(error));
  };
}

function toHttpError(thrown: unknown, { locals }: Response): HttpError {
  if (thrown instanceof HttpError) return thrown;
  if (thrown instanceof BadReview)
    return new HttpError(400, thrown.message, { uid: thrown.uid, cause: thrown });
  // Express itself refuses paths that cannot be decoded.
  const status = thrown instanceof Error && 'status' in thrown ? Number(thrown.status) : 500;
  if (status >= 400 && status < 500) return new HttpError(status, messageOf(thrown), { cause: thrown });
  const uid = typeof locals.uid === 'string' ? locals.uid : undefined;
  return new HttpError(500, 'internal error; the log of the webhook has the details', { uid, cause: thrown });
}
