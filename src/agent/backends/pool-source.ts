import type { StatsFs } from 'node:fs';
import type { VolumePath } from '../../tars/host-path.ts';
import type { Pool } from '../pool.ts';
import type { Source, Space } from './backend.ts';

/** The filesystem that the root of a pool is on. */
export class PoolSource implements Source {
  readonly name = 'pool';
  readonly taken: Source['taken'];
  readonly #pool: Pool;

  /** @param taken - how much of the filesystem each volume has taken, as its backend can tell */
  constructor(pool: Pool, taken: (paths: readonly VolumePath[]) => Promise<ReadonlyMap<VolumePath, number>>) {
    this.#pool = pool;
    this.taken = taken;
  }

  async space(): Promise<Space> {
    return spaceOf(await this.#pool.withRoot(async (root) => await root.space()));
  }
}

/** Not counted is what the filesystem reserves for the privileged: no volume will ever get it. */
function spaceOf({ frsize, blocks, bfree, bavail, files, ffree }: StatsFs): Space {
  return {
    totalBytes: (blocks - bfree + bavail) * frsize,
    freeBytes: bavail * frsize,
    freeInodes: files === 0 ? undefined : ffree,
  };
}
