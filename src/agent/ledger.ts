import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { messageOf } from '../tars/message-of.ts';
import type { VolumePath } from '../tars/host-path.ts';
import { type LedgerEntry, ledgerEntry } from './ledger-entry.ts';
import { restoreReserve, spendReserve } from './ledger-reserve.ts';
import type { Directory } from './os/directory.ts';
import { DiskFault, FileFault, hasCode, STATE_FOLDER } from './os/errors.ts';
import { isLeftOver, removeLeftOvers, replaceFile } from './os/replace-file.ts';
import { checkFormat, MAX_STATE_BYTES } from './pool-marker.ts';
import { LEDGER_FOLDER } from './pool-root.ts';
import type { Pool } from './pool.ts';
import { volumeHash } from './volume-hash.ts';

/** A file of the ledger that nobody can make sense of. */
export interface Unreadable {
  readonly file: string;
  readonly why: string;
}

/** What is intended with this path cannot be read, so nothing may be done with it. */
export class LedgerUnreadable extends FileFault {
  override readonly name = 'LedgerUnreadable';

  constructor(path: string, { file, why }: Unreadable) {
    const remedy =
      'restore the file from a copy, or move it away: the path then counts as one that nobody knows';
    super(
      'LEDGER_UNREADABLE',
      path,
      `the ledger's entry for ${path} cannot be read (${file}: ${why}); ${remedy}`,
    );
  }
}

/**
 * What is intended with each path of one pool, and survives a crash.
 *
 * - One file an entry, named after the path, so that two paths never share a fate.
 * - Memory follows the disk: an entry counts once its file lasts.
 * - A file that cannot be read is never overwritten nor deleted; its path is served to nobody.
 * - It is this pool's: after the pool was lost, open it again.
 */
export class Ledger {
  readonly #pool: Pool;
  readonly #entries: Map<VolumePath, LedgerEntry>;
  readonly #unreadable: Map<string, Unreadable>;
  /** The last write of each file that has not ended: writes of one file keep their order. */
  readonly #turns = new Map<string, Promise<void>>();

  private constructor(pool: Pool, { entries, unreadable }: Contents) {
    this.#pool = pool;
    this.#entries = entries;
    this.#unreadable = unreadable;
  }

  /** For the one agent of the pool: what a crash has left is cleared away. */
  static async open(pool: Pool): Promise<Ledger> {
    return await Ledger.#read(pool, async (state, folder) => {
      for (const each of [state, folder]) await removeLeftOvers(each);
      await restoreReserve(state);
    });
  }

  /** For others beside the agent, whose unfinished files are not theirs to touch. */
  static async visit(pool: Pool): Promise<Ledger> {
    return await Ledger.#read(pool, async () => undefined);
  }

  static async #read(
    pool: Pool,
    prepare: (state: Directory, folder: Directory) => Promise<void>,
  ): Promise<Ledger> {
    const contents = await pool.withRoot(async (root) => {
      await using state = await root.openDirectory(STATE_FOLDER);
      await checkFormat(state);
      await using folder = await state.openDirectory(LEDGER_FOLDER);
      await prepare(state, folder);
      return await readAll(folder);
    });
    return new Ledger(pool, contents);
  }

  /** Throws `LedgerUnreadable` where there is an entry that cannot be read. */
  get(path: VolumePath): LedgerEntry | undefined {
    this.#assertReadable(path);
    return this.#entries.get(path);
  }

  all(): LedgerEntry[] {
    return [...this.#entries.values()];
  }

  unreadable(): readonly Unreadable[] {
    return [...this.#unreadable.values()];
  }

  /** On a full disk, room is made for what says that a volume is to go: else nothing would ever make room again. */
  async write(entry: LedgerEntry): Promise<void> {
    const { path } = entry;
    await this.#inTurn(path, async ({ state, folder, file }) => {
      const text = `${JSON.stringify(ledgerEntry.parse(entry), undefined, 2)}\n`;
      try {
        await replaceFile(folder, file, text);
      } catch (error) {
        const mayRetry = entry.state === 'retiring' && hasCode(error, 'ENOSPC', 'EDQUOT');
        if (!mayRetry || !(await spendReserve(state))) throw error;
        await replaceFile(folder, file, text);
      }
      this.#entries.set(path, entry);
    });
  }

  /**
   * Forgets the path; one that has no entry is no fault.
   * @param only - where others write beside us: what has to be there still
   */
  async remove(path: VolumePath, only?: LedgerEntry): Promise<void> {
    await this.#inTurn(path, async ({ state, folder, file }) => {
      if (only && !isDeepStrictEqual(await readEntry(folder, file), only)) return;
      try {
        await folder.removeFile(file);
        await folder.sync();
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
      this.#entries.delete(path);
      await restoreReserve(state);
    });
  }

  async #inTurn(path: VolumePath, work: (at: Place) => Promise<void>): Promise<void> {
    this.#assertReadable(path);
    const file = ledgerFileOf(path);
    const before = this.#turns.get(file) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(async () => await this.#inFolder(file, work));
    this.#turns.set(file, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(file) === turn) this.#turns.delete(file);
    }
  }

  async #inFolder(file: string, work: (at: Place) => Promise<void>): Promise<void> {
    await this.#pool.withRoot(async (root) => {
      await using state = await root.openDirectory(STATE_FOLDER);
      await using folder = await state.openDirectory(LEDGER_FOLDER);
      await work({ state, folder, file });
    });
  }

  #assertReadable(path: VolumePath): void {
    const unreadable = this.#unreadable.get(ledgerFileOf(path));
    if (unreadable) throw new LedgerUnreadable(path, unreadable);
  }
}

/** The name of a path's file in the ledger. */
export function ledgerFileOf(path: string): string {
  return `${volumeHash(path)}.json`;
}

/** Where an entry is, open. */
interface Place {
  readonly state: Directory;
  readonly folder: Directory;
  readonly file: string;
}

interface Contents {
  readonly entries: Map<VolumePath, LedgerEntry>;
  readonly unreadable: Map<string, Unreadable>;
}

async function readAll(folder: Directory): Promise<Contents> {
  const contents: Contents = { entries: new Map(), unreadable: new Map() };
  for await (const { name } of folder.entries()) {
    const file = name.toString();
    if (!isLeftOver(file)) await readInto(contents, folder, file);
  }
  return contents;
}

async function readInto({ entries, unreadable }: Contents, folder: Directory, file: string): Promise<void> {
  const entry = await readEntry(folder, file);
  if (entry === undefined) return;
  if ('why' in entry) unreadable.set(file, entry);
  else entries.set(entry.path, entry);
}

async function readEntry(folder: Directory, file: string): Promise<LedgerEntry | Unreadable | undefined> {
  try {
    const text = await folder.readSmallFile(file, MAX_STATE_BYTES);
    if (text === undefined) return undefined;
    const { success, data, error } = ledgerEntry.safeParse(JSON.parse(text));
    if (!success) return { file, why: z.prettifyError(error) };
    const right = ledgerFileOf(data.path);
    return file === right ? data : { file, why: `it speaks of ${data.path}, whose file is ${right}` };
  } catch (error) {
    // Too many open files, say, is no property of this file.
    if (error instanceof DiskFault && ['EMFILE', 'ENFILE', 'ENOMEM'].includes(error.code)) throw error;
    return { file, why: messageOf(error) };
  }
}
