import { execFileSync, spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { BeforeEffect } from '../../../src/cluster/effect.ts';
import { asVolumePath, type VolumePath } from '../../../src/tars/host-path.ts';
import { parseMounts, pointsWithin } from '../../../src/agent/os/mounts.ts';
import { Pool } from '../../../src/agent/pool.ts';

export const PATH = pathOf('shop/Test.GameServer/remote-log-dir');
export const SIBLING = pathOf('shop/Test.GameServer/other');

export function pathOf(text: string): VolumePath {
  const path = asVolumePath(text);
  if (path === undefined) throw new Error(`${text} is no path of a volume`);
  return path;
}

/** A folder of its own on the real disk, with a root in it, and a tree beside the root that nothing may touch. */
export class World {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'tlv-disk-')));
  readonly root = join(this.folder, 'root');
  readonly outside = join(this.folder, 'outside');

  constructor() {
    mkdirSync(this.root);
    for (const folder of ['empty', 'filled/deep']) mkdirSync(join(this.outside, folder), { recursive: true });
    execFileSync(
      'sh',
      ['-c', 'echo precious >filled/file; echo deep >filled/deep/file; chmod 640 filled/file'],
      {
        cwd: this.outside,
      },
    );
  }

  at(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** The pool that the root is made on the first call. */
  async pool(before?: BeforeEffect): Promise<Pool> {
    return new Pool(this.root, await Pool.init(this.root, 'node-1'), before && { before });
  }

  /** Mounts with a command line of mount(8); it is unmounted with the world at the latest. */
  mount(target: string, ...argv: readonly string[]): void {
    execFileSync('mount', [...argv, target], { stdio: 'pipe' });
  }

  mountTmpfs(target: string, options = 'size=1m,mode=755'): void {
    this.mount(target, '-t', 'tmpfs', '-o', options, 'tmpfs');
  }

  makeReadOnly(target: string): void {
    execFileSync('mount', ['-o', 'remount,ro', target], { stdio: 'pipe' });
  }

  unmount(target: string): void {
    execFileSync('umount', [target], { stdio: 'pipe' });
  }

  /** What is mounted below the root, in the order of mounting. */
  get mountPoints(): string[] {
    return pointsWithin(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')), this.root);
  }

  /** Of this process, open below this folder. */
  get openFiles(): string[] {
    return readdirSync('/proc/self/fd')
      .map((fd) => linkOf(`/proc/self/fd/${fd}`))
      .filter((path) => path.startsWith(this.folder));
  }

  remove(): void {
    const mounted = pointsWithin(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')), this.folder);
    for (const target of mounted.toReversed()) this.unmount(target);
    try {
      rmSync(this.folder, { recursive: true, force: true });
    } catch {
      // Directories below mounts are immutable.
      spawnSync('chattr', ['-R', '-f', '-i', this.folder]);
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Everything about a tree that a change of it would show. */
export function snapshot(top: string): string[] {
  const line = (path: string): string => {
    const { mode, uid, gid, nlink, mtimeMs, ctimeMs } = lstatSync(path);
    return [path, mode.toString(8), uid, gid, nlink, mtimeMs, ctimeMs, contentOf(path)].join(' ');
  };
  const names = readdirSync(top, { recursive: true, encoding: 'utf8' }).sort();
  return [top, ...names.map((name) => join(top, name))].map(line);
}

function contentOf(path: string): string {
  const status = lstatSync(path);
  if (status.isSymbolicLink()) return readlinkSync(path);
  return status.isFile() ? readFileSync(path, 'utf8') : '';
}

/** All names below a root, our own folder and what mkfs of ext4 makes left out. */
export function namesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('.tlv') && basename(name) !== 'lost+found')
    .sort();
}

/** What the process dies of in a test. */
export class Crash extends Error {}

/** Lets so many effects happen, and none after them. */
export function crashAfter(count: number): BeforeEffect {
  let left = count;
  return (what) => {
    if (left-- <= 0) throw new Crash(what);
  };
}

/**
 * Does something in a fresh world again and again, each time dying before another one of its effects; then `again` has
 * to bring the world into the state that `check` demands. Returns the effects of an undisturbed run.
 */
export async function crashEverywhere(story: {
  readonly prepare: (world: World) => Promise<void>;
  readonly run: (world: World, before: BeforeEffect) => Promise<unknown>;
  /** After the crash; the same again by default. */
  readonly again?: (world: World, before: BeforeEffect) => Promise<unknown>;
  readonly check: (world: World, crashedAt: string) => Promise<void> | void;
  /** Effects to die before, where all of them would take too long. */
  readonly only?: ((effect: string) => boolean) | undefined;
}): Promise<string[]> {
  const effects: string[] = [];
  await inWorld(async (world) => {
    await story.prepare(world);
    await story.run(world, (what) => void effects.push(what));
    await story.check(world, 'nowhere');
  });
  for (const [index, effect] of effects.entries()) {
    if (story.only?.(effect) === false) continue;
    await inWorld(async (world) => {
      await story.prepare(world);
      await story.run(world, crashAfter(index)).then(
        () => {
          throw new Error(`went on after the crash before "${effect}"`);
        },
        (error: unknown) => {
          if (!(error instanceof Crash)) throw error;
        },
      );
      await (story.again ?? story.run)(world, () => undefined);
      await story.check(world, effect);
    });
  }
  return effects;
}

export async function inWorld(work: (world: World) => Promise<void>): Promise<void> {
  const world = new World();
  try {
    await work(world);
  } finally {
    world.remove();
  }
}

/** What a promise is rejected with. */
export async function rejection(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error,
  );
}

/** Owners can be set and disks mounted by root only. */
export function needRoot(this: Mocha.Context): void {
  if (process.getuid?.() !== 0) this.skip();
}

/** Does the work with another umask, which is the whole process's. */
export async function withUmask(mask: number, work: () => Promise<void>): Promise<void> {
  const before = process.umask(mask);
  try {
    await work();
  } finally {
    process.umask(before);
  }
}
