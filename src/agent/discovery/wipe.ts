import { randomBytes } from 'node:crypto';
import type { BeforeEffect } from '../../cluster/effect.ts';
import { Directory, type Entry } from '../os/directory.ts';
import { type Disk, filesystemDisk, isBare, isSameDisk, LOST_AND_FOUND, mountOf } from '../os/disk-look.ts';
import { FileFault } from '../os/errors.ts';
import { mountsWithin } from '../os/mounts.ts';
import { type Pace, TrashItem } from '../trash-item.ts';

/** The data cannot be removed, or it must not be: in words. */
export class WipeRefused extends Error {
  override readonly name = 'WipeRefused';
}

export interface Wiping {
  readonly disk: Disk;
  readonly signal: AbortSignal;
  readonly before?: BeforeEffect | undefined;
  readonly pace: Pace;
}

/**
 * Removes everything from a filesystem, its top directory and lost+found left out, and returns when it has seen that
 * nothing is there any more. No link is followed, no mount is crossed, and no other disk than this one is touched: it
 * is known by the very handle that is worked with.
 */
export async function wipe(path: string, wiping: Wiping): Promise<void> {
  {
    await using top = await openDisk(path, wiping);
    await new Emptying(top, wiping).run();
    await top.sync();
  }
  // What is mounted there now is what will be offered.
  await using again = await openDisk(path, wiping);
  if (!(await isBare(again))) throw new WipeRefused(`something was written to ${path} meanwhile`);
}

async function openDisk(path: string, { disk, before }: Wiping): Promise<Directory> {
  const top = await Directory.openRoot(path, before);
  try {
    const mount = await mountOf(top);
    if (!mount) throw new WipeRefused(`${path} is no mount point`);
    if (!isSameDisk(await filesystemDisk(top, mount), disk))
      throw new WipeRefused(`another disk is at ${path}`);
    const below = (await mountsWithin(top.realPath())).find((point) => point !== mount.point);
    if (below !== undefined) throw new WipeRefused(`something is mounted at ${below}; unmount it`);
    return top;
  } catch (error) {
    await top[Symbol.asyncDispose]();
    throw error;
  }
}

/** One emptying of one disk; a crash leaves names that a later one empties like any other. */
class Emptying {
  readonly #top: Directory;
  readonly #wiping: Wiping;
  #progress = 0;
  #why: string | undefined;

  constructor(top: Directory, wiping: Wiping) {
    this.#top = top;
    this.#wiping = wiping;
  }

  async run(): Promise<void> {
    while (!(await isBare(this.#top))) {
      this.#wiping.signal.throwIfAborted();
      this.#progress = 0;
      this.#why = undefined;
      await this.#clear(this.#top);
      this.#wiping.signal.throwIfAborted();
      if (this.#progress === 0 && !(await isBare(this.#top)))
        throw new WipeRefused(this.#why ?? 'something is written to it again and again');
    }
  }

  async #clear(directory: Directory): Promise<void> {
    for await (const entry of directory.entries()) {
      if (!(await this.#wiping.pace.mayDelete())) return;
      if (entry.isDirectory && directory === this.#top && entry.name.toString() === LOST_AND_FOUND) {
        await using lost = await directory.openDirectory(entry.name);
        await this.#clear(lost);
      } else {
        await this.#remove(directory, entry);
      }
    }
  }

  /** What cannot be removed is remembered, and the rest goes on. */
  async #remove(directory: Directory, { name, isDirectory }: Entry): Promise<void> {
    try {
      if (isDirectory) return await this.#removeTree(directory, name);
      await directory.removeFile(name);
      this.#progress++;
      return this.#wiping.pace.deleted();
    } catch (error) {
      if (!(error instanceof FileFault)) throw error;
      this.#why ??= error.message;
    }
  }

  async #removeTree(directory: Directory, name: Buffer): Promise<void> {
    const text = await plainName(directory, name);
    const outcome = await new TrashItem(directory, text, {
      mayDelete: () => this.#wiping.pace.mayDelete(),
      deleted: () => {
        this.#progress++;
        this.#wiping.pace.deleted();
      },
    }).delete();
    if (outcome.kind === 'stuck') this.#why ??= outcome.why;
  }
}

const LONG = 200;

/** People's names may be any bytes, and of any length; what is worked off needs room for more. */
async function plainName(directory: Directory, name: Buffer): Promise<string> {
  const text = name.toString();
  if (name.length <= LONG && Buffer.from(text).equals(name)) return text;
  const plain = `tlv-${randomBytes(8).toString('hex')}`;
  await directory.rename(name, directory, plain);
  return plain;
}
