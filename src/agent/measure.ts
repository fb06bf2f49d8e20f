import { type Clock, doneWithin } from '../cluster/clock.ts';
import type { VolumePath } from '../tars/host-path.ts';
import type { Source, Space } from './backends/backend.ts';
import type { Backends } from './backends/backends.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { PLAIN, sourceNameOf, type Storage } from './storage.ts';

/** What is on another disk than the pool is not waited for longer than that: it may never answer. */
const PATIENCE_MS = 30_000;
const POOL = sourceNameOf(PLAIN);

/** What a source has, and what volumes have taken of it. */
export interface Measurement {
  readonly source: string;
  readonly space: Space;
  readonly taken: ReadonlyMap<VolumePath, number>;
}

export interface ToMeasure {
  readonly backends: Backends;
  readonly entries: readonly LedgerEntry[];
  /** How classes want volumes to be kept, that need not have any yet. */
  readonly wanted: readonly Storage[];
}

/**
 * Looks at every source that volumes are or may be made from; the filesystem of the pool is always one. What volumes have
 * taken is asked first: one that is written to meanwhile then counts as too large rather than too small.
 */
export class Measuring {
  readonly #clock: Clock;
  /** Of other sources: one that hangs is not asked again until it has answered. */
  readonly #underWay = new Map<string, Promise<Measurement>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The filesystem that the pool is on; how long that may take is for the caller to say. */
  pool(what: ToMeasure): Promise<Measurement> {
    return measureOne(POOL, what);
  }

  /** @param failed - told of a source that cannot be measured, and is left out */
  async others(
    what: ToMeasure,
    failed: (source: string, error: unknown) => void,
  ): Promise<readonly Measurement[]> {
    const sources = new Set(
      [...what.wanted, ...keptOf(what).map(({ storage }) => storage)].map(sourceNameOf),
    );
    sources.delete(POOL);
    const measurements = [...sources].map(async (source) => {
      try {
        const work = this.#begin(source, what);
        if (await doneWithin(this.#clock, PATIENCE_MS, work)) return await work;
        throw new Error(`no answer within ${PATIENCE_MS / 1000} s`);
      } catch (error) {
        failed(source, error);
        return [];
      }
    });
    return (await Promise.all(measurements)).flat();
  }

  #begin(source: string, what: ToMeasure): Promise<Measurement> {
    const begun = this.#underWay.get(source);
    if (begun) return begun;
    const work = measureOne(source, what).finally(() => this.#underWay.delete(source));
    this.#underWay.set(source, work);
    return work;
  }
}

interface Kept {
  readonly path: VolumePath;
  readonly storage: Storage;
}

const keptOf = ({ entries }: ToMeasure): Kept[] =>
  entries.flatMap(({ path, storage }) => (storage ? [{ path, storage }] : []));

async function measureOne(source: string, what: ToMeasure): Promise<Measurement> {
  const { backends, wanted } = what;
  const isHere = (storage: Storage): boolean => sourceNameOf(storage) === source;
  const kept = keptOf(what).filter(({ storage }) => isHere(storage));
  const sharing = [PLAIN, ...wanted, ...kept.map(({ storage }) => storage)].filter(isHere);
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
