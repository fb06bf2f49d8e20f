/** Requests at once, where objects are made or looked at that are not measured. */
const AT_ONCE = 20;

/** Works on all, a few at once: the order among those few is open. */
export async function inBatches<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE)
    await Promise.all(items.slice(start, start + AT_ONCE).map((item, index) => work(item, start + index)));
}
