import type { ApiWriter, CallOptions } from './api-writer.ts';
import { ApiStatusError } from './faults.ts';

interface Wanted {
  /** Of the resource's list, and of the object in it. */
  readonly collection: string;
  readonly path: string;
  /** Merged into the object where it is there. */
  readonly patch: object;
  /** The whole object, where it is not. */
  readonly object: object;
}

/** Changes an object that is nearly always there, and makes it where it is not: one call, seldom two. */
export async function patchOrCreate(
  writer: Pick<ApiWriter, 'create' | 'patch'>,
  { collection, path, patch, object }: Wanted,
  options: CallOptions = {},
): Promise<void> {
  try {
    await writer.patch(path, patch, 'merge', options);
  } catch (error) {
    if (!(error instanceof ApiStatusError && error.status === 404)) throw error;
    await writer.create(collection, object, options);
  }
}
