import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../../src/agent/backends/backend.ts';
import type { Backends } from '../../src/agent/backends/backends.ts';
import { STATE_FOLDER } from '../../src/agent/os/errors.ts';
import { TRASH_FOLDER } from '../../src/agent/pool-root.ts';
import type { Pool } from '../../src/agent/pool.ts';
import { Trash } from '../../src/agent/trash.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import type { VolumePath } from '../../src/tars/host-path.ts';

/** Deletes volumes as an agent does, and waits until nothing is left of each. */
export class Deleter {
  readonly #folder: string;
  readonly #trash: Trash;
  #done = Promise.withResolvers<void>();

  constructor(pool: Pool, backends: Backends) {
    this.#folder = join(pool.root, STATE_FOLDER, TRASH_FOLDER);
    const failed = (error: unknown): void => this.#done.reject(error);
    const nothing = (): void => undefined;
    this.#trash = new Trash(pool, {
      clock: systemClock,
      maxDeleteRate: 1_000_000,
      removers: () => backends.removers(),
      observer: {
        itemDone: () => this.#done.resolve(),
        stuck: (name, why) => failed(new Error(`${name}: ${why}`)),
        failed,
        deleted: nothing,
        progress: nothing,
      },
    });
    this.#trash.start();
  }

  async delete(backend: Backend, path: VolumePath, name: string): Promise<void> {
    this.#done = Promise.withResolvers();
    await backend.retire(path, name);
    this.#trash.wake();
    // Of memory nothing is left once it is unmounted.
    if (existsSync(join(this.#folder, name))) await this.#done.promise;
  }

  async stop(): Promise<void> {
    await this.#trash.stop();
  }
}
