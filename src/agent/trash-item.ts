import { randomBytes } from 'node:crypto';
import { messageOf } from '../tars/message-of.ts';
import type { Directory, Entry, Name } from './os/directory.ts';
import { DiskFault, FileFault, hasCode } from './os/errors.ts';

/** Ends the name of the folder that an item's directories are moved up to. */
const BIN_SUFFIX = '~';

/** The item that something at the top of the trash belongs to. */
export function itemOf(name: string): string {
  return name.endsWith(BIN_SUFFIX) ? name.slice(0, -BIN_SUFFIX.length) : name;
}

/** Names in the trash are made by us; what is moved up needs room for its suffix. */
export function assertTrashName(name: string): void {
  if (/^\w[\w.-]{0,199}$/.test(name)) return;
  throw new TypeError(
    `${JSON.stringify(name)} is no name for the trash: 1 to 200 letters, digits, "-", "_", "."`,
  );
}

/** What the deletion of an item asks of whoever runs it. */
export interface Pace {
  /** Waits until one more may be deleted; false when it is time to stop. */
  mayDelete(): Promise<boolean>;
  deleted(): void;
}

export type Outcome =
  | { readonly kind: 'gone' }
  /** It was time to stop; there is more. */
  | { readonly kind: 'unfinished' }
  /** There is something that cannot be deleted; everything else is. */
  | { readonly kind: 'stuck'; readonly why: string };

/**
 * Deletes one item of the trash.
 *
 * A directory in it is not descended into, but moved up beside the item, into `<item>~`, and is then worked off from
 * there: so two levels are open at any depth, and a crash loses nothing. No link is followed, no mount is crossed.
 */
export class TrashItem {
  readonly #trash: Directory;
  readonly #name: string;
  readonly #pace: Pace;
  /** Tells apart what different runs have moved up. */
  readonly #run = randomBytes(4).toString('hex');
  #count = 0;
  /** Within one pass. */
  #progress = 0;
  #why: string | undefined;
  #trashIsOn: string | undefined;

  constructor(trash: Directory, name: string, pace: Pace) {
    this.#trash = trash;
    this.#name = name;
    this.#pace = pace;
  }

  async delete(): Promise<Outcome> {
    for (;;) {
      this.#progress = 0;
      this.#why = undefined;
      const isInTime = await this.#pass();
      if (!isInTime) return { kind: 'unfinished' };
      if (await this.#isGone()) return { kind: 'gone' };
      if (this.#progress === 0)
        return { kind: 'stuck', why: this.#why ?? 'something is put into it again and again' };
    }
  }

  get #bin(): string {
    return `${this.#name}${BIN_SUFFIX}`;
  }

  /** False when it was time to stop before the end. */
  async #pass(): Promise<boolean> {
    if (!(await this.#clear(this.#trash, this.#name))) return false;
    await using bin = await this.#openOwn(this.#trash, this.#bin);
    if (!bin) return true;
    for await (const { name } of bin.entries()) {
      if (!(await this.#clear(bin, name))) return false;
    }
    return await this.#step(() => this.#removeDirectory(this.#trash, this.#bin));
  }

  /** Deletes what has this name: a directory with all files in it, after moving up all directories in it. */
  async #clear(parent: Directory, name: Name): Promise<boolean> {
    const status = await parent.status(name);
    if (!status) return true;
    if (!status.isDirectory()) return await this.#step(() => this.#removeFile(parent, name));
    await using directory = await this.#openOwn(parent, name);
    if (!directory) return true;
    for await (const entry of directory.entries()) {
      if (!(await this.#step(() => this.#clearEntry(directory, entry)))) return false;
    }
    return await this.#step(() => this.#removeDirectory(parent, name));
  }

  async #clearEntry(directory: Directory, { name, isDirectory }: Entry): Promise<void> {
    if (!isDirectory) await this.#removeFile(directory, name);
    else if (!(await this.#removeDirectory(directory, name))) await this.#moveUp(directory, name);
  }

  async #removeFile(parent: Directory, name: Name): Promise<void> {
    await parent.removeFile(name);
    this.#removed();
  }

  /** False where something is in it. */
  async #removeDirectory(parent: Directory, name: Name): Promise<boolean> {
    try {
      await parent.removeDirectory(name);
      this.#removed();
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOTEMPTY')) return false;
      throw error;
    }
  }

  #removed(): void {
    this.#progress += 1;
    this.#pace.deleted();
  }

  async #moveUp(directory: Directory, name: Name): Promise<void> {
    await using bin = await this.#ensureBin();
    await directory.rename(name, bin, `${this.#run}.${this.#count++}`);
    this.#progress += 1;
  }

  async #ensureBin(): Promise<Directory> {
    const bin = await this.#trash.findDirectory(this.#bin);
    if (bin) return bin;
    await this.#trash.makeDirectory(this.#bin, 0o700);
    return await this.#trash.openDirectory(this.#bin);
  }

  /** Opens a directory on the very mount and filesystem of the trash; another one is left alone. */
  async #openOwn(parent: Directory, name: Name): Promise<Directory | undefined> {
    this.#trashIsOn ??= await whereabouts(this.#trash);
    const directory = await this.#tolerating(() => parent.findDirectory(name));
    if (!directory) return undefined;
    if ((await this.#tolerating(() => whereabouts(directory))) === this.#trashIsOn) return directory;
    this.#why ??= `${directory.path} is a mount or another filesystem`;
    await directory[Symbol.asyncDispose]();
    return undefined;
  }

  /** One step of the deletion; false when it was time to stop, and it was not done. */
  async #step(step: () => Promise<unknown>): Promise<boolean> {
    if (!(await this.#pace.mayDelete())) return false;
    await this.#tolerating(step);
    return true;
  }

  /** What cannot be deleted is remembered, and the rest goes on, unless the whole disk is at fault. */
  async #tolerating<T>(step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      if (!(error instanceof FileFault) || endsAll(error)) throw error;
      this.#why ??= messageOf(error);
      return undefined;
    }
  }

  async #isGone(): Promise<boolean> {
    return !(await this.#trash.status(this.#name)) && !(await this.#trash.status(this.#bin));
  }
}

/** Also differs for a bind mount on the same device, and for a btrfs subvolume in the same mount. */
async function whereabouts(directory: Directory): Promise<string> {
  const { dev } = await directory.ownStatus();
  return `${directory.mountId()} ${dev}`;
}

const END_ALL = new Set(['EROFS', 'ENODEV', 'ENXIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE']);

/** Below the trash all is ours, so that its faults count as the node's; these really are. */
function endsAll(error: FileFault): boolean {
  return error instanceof DiskFault && END_ALL.has(error.code);
}
