import * as z from 'zod';
import { messageOf } from '../../tars/message-of.ts';
import type { Directory } from '../os/directory.ts';
import { hasCode, STATE_FOLDER } from '../os/errors.ts';
import { isLeftOver, removeLeftOvers, replaceFile } from '../os/replace-file.ts';
import { MAX_STATE_BYTES } from '../pool-marker.ts';
import type { Pool } from '../pool.ts';
import { discoveryRecord, type DiscoveryRecord } from './record.ts';

const FOLDER = 'discovered';

/** What a file says; `why` for one that nobody can make sense of. */
export type Recorded = DiscoveryRecord | { readonly why: string };

/**
 * The records of one pool, a file each, by the hash of their place. Nothing is kept in memory: whoever takes a file
 * away has said that nothing is known of that disk.
 */
export class Records {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** For the one agent of the pool: what a crash has left is cleared away. */
  async open(): Promise<void> {
    await this.#inFolder(removeLeftOvers);
  }

  async all(): Promise<ReadonlyMap<string, Recorded>> {
    const records = new Map<string, Recorded>();
    await this.#inFolder(async (folder) => {
      for await (const { name } of folder.entries()) {
        const [file, hash] = [name.toString(), /^([0-9a-f]+)\.json$/.exec(name.toString())?.[1]];
        if (hash === undefined || isLeftOver(file)) continue;
        const text = await folder.readSmallFile(file, MAX_STATE_BYTES);
        if (text !== undefined) records.set(hash, parsed(text));
      }
    });
    return records;
  }

  async write(hash: string, record: DiscoveryRecord): Promise<void> {
    const text = `${JSON.stringify(discoveryRecord.parse(record), undefined, 2)}\n`;
    await this.#inFolder((folder) => replaceFile(folder, `${hash}.json`, text));
  }

  /** One that is not there is no fault. */
  async remove(hash: string): Promise<void> {
    await this.#inFolder(async (folder) => {
      try {
        await folder.removeFile(`${hash}.json`);
        await folder.sync();
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    });
  }

  /** Where a person finds it. */
  fileOf(hash: string): string {
    return `${this.#pool.root}/${STATE_FOLDER}/${FOLDER}/${hash}.json`;
  }

  async #inFolder(work: (folder: Directory) => Promise<void>): Promise<void> {
    await this.#pool.withRoot(async (root) => {
      await using state = await root.openDirectory(STATE_FOLDER);
      await using folder = (await state.findDirectory(FOLDER)) ?? (await make(state));
      await work(folder);
    });
  }
}

async function make(state: Directory): Promise<Directory> {
  await state.makeDirectory(FOLDER, 0o700);
  await state.sync();
  return await state.openDirectory(FOLDER);
}

function parsed(text: string): Recorded {
  try {
    const { success, data, error } = discoveryRecord.safeParse(JSON.parse(text));
    return success ? data : { why: z.prettifyError(error) };
  } catch (error) {
    return { why: messageOf(error) };
  }
}
