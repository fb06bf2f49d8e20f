import type { Read } from '../validate/read.ts';
import type { AdmissionRequest } from './review.ts';

/** The stored object, read as its kind; undefined at CREATE, where there is none. */
export function readStored<T>(
  { operation, oldObject }: AdmissionRequest,
  read: (json: unknown) => Read<T>,
): Read<T> | undefined {
  return operation === 'UPDATE' ? read(oldObject) : undefined;
}
