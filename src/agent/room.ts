import { quantityOf } from '../tars/quantity.ts';
import type { VolumePath } from '../tars/host-path.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import type { Ledger } from './ledger.ts';
import { sourceNameOf, type Storage } from './storage.ts';

/** What a look has shown of one source. */
export interface Look {
  readonly source: string;
  /** What may be given away of what is free: without the reserve. */
  readonly freeBytes: number;
  /** How much of its promise each volume has taken, so that it is missing from what is free. */
  readonly taken: ReadonlyMap<VolumePath, number>;
}

/** It was promised to somebody else meanwhile. */
export class NoRoom extends Error {
  override readonly name = 'NoRoom';
}

/**
 * What may still be promised of each source: what was free at the last look, less what was promised and is not taken.
 *
 * - The ledger is where promises stand. One that is being written into it counts from before the write: whoever comes
 *   meanwhile finds it.
 * - Promises are of volumes whose size is enforced. What a plain directory holds is missing from what is free, and nothing
 *   more is kept for it.
 * - A promise that ends is free at once; what was taken of it, only when a look has found it free.
 */
export class Room {
  readonly #ledger: Pick<Ledger, 'all' | 'write'>;
  readonly #looks = new Map<string, Look & { readonly taken: Map<VolumePath, number> }>();
  readonly #writing = new Map<VolumePath, Storage>();

  constructor(ledger: Pick<Ledger, 'all' | 'write'>) {
    this.#ledger = ledger;
  }

  /** Of what was not looked at this time, nothing is promised. */
  look(looks: readonly Look[]): void {
    this.#looks.clear();
    for (const look of looks) this.#looks.set(look.source, { ...look, taken: new Map(look.taken) });
  }

  /** Something has met its end: nothing more is promised of it until the next look. */
  fill(source: string): void {
    const look = this.#looks.get(source);
    if (look) this.#looks.set(source, { ...look, freeBytes: -Infinity });
  }

  /**
   * Bytes that may still be promised; nothing of what was never measured.
   * @param besides - a volume whose own promise does not count
   */
  left(source: string, besides?: VolumePath): number {
    const look = this.#looks.get(source);
    if (!look) return 0;
    let left = look.freeBytes;
    for (const [path, { size }] of this.#promises(source)) {
      const taken = Math.min(size, look.taken.get(path) ?? 0);
      left += path === besides ? taken : taken - size;
    }
    return Math.max(0, Math.floor(left));
  }

  /** Promised to volumes, whether taken or not. */
  promised(source: string): number {
    return this.#promises(source).reduce((sum, [, { size }]) => sum + size, 0);
  }

  /**
   * Writes an entry into the ledger, and with it what it promises.
   * @throws {NoRoom} where it promises more than is left; nothing is written then
   */
  async write(entry: LedgerEntry): Promise<void> {
    const { path, storage } = entry;
    if (storage === undefined) return await this.#ledger.write(entry);
    const source = sourceNameOf(storage);
    // Also of one that was on its way into the trash, and is to stay: what it has been given is not taken from it.
    const before = this.#ledger.all().find((known) => known.path === path)?.storage;
    // What was taken at the last look was taken by another volume, and is in the trash.
    if (!before) for (const { taken } of this.#looks.values()) taken.delete(path);
    const left = this.left(source, path);
    if (storage.size > (before?.size ?? 0) && storage.size > left) {
      throw new NoRoom(`${path} asks for ${quantityOf(storage.size)}, and ${quantityOf(left)} are left`);
    }
    this.#writing.set(path, storage);
    try {
      await this.#ledger.write(entry);
    } finally {
      this.#writing.delete(path);
    }
  }

  #promises(source: string): [VolumePath, Storage][] {
    const all = new Map<VolumePath, Storage>();
    for (const { path, storage, state } of this.#ledger.all()) {
      // What is on its way into the trash grows no more.
      if (storage && state !== 'retiring') all.set(path, storage);
    }
    for (const [path, storage] of this.#writing) all.set(path, storage);
    return [...all].filter(([, storage]) => sourceNameOf(storage) === source);
  }
}
