import { isNewest } from './binaries.ts';

/*
 * Where a Kubernetes older than the newest says the same in other words. Tests compare with the newest's: what an older
 * one says is put into those words, and docs/compatibility.md tells users of each difference.
 */

const IS_OLDER = !isNewest();

/** What a rule of a CRD says when it refuses: older API servers name the type of the value, too. */
export function inNewestWords(text: string): string {
  return IS_OLDER ? text.replaceAll('Invalid value: "object": ', 'Invalid value: ') : text;
}

/** What kubectl says that it has deleted, as far as an older one says it: not from which namespace. */
export function asFarAsSaid(text: string): string {
  return IS_OLDER ? text.replaceAll(/( deleted) from \S+ namespace$/gm, '$1') : text;
}

/** An object as the newest API server stores it: older ones give claim templates a creationTimestamp that is null. */
export function asNewestStores<T>(object: T): T {
  const drop = (key: string, value: unknown): unknown =>
    key === 'creationTimestamp' && value === null ? undefined : value;
  return IS_OLDER ? (JSON.parse(JSON.stringify(object, drop)) as T) : object;
}
