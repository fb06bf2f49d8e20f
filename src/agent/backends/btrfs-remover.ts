import { messageOf } from '../../tars/message-of.ts';
import { ToolFailed, type Tools } from '../os/tools.ts';
import type { Remover, RetiredVolume } from '../remover.ts';
import type { Outcome } from '../trash-item.ts';
import { isSubvolume, type Qgroups } from './qgroups.ts';

/** What deletion fails with where the volume's users have made subvolumes of their own in it. */
const NESTED = 'Directory not empty';
const UNKNOWN_OPTION = ['unrecognized option', 'invalid option'];

/** Deletes subvolumes in the trash at one go: btrfs clears away what was in them on its own. */
export class SubvolumeRemover implements Remover {
  readonly #tools: Tools;
  readonly #qgroups: Qgroups;

  constructor(tools: Tools, qgroups: Qgroups) {
    this.#tools = tools;
    this.#qgroups = qgroups;
  }

  /** Each is in the folder until all of it is destroyed. */
  async retired(): Promise<readonly string[]> {
    return [];
  }

  async destroy({ trash, name }: RetiredVolume): Promise<Outcome | undefined> {
    // What the trash may hold beside directories, no backend of ours has put there.
    if (!(await trash.status(name))?.isDirectory()) return undefined;
    await using item = await trash.openDirectory(name);
    if (!(await isSubvolume(item))) return undefined;
    await this.#qgroups.destroy(trash, await this.#qgroups.idOf(item));
    return await this.#delete(trash.toolPath(name), item.path);
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
