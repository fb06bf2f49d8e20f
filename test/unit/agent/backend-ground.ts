import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { expect } from 'chai';
import type { Backend, Made, Owner } from '../../../src/agent/backends/backend.ts';
import type { VolumeOptions } from '../../../src/agent/storage.ts';
import { FileFault, faultOf } from '../../../src/agent/os/errors.ts';
import { Trash } from '../../../src/agent/trash.ts';
import { systemClock } from '../../../src/cluster/clock.ts';
import type { BeforeEffect } from '../../../src/cluster/effect.ts';
import { inWorld, PATH, type World } from './disk-world.ts';

/** A backend as the contract meets it, and in what it differs from others. */
export interface Implementation {
  readonly name: string;
  /** Makes the world ready for it once, with a pool in the root. */
  readonly prepare: (world: World) => Promise<void>;
  /** Of that world; called again after a crash. */
  readonly open: (world: World, before?: BeforeEffect) => Promise<Backend>;
  /** Of each volume, in bytes; 1 MiB by default. */
  readonly size?: number;
  /** How many volumes are made at once; 20 by default. */
  readonly many?: number;
  /** The effects to die before, where making a volume takes so long that not all can be tried. */
  readonly crashesAt?: (effect: string) => boolean;
  readonly options?: VolumeOptions;
  /** Where volumes are mounts of their own. */
  readonly isMounted?: true;
  /** Where nothing of a retired volume is left: what was in memory. */
  readonly leavesNothing?: true;
  /** Where the trash has volumes elsewhere than in its folder. */
  readonly hasInTrash?: (world: World, trashName: string) => boolean;
  /** Where this process may not make volumes larger. */
  readonly cannotGrow?: boolean;
  /** What `taken` says of a volume: nothing at all by default. */
  readonly takes?: 'what is written' | 'its size';
  /** Makes what was just written count in `taken`; absent where it does so at once. */
  readonly settle?: (world: World) => void;
  /** Takes volumes out of their places, as a reboot does; absent where they stay there. */
  readonly reboot?: (world: World) => void;
  /** What there is beside the pool of that which volumes are made from: devices, subvolumes, ids. */
  readonly inventory?: (world: World) => readonly string[];
}

export const OWNER: Owner = { uid: 1001, gid: 1002, mode: 0o750 };
export const TRASHED = 'pv-uid-1';

/** The world that a backend is tried in. */
export class Ground {
  readonly implementation: Implementation;
  readonly size: number;
  readonly wanted: Made;

  constructor(implementation: Implementation) {
    this.implementation = implementation;
    this.size = implementation.size ?? 2 ** 20;
    const { options } = implementation;
    this.wanted = { owner: OWNER, size: this.size, ...(options ? { options } : {}) };
  }

  /** A test in a world of its own, which is left with no file open in it. */
  given(title: string, body: (world: World, backend: Backend) => Promise<void>): void {
    const { prepare, open } = this.implementation;
    it(title, async () => {
      await inWorld(async (world) => {
        await prepare(world);
        await body(world, await open(world));
        expect(world.openFiles).to.deep.equal([]);
      });
    });
  }

  /** Each volume that is in its place is mounted once, where it is a mount at all. */
  expectInPlace(world: World, volumes: readonly string[], why?: string): void {
    const wanted = this.implementation.isMounted ? volumes.map((path) => world.at(path)) : [];
    const mounted = world.mountPoints.filter((point) => point !== world.root);
    expect(mounted.sort(), why).to.deep.equal(wanted.sort());
  }

  /** The volume, with all its data, is in the trash. */
  expectTrashed(world: World, why?: string): void {
    const { leavesNothing, hasInTrash } = this.implementation;
    const isThere = hasInTrash?.(world, TRASHED) ?? existsSync(world.at('.tlv/trash', TRASHED));
    expect(isThere, why).to.equal(!leavesNothing);
  }

  inventory(world: World): readonly string[] {
    return this.implementation.inventory?.(world) ?? [];
  }
}

export function ownerAt(path: string): Owner {
  const { uid, gid, mode } = lstatSync(path);
  return { uid, gid, mode: mode & 0o7777 };
}

export function fill(world: World): void {
  writeFileSync(world.at(PATH, 'data'), 'precious');
}

export function contentOf(world: World): string {
  return readFileSync(world.at(PATH, 'data'), 'utf8');
}

/** Writes that much, or until there is no room left. */
export function flood(
  file: string,
  most: number,
): { readonly bytes: number; readonly code: string | undefined } {
  const chunk = randomBytes(64 * 1024);
  const opened = openSync(file, 'w');
  let bytes = 0;
  try {
    while (bytes < most) bytes += writeSync(opened, chunk, 0, Math.min(chunk.length, most - bytes));
    fsyncSync(opened);
    return { bytes, code: undefined };
  } catch (error) {
    const fault = faultOf(error, { doing: 'write', path: file, directory: file });
    if (fault instanceof FileFault) return { bytes, code: fault.code };
    throw error;
  } finally {
    closeSync(opened);
  }
}

/** Lets the trash run until it rests. */
export async function emptyTrash(world: World, { remover }: Backend): Promise<void> {
  const rested = Promise.withResolvers<void>();
  const fail = (error: unknown) => rested.reject(error);
  const trash = new Trash(await world.pool(), {
    clock: {
      now: () => systemClock.now(),
      after(ms, callback) {
        rested.resolve();
        return systemClock.after(ms, callback);
      },
    },
    maxDeleteRate: 1e6,
    removers: () => (remover ? [remover] : []),
    observer: {
      deleted: () => undefined,
      itemDone: () => undefined,
      progress: () => undefined,
      stuck: (name, why) => fail(new Error(`${name}: ${why}`)),
      failed: fail,
    },
  });
  trash.start();
  try {
    await rested.promise;
  } finally {
    await trash.stop();
  }
}
