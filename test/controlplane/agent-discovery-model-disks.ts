import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseMounts, pointsWithin } from '../../src/agent/os/mounts.ts';
import { loopFilesBelow } from '../storage/loop-files.ts';
import { treeLines } from './agent-crash-portrait.ts';
import { bind, mountTmpfs, unmount, unmountBelow } from './disks.ts';

const system = (file: string, ...argv: readonly string[]): string =>
  execFileSync(file, argv, { stdio: 'pipe', encoding: 'utf8' });

/** Two in memory and one with a filesystem in a file, which has a loop device and a uuid. */
export const DISKS = ['memory-1', 'memory-2', 'image'] as const;
export type DiskName = (typeof DISKS)[number];

const BYTES = 8 * 2 ** 20;
/** What nobody may ever change, though it is where disks are looked for. */
const MERE = 'mere';

/**
 * Disks of a node, and the directory where people mount them for its agent to find. Each has a second mount where nobody
 * looks for it, so that it lasts, and can be looked into, while it is not mounted there. Needs root.
 */
export class ModelDisks {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tlv-discovery-model-'));

  constructor() {
    mkdirSync(this.directory);
  }

  /** Where the agent looks. */
  get directory(): string {
    return join(this.#folder, 'disks');
  }

  place(name: string): string {
    return join(this.directory, name);
  }

  /** Always there, and never a mount point. */
  get mere(): string {
    return this.place(MERE);
  }

  /** What is on a disk, mounted for the agent or not. */
  contentOf(disk: DiskName): string[] {
    return contentOf(this.#inside(disk));
  }

  /** New and empty disks, and none of them where it is looked for. */
  renew(): void {
    unmountBelow(this.#folder);
    rmSync(this.#folder, { recursive: true });
    mkdirSync(this.mere, { recursive: true });
    writeFileSync(join(this.mere, 'precious'), 'precious');
    for (const disk of DISKS) {
      if (disk === 'image') this.#makeImage(disk);
      else mountTmpfs(this.#inside(disk), `size=${BYTES}`);
    }
  }

  isMounted(place: string): boolean {
    return (
      pointsWithin(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')), this.place(place)).length > 0
    );
  }

  mount(disk: DiskName, place: string): void {
    bind(this.#inside(disk), this.place(place));
  }

  async unmount(place: string): Promise<void> {
    await unmount(this.place(place));
  }

  /** As people do it, at the disk itself. */
  write(disk: DiskName, owner: string): string[] {
    const inside = this.#inside(disk);
    mkdirSync(join(inside, 'deep/er'), { recursive: true });
    for (const file of [owner, 'deep/er/file', '.hidden'])
      writeFileSync(join(inside, file), `data of ${owner}`);
    return this.contentOf(disk);
  }

  /** Into a directory that is no mount point. */
  writeMere(place: string): string[] {
    mkdirSync(this.place(place), { recursive: true });
    writeFileSync(join(this.place(place), 'precious'), 'precious');
    return this.mereContent(place);
  }

  empty(disk: DiskName): void {
    system('find', this.#inside(disk), '-mindepth', '1', '-not', '-name', 'lost+found', '-delete');
  }

  /** Lines of what is in mere directories. */
  mereContent(place: string): string[] {
    return existsSync(this.place(place)) ? contentOf(this.place(place)) : [];
  }

  /** What this machine has of them: mounts, and loop devices. */
  traces(): string[] {
    const mounted = pointsWithin(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')), this.#folder);
    const devices = loopFilesBelow(this.#folder).map((file) => `loop device of ${file}`);
    return [...mounted, ...devices].toSorted();
  }

  remove(): void {
    unmountBelow(this.#folder);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #inside(disk: DiskName): string {
    return join(this.#folder, 'inside', disk);
  }

  #makeImage(disk: DiskName): void {
    const file = join(this.#folder, `${disk}.img`);
    writeFileSync(file, '');
    truncateSync(file, BYTES);
    system('mke2fs', '-q', '-t', 'ext4', '-F', file);
    mkdirSync(this.#inside(disk), { recursive: true });
    system('mount', file, this.#inside(disk));
  }
}

const contentOf = (directory: string): string[] =>
  treeLines(directory, (path) => path.split('/')[0] === 'lost+found');
