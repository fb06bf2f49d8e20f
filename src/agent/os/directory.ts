import { constants, type Dirent, readFileSync, readlinkSync, type Stats, type StatsFs } from 'node:fs';
import { link, lstat, mkdir, open, opendir, readlink, rename, rmdir, statfs, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { type BeforeEffect, noEffect } from '../../cluster/effect.ts';
import { DiskFault, faultAt, faultOf, hasCode } from './errors.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** One component of a path. Bytes where it comes from the disk: names there need not be UTF-8. */
export type Name = string | Buffer;

export interface Entry {
  readonly name: Buffer;
  readonly isDirectory: boolean;
}

/**
 * An open directory, and everything that is done in it.
 *
 * - Node has no openat(2). `/proc/self/fd/<fd>/<name>` is the same: the kernel begins at the open directory, not at a
 *   path. With names of one component and O_NOFOLLOW, no link is ever followed, and nobody can exchange a directory
 *   above under our hands.
 * - Whatever changes the disk is announced before it is done.
 * - Every error of the system is one of `errors.ts`.
 * - Who opens a directory closes it: `await using`.
 */
export class Directory implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #before: BeforeEffect;
  /** Where it was opened, below the root and for people only; the root is a dot. */
  readonly path: string;

  private constructor(handle: FileHandle, path: string, before: BeforeEffect) {
    this.#handle = handle;
    this.path = path;
    this.#before = before;
  }

  /** Opens the directory at an absolute path that people have configured; links above it are theirs to make. */
  static async openRoot(root: string, before: BeforeEffect = noEffect): Promise<Directory> {
    try {
      return new Directory(await open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), '.', before);
    } catch (error) {
      const isLink = (await lstat(root).catch(() => undefined))?.isSymbolicLink() ?? false;
      if (!isLink) throw faultOf(error, { doing: 'open the root', path: root, directory: root });
      const target = await readlink(root).catch(() => 'another directory');
      const message = `the root ${root} is a symbolic link to ${target}: name the real directory with --root`;
      throw new DiskFault('ELOOP', root, message, error);
    }
  }

  async openDirectory(name: Name): Promise<Directory> {
    const path = this.#pathOf(name);
    try {
      const handle = await open(this.#at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      return new Directory(handle, path, this.#before);
    } catch (error) {
      throw this.#fault('open', name, error);
    }
  }

  /** The same where it is there, else undefined. */
  async findDirectory(name: Name): Promise<Directory | undefined> {
    try {
      return await this.openDirectory(name);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Of what has this name, no link followed; undefined where there is none. */
  async status(name: Name): Promise<Stats | undefined> {
    try {
      return await lstat(this.#at(name));
    } catch (error) {
      const fault = this.#fault('look at', name, error);
      if (hasCode(fault, 'ENOENT')) return undefined;
      throw fault;
    }
  }

  async ownStatus(): Promise<Stats> {
    try {
      return await this.#handle.stat();
    } catch (error) {
      throw faultOf(error, { doing: 'look at', path: this.path, directory: this.path });
    }
  }

  /** All that is in it, a few at a time, so that its size does not matter. */
  async *entries(): AsyncGenerator<Entry, void> {
    // The path as bytes as well: Node joins only like to like where the filesystem does not tell the type.
    const here = Buffer.from(`${this.#proc}/`);
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- 'buffer' is documented, but not typed
      const options = { encoding: 'buffer' } as unknown as { encoding: 'utf8' };
      for await (const entry of await opendir(here, options)) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- for the same reason
        const { name } = entry as unknown as Dirent<Buffer>;
        yield { name, isDirectory: entry.isDirectory() };
      }
    } catch (error) {
      throw faultOf(error, { doing: 'list', path: this.path, directory: this.path });
    }
  }

  async isEmpty(): Promise<boolean> {
    // To leave the loop is what closes the listing.
    for await (const _ of this.entries()) return false;
    return true;
  }

  /** The mode is what is left of it by the umask; see `own`. */
  async makeDirectory(name: Name, mode: number): Promise<void> {
    await this.#change('make the directory', name, () => mkdir(this.#at(name), mode));
  }

  async removeDirectory(name: Name): Promise<void> {
    await this.#change('remove the directory', name, () => rmdir(this.#at(name)));
  }

  async removeFile(name: Name): Promise<void> {
    await this.#change('remove', name, () => unlink(this.#at(name)));
  }

  /** Moves what has this name, be it a link. What is at the target must be of its kind, and is replaced. */
  async rename(name: Name, target: Directory, newName: Name): Promise<void> {
    const [from, to] = [this.#at(name), target.#at(newName)];
    this.#before(`rename ${this.#pathOf(name)} to ${target.#pathOf(newName)}`);
    try {
      await rename(from, to);
    } catch (error) {
      throw this.#fault(`move to ${target.#pathOf(newName)}:`, name, error);
    }
  }

  /** Gives a file a second name, which nothing must have yet: so a name is taken together with all that is in the file. */
  async linkFile(name: Name, newName: Name): Promise<void> {
    const from = this.#at(name);
    await this.#change(`link ${this.#pathOf(name)} to`, newName, () => link(from, this.#at(newName)));
  }

  /** Owner, then mode, for a change of owner may clear bits of the mode; exact whatever the umask. */
  async own({ uid, gid, mode }: { uid: number; gid: number; mode: number }): Promise<void> {
    await this.#changeSelf(`chown to ${uid}:${gid}`, () => this.#handle.chown(uid, gid));
    await this.#changeSelf(`chmod to ${mode.toString(8)}`, () => this.#handle.chmod(mode));
  }

  /** Makes the names in it, its owner and its mode last through a power cut. */
  async sync(): Promise<void> {
    await this.#changeSelf('sync', () => this.#handle.sync());
  }

  /** Makes a file that was not there, and has its content on the disk before it returns. */
  async writeNewFile(name: Name, text: string): Promise<void> {
    const handle = await this.#change('make the file', name, () =>
      open(this.#at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
    );
    await using _closing = handle;
    await this.#change('write', name, () => handle.writeFile(text));
    await this.#change('sync', name, () => handle.sync());
  }

  /** Makes a file, which must be a plain one, that many bytes long; what is added has no blocks yet. */
  async resizeFile(name: Name, size: number): Promise<void> {
    await this.#change('resize', name, () => withPlainFile(this.#at(name), (file) => file.truncate(size)));
  }

  /** Makes the content of a plain file last through a power cut, whoever has written it. */
  async syncFile(name: Name): Promise<void> {
    await this.#change('sync', name, () => withPlainFile(this.#at(name), (file) => file.sync()));
  }

  /** The text of a small file, which must be a plain one; undefined where there is none. */
  async readSmallFile(name: Name, maxBytes: number): Promise<string | undefined> {
    try {
      // O_NONBLOCK: to open a pipe would wait for a writer.
      await using handle = await open(this.#at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const status = await handle.stat();
      const path = this.#pathOf(name);
      if (!status.isFile())
        throw faultAt(path, { code: 'EINVAL', path, message: `${path} is no plain file` });
      if (status.size > maxBytes) {
        const message = `${path} has ${status.size} bytes, more than ${maxBytes}`;
        throw faultAt(path, { code: 'EFBIG', path, message });
      }
      // `readFile` would ask for the size again, and read once more to see that this was all.
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(status.size), 0, status.size, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } catch (error) {
      const fault = this.#fault('read', name, error);
      if (hasCode(fault, 'ENOENT')) return undefined;
      throw fault;
    }
  }

  async space(): Promise<StatsFs> {
    try {
      return await statfs(this.#proc);
    } catch (error) {
      throw faultOf(error, { doing: 'measure', path: this.path, directory: this.path });
    }
  }

  /** Where it is now, as an absolute path without links, for comparing with the table of mounts. */
  realPath(): string {
    return readlinkSync(this.#proc);
  }

  /**
   * Of itself, or of what has this name in it, for programs that this process runs and waits for: they begin at the
   * open directory as well.
   */
  toolPath(name?: string): string {
    const here = `/proc/${process.pid}/fd/${this.#handle.fd}`;
    if (name === undefined) return here;
    assertComponent(name);
    return `${here}/${name}`;
  }

  /** Which mount it is on: also different for a bind mount of the same device. */
  mountId(): number {
    // No disk has to answer this, so that there is nothing to wait for.
    const text = readFileSync(`/proc/self/fdinfo/${this.#handle.fd}`, 'utf8');
    return Number(/^mnt_id:\s*(\d+)$/m.exec(text)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  get #proc(): string {
    return `/proc/self/fd/${this.#handle.fd}`;
  }

  #at(name: Name): string | Buffer {
    assertComponent(name);
    return typeof name === 'string'
      ? `${this.#proc}/${name}`
      : Buffer.concat([Buffer.from(`${this.#proc}/`), name]);
  }

  #pathOf(name: Name): string {
    return this.path === '.' ? name.toString() : `${this.path}/${name.toString()}`;
  }

  #fault(doing: string, name: Name, error: unknown): unknown {
    return faultOf(error, { doing, path: this.#pathOf(name), directory: this.path });
  }

  async #change<T>(doing: string, name: Name, work: () => Promise<T>): Promise<T> {
    assertComponent(name);
    this.#before(`${doing} ${this.#pathOf(name)}`);
    try {
      return await work();
    } catch (error) {
      throw this.#fault(doing, name, error);
    }
  }

  async #changeSelf(doing: string, work: () => Promise<void>): Promise<void> {
    this.#before(`${doing} ${this.path}`);
    try {
      await work();
    } catch (error) {
      throw faultOf(error, { doing, path: this.path, directory: this.path });
    }
  }
}

async function withPlainFile(
  path: string | Buffer,
  work: (file: FileHandle) => Promise<void>,
): Promise<void> {
  await using file = await open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  await work(file);
}

function assertComponent(name: Name): void {
  const text = typeof name === 'string' ? name : name.toString('latin1');
  if (text === '' || text === '.' || text === '..' || text.includes('/') || text.includes('\0')) {
    throw new TypeError(`${JSON.stringify(text)} is not one component of a path`);
  }
}
