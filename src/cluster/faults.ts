/** What can go wrong between us and the API server, as types that a loop can decide by. */

interface ApiStatusDetails {
  readonly retryAfterMs?: number | undefined;
  readonly objectName?: string | undefined;
  readonly isEvent?: boolean;
}

/** The API server answered, or said within a watch, that it will not. */
export class ApiStatusError extends Error {
  override readonly name = 'ApiStatusError';
  readonly status: number;
  /** How long the server asks us to stay away. */
  readonly retryAfterMs: number | undefined;
  /** The one object that the answer is about; undefined when the whole resource is unknown to the server. */
  readonly objectName: string | undefined;
  /** Said within a watch that had begun well. */
  readonly isEvent: boolean;

  constructor(status: number, message: string, about: ApiStatusDetails = {}) {
    super(message);
    this.status = status;
    this.retryAfterMs = about.retryAfterMs;
    this.objectName = about.objectName;
    this.isEvent = about.isEvent ?? false;
  }

  /** True where not even the resource is there, as before its CRD is installed. */
  get isResourceAbsent(): boolean {
    return this.status === 404 && this.objectName === undefined;
  }
}

/** No answer, or one that ended too early. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/** The connection stands, but nothing has come through it for too long. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
}

/** The time that the caller gave is over. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** Something came that is no JSON, half a line, or not what the API server sends. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

/** Why a watch ended or a list failed: a label of metrics, so the set is small and fixed. */
export type EndReason =
  | 'closed' // by the server, in good order
  | 'relist' // by us, to compare with a whole list
  | 'expired' // 410: the server has forgotten where we were
  | 'throttled' // 429
  | 'refused' // 401, 403
  | 'absent' // 404
  | 'failed' // any other status
  | 'broken'
  | 'silent'
  | 'malformed';

const BY_STATUS: Readonly<Record<number, EndReason>> = {
  401: 'refused',
  403: 'refused',
  404: 'absent',
  410: 'expired',
  429: 'throttled',
};

export function endReason(error: unknown): EndReason {
  if (error instanceof ApiStatusError) return BY_STATUS[error.status] ?? 'failed';
  if (error instanceof SilenceError) return 'silent';
  if (error instanceof DeadlineError) return 'relist';
  if (error instanceof MalformedError) return 'malformed';
  return 'broken';
}

/** True when asking again for the same place in the history is no use: the answer would be the same. */
export function needsList(error: unknown): boolean {
  if (!(error instanceof ApiStatusError)) return false;
  const { status, isEvent } = error;
  if (isEvent && status !== 429) return true;
  return status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
}

/** How long the API server asks to be left alone (Retry-After), in milliseconds; 0 where it does not say. */
export function retryAfterOf(error: unknown): number {
  return error instanceof ApiStatusError ? (error.retryAfterMs ?? 0) : 0;
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
