import { ConflictError } from '../../certs/stores.ts';
import { ApiStatusError } from './faults.ts';

/** 409: another version, or there already. 404: gone. 422: a test of a JSON patch does not hold. */
const CONFLICTS = new Set([404, 409, 422]);

/**
 * A write on a condition.
 * @throws {ConflictError} where the condition does not hold, and otherwise what the writer throws
 */
export async function onCondition(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!(error instanceof ApiStatusError) || !CONFLICTS.has(error.status)) throw error;
    throw new ConflictError(error.message, { cause: error });
  }
}
