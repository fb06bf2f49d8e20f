/** A request that cannot be answered as asked: an HTTP status and the reason, for the caller's log. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly uid: string | undefined;

  constructor(
    status: number,
    message: string,
    { uid, ...options }: ErrorOptions & { uid?: string | undefined } = {},
  ) {
    super(message, options);
    this.status = status;
    this.uid = uid;
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

/** metav1.Status, which is what the API server looks for in an answer that is not 200: it prints the message. */
export function errorStatus({ status, message, uid }: HttpError): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: REASONS[status] ?? 'BadRequest',
    ...(uid === undefined ? {} : { details: { uid } }),
    code: status,
  };
}
