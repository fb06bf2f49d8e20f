/**
 * Changing an object without touching it: what stays the same stays the same reference,
 * so a patch is found by comparing only what really changed.
 */

/** The object with one field set; the object itself when the field has that very value already. */
export function withField<T extends object, K extends keyof T>(object: T, key: K, value: T[K]): T {
  if (object[key] === value) return object;
  // In two steps, which takes V8 half the time of `{ ...object, [key]: value }`.
  const copy = { ...object };
  copy[key] = value;
  return copy;
}

/** The entries that `base` lacks, added at its end; `base` itself when it lacks none. */
export function withMissing<T>(
  base: Record<string, T> | null | undefined,
  wanted: Record<string, T>,
): Record<string, T> {
  if (!base) return wanted;
  const missing = Object.keys(wanted).filter((key) => !Object.hasOwn(base, key));
  if (missing.length === 0) return base;
  // What base has wins, and what it lacks comes behind it.
  return { ...base, ...wanted, ...base };
}

/** `map`, but the list itself when no item changed. */
export function mapShared<T>(list: T[], change: (item: T, index: number) => T): T[] {
  let changed = false;
  const result = list.map((item, index) => {
    const next = change(item, index);
    changed ||= next !== item;
    return next;
  });
  return changed ? result : list;
}
