import { messageOf } from '../../tars/message-of.ts';
import { STATE_FOLDER } from '../os/errors.ts';
import { ToolFailed, type Tools } from '../os/tools.ts';
import type { Pool } from '../pool.ts';
import type { Remover, RetiredVolume } from '../remover.ts';
import type { Outcome } from '../trash-item.ts';
import type { Kit } from './backend.ts';
import { isSubvolume, type Qgroups } from './qgroups.ts';
import { makeUnlessThere } from './volume-directory.ts';

/** What deletion fails with where the volume's users have made subvolumes of their own in it. */
const NESTED = 'Directory not empty';
const UNKNOWN_OPTION = ['unrecognized option', 'invalid option'];

/** Has an empty file for each qgroup whose subvolume is deleted. */
const QGROUPS_FOLDER = 'qgroups';

/**
 * Deletes subvolumes in the trash at one go: btrfs clears away what was in them on its own, and takes its time.
 *
 * No kernel destroys a qgroup before its subvolume is cleared away, and older ones never do it by themselves: so which
 * qgroups are left over is written down before the deletion, and looked after in later rounds.
 */
export class SubvolumeRemover implements Remover {
  readonly #pool: Pool;
  readonly #tools: Tools;
  readonly #qgroups: Qgroups;

  constructor({ pool, tools }: Pick<Kit, 'pool' | 'tools'>, qgroups: Qgroups) {
    this.#pool = pool;
    this.#tools = tools;
    this.#qgroups = qgroups;
  }

  /** Each is in the folder until it is deleted; of what is, the qgroups are destroyed as far as that is possible by now. */
  async retired(): Promise<readonly string[]> {
    await this.#pool.withRoot(async (root) => {
      await using state = await root.openDirectory(STATE_FOLDER);
      await using folder = await state.findDirectory(QGROUPS_FOLDER);
      if (!folder) return;
      for await (const { name } of folder.entries())
        if (await this.#qgroups.destroy(root, Number(name.toString()))) await folder.removeFile(name);
    });
    return [];
  }

  async destroy({ trash, name }: RetiredVolume): Promise<Outcome | undefined> {
    // What the trash may hold beside directories, no backend of ours has put there.
    if (!(await trash.status(name))?.isDirectory()) return undefined;
    await using item = await trash.openDirectory(name);
    if (!(await isSubvolume(item))) return undefined;
    await this.#note(await this.#qgroups.idOf(item));
    return await this.#delete(trash.toolPath(name), item.path);
  }

  async #note(id: number): Promise<void> {
    await this.#pool.withRoot(async (root) => {
      await using state = await root.openDirectory(STATE_FOLDER);
      await makeUnlessThere(state, QGROUPS_FOLDER);
      await using folder = await state.openDirectory(QGROUPS_FOLDER);
      if (await folder.status(String(id))) return;
      await folder.writeNewFile(String(id), '');
      await folder.sync();
    });
  }

  async #delete(at: string, path: string): Promise<Outcome> {
    try {
      await this.#tools.change('btrfs', ['subvolume', 'delete', at]);
      return { kind: 'gone' };
    } catch (error) {
      if (!isAbout(error, [NESTED])) throw error;
    }
    try {
      await this.#tools.change('btrfs', ['subvolume', 'delete', '--recursive', at]);
      return { kind: 'gone' };
    } catch (error) {
      if (!isAbout(error, UNKNOWN_OPTION)) throw error;
      const why = `${path} has subvolumes in it, made by its users, which only btrfs-progs 6.12 or newer deletes with it; install that, or delete them with \`btrfs subvolume delete\``;
      return { kind: 'stuck', why };
    }
  }
}

function isAbout(error: unknown, words: readonly string[]): boolean {
  return error instanceof ToolFailed && words.some((each) => messageOf(error).includes(each));
}
