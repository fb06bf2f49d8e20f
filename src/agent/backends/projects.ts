import { createHash, randomBytes } from 'node:crypto';
import type { Directory } from '../os/directory.ts';
import { hasCode, STATE_FOLDER } from '../os/errors.ts';
import { isLeftOver, removeLeftOvers, replaceFile } from '../os/replace-file.ts';
import { MAX_STATE_BYTES } from '../pool-marker.ts';
import type { Pool } from '../pool.ts';
import { makeUnlessThere } from './volume-directory.ts';

const PROJECTS_FOLDER = 'projects';
/** Far above what people number their own projects with (/etc/projid), and kubelet its (2^20 and up). */
const FIRST_ID = 2 ** 30;
const IDS = 2 ** 20;

/**
 * Which project ids of a filesystem are taken by this pool, and for what: `.tlv/projects/<id>` has the place, below the
 * root, of the directory with that id.
 *
 * - A file is linked, whole, to a name that nobody had, and lasts, before its id is put on anything; it goes after the
 *   data with that id, and after its limit. So no two directories have one id, and none has one with data of an old one.
 * - Others may change files too (`tlv orphans`): what is remembered is only a hint where to look.
 * - A file that nobody can make sense of stays, and its id is given to nobody.
 */
export class Projects {
  readonly #pool: Pool;
  readonly #hints = new Map<string, number>();
  /** Once only: another process, such as a new agent beside an old one, may be making a file. */
  #isCleared = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The id of the directory at this place; undefined where it has none. */
  async idOf(place: string): Promise<number | undefined> {
    return await this.#inState(async (state) => {
      await using folder = await state.findDirectory(PROJECTS_FOLDER);
      return folder && (await this.#find(folder, place));
    });
  }

  /** All places that have an id. */
  async places(): Promise<readonly string[]> {
    return await this.#inState(async (state) => {
      await using folder = await state.findDirectory(PROJECTS_FOLDER);
      return folder ? [...(await readAll(folder)).keys()] : [];
    });
  }

  /**
   * The id of the directory at this place, which gets one where it has none.
   * @param inUse - ids with anything on the filesystem, be they ours or somebody else's
   */
  async reserve(place: string, inUse: () => Promise<ReadonlySet<number>>): Promise<number> {
    return await this.#inTurn(async (folder) => {
      if (!this.#isCleared) await removeLeftOvers(folder);
      this.#isCleared = true;
      return (await this.#find(folder, place)) ?? (await this.#take(folder, place, await inUse()));
    });
  }

  /** The directory was moved, with its id; one without an id is no fault. */
  async move(from: string, to: string): Promise<void> {
    await this.#inTurn(async (folder) => {
      const id = await this.#find(folder, from);
      if (id !== undefined) await replaceFile(folder, String(id), `${to}\n`);
    });
  }

  /** Nothing has that id any more. */
  async release(id: number): Promise<void> {
    await this.#inTurn(async (folder) => {
      await folder.removeFile(String(id));
      await folder.sync();
    });
  }

  async #find(folder: Directory, place: string): Promise<number | undefined> {
    const hint = this.#hints.get(place);
    if (hint !== undefined && (await readPlace(folder, String(hint))) === place) return hint;
    const all = await readAll(folder);
    this.#hints.clear();
    for (const [each, id] of all) this.#hints.set(each, id);
    return all.get(place);
  }

  async #take(folder: Directory, place: string, inUse: ReadonlySet<number>): Promise<number> {
    const unfinished = `place.${randomBytes(4).toString('hex')}.new`;
    await folder.writeNewFile(unfinished, `${place}\n`);
    const id = await this.#link(folder, unfinished, inUse);
    await folder.removeFile(unfinished);
    await folder.sync();
    this.#hints.set(place, id);
    return id;
  }

  async #link(folder: Directory, file: string, inUse: ReadonlySet<number>): Promise<number> {
    const start = startOf(this.#pool.id);
    for (let count = 0; count < IDS; count++) {
      const id = FIRST_ID + ((start + count) % IDS);
      if (inUse.has(id) || (await folder.status(String(id)))) continue;
      try {
        await folder.linkFile(file, String(id));
        return id;
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
    }
    throw new RangeError(`all ${IDS} project ids from ${FIRST_ID} on are in use on the filesystem`);
  }

  /** One at a time. */
  async #inTurn<T>(work: (folder: Directory) => Promise<T>): Promise<T> {
    const changed = async () =>
      await this.#inState(async (state) => {
        await makeUnlessThere(state, PROJECTS_FOLDER);
        await using folder = await state.openDirectory(PROJECTS_FOLDER);
        return await work(folder);
      });
    const turn = this.#turn.then(changed, changed);
    this.#turn = turn;
    return await turn;
  }

  async #inState<T>(work: (state: Directory) => Promise<T>): Promise<T> {
    return await this.#pool.withRoot(async (root) => {
      await using state = await root.openDirectory(STATE_FOLDER);
      return await work(state);
    });
  }
}

/** Pools on one filesystem begin at different ids, so that two of them hardly ever reach for the same one. */
function startOf(pool: string): number {
  return createHash('sha256').update(pool).digest().readUInt32BE() % IDS;
}

async function readAll(folder: Directory): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { name } of folder.entries()) {
    const file = name.toString();
    const place = isLeftOver(file) ? undefined : await readPlace(folder, file);
    if (place !== undefined) found.set(place, Number(file));
  }
  return found;
}

async function readPlace(folder: Directory, file: string): Promise<string | undefined> {
  const text = await folder.readSmallFile(file, MAX_STATE_BYTES);
  return /^(.+)\n$/.exec(text ?? '')?.[1];
}
