import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountTmpfs, unmountBelow } from './disks.ts';

const system = (file: string, ...argv: readonly string[]): string =>
  execFileSync(file, argv, { stdio: 'pipe', encoding: 'utf8' });

/** Disks of a node, mounted where its agent discovers them; all are gone at the end. Needs root. */
export class DiscoveryDisks {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tlv-discovery-'));
  readonly #devices: string[] = [];

  /** The directory of a class. */
  directory(of: string): string {
    const directory = join(this.#folder, of);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  path(of: string, name: string): string {
    return join(this.directory(of), name);
  }

  /** Mounts an empty disk in memory there. */
  tmpfs(of: string, name: string, size = '16m'): string {
    const path = this.path(of, name);
    mountTmpfs(path, `size=${size}`);
    return path;
  }

  /** Mounts a file with a filesystem of its own there, as the seeds' loopmount does. */
  loopmount(of: string, name: string, size: string): string {
    const [path, file] = [this.path(of, name), join(this.#folder, `${of}-${name}.img`)];
    system('truncate', '-s', size, file);
    system('mke2fs', '-q', '-t', 'ext4', '-F', file);
    mkdirSync(path, { recursive: true });
    system('mount', file, path);
    return path;
  }

  /** A block device of that many bytes, full of ones, with a link to it there. */
  device(of: string, name: string, bytes: number): { path: string; device: string } {
    const file = join(this.#folder, `${of}-${name}.raw`);
    writeFileSync(file, Buffer.alloc(bytes, 1));
    const device = system('losetup', '--find', '--show', file).trim();
    this.#devices.push(device);
    const path = this.path(of, name);
    symlinkSync(device, path);
    return { path, device };
  }

  remove(): void {
    unmountBelow(this.#folder);
    for (const device of this.#devices) system('losetup', '--detach', device);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What is on a disk, without what mkfs has made. */
export const contentOf = (disk: string): string[] =>
  readdirSync(disk, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'lost+found');
