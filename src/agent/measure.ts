import type { VolumePath } from '../tars/host-path.ts';
import type { Source, Space } from './backends/backend.ts';
import type { Backends } from './backends/backends.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { PLAIN, sourceNameOf, type Storage } from './storage.ts';

/** What a source has, and what volumes have taken of it. */
export interface Measurement {
  readonly source: string;
  readonly space: Space;
  readonly taken: ReadonlyMap<VolumePath, number>;
}

/**
 * Looks at every source that volumes are or may be made from; the filesystem of the pool is always one. What volumes have
 * taken is asked first: one that is written to meanwhile then counts as too large rather than too small.
 * @param wanted - how classes want volumes to be kept, that need not have any yet
 * @param failed - told of a source that cannot be measured, and is left out
 */
export async function measure(
  backends: Backends,
  entries: readonly LedgerEntry[],
  wanted: readonly Storage[],
  failed: (source: string, error: unknown) => void,
): Promise<Measurement[]> {
  const kept = entries.flatMap(({ path, storage }) => (storage ? [{ path, storage }] : []));
  const storages = [PLAIN, ...wanted, ...kept.map(({ storage }) => storage)];
  const measurements: Measurement[] = [];
  for (const [source, sharing] of Map.groupBy(storages, sourceNameOf)) {
    try {
      const own = kept.filter(({ storage }) => sourceNameOf(storage) === source);
      measurements.push(await measureOne(source, sharing, own, backends));
    } catch (error) {
      // Without its filesystem there is no pool.
      if (source === sourceNameOf(PLAIN)) throw error;
      failed(source, error);
    }
  }
  return measurements;
}

async function measureOne(
  source: string,
  sharing: readonly Storage[],
  kept: readonly { readonly path: VolumePath; readonly storage: Storage }[],
  backends: Backends,
): Promise<Measurement> {
  const taken = new Map<VolumePath, number>();
  let shared: Source | undefined;
  for (const [name, same] of Map.groupBy(sharing, ({ backend }) => backend)) {
    if (backends.missing(name) !== undefined) continue;
    shared = backends.get(name).source(same[0]?.options);
    const paths = kept.filter(({ storage }) => storage.backend === name).map(({ path }) => path);
    if (paths.length > 0) for (const [path, bytes] of await shared.taken(paths)) taken.set(path, bytes);
  }
  return { source, taken, space: (await shared?.space()) ?? NO_SPACE };
}

/** Of a source that no backend of this node can look at. */
export const NO_SPACE: Space = { totalBytes: 0, freeBytes: 0, freeInodes: undefined };
