import jsonPatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';

/**
 * The RFC 6902 patch from one object to the other, empty when they are one and the same. The comparison
 * stops at references they share, so it costs what changed and not what the object weighs.
 */
export function patchBetween(before: object, after: object): Operation[] {
  return before === after ? [] : jsonPatch.compare(before, after);
}
