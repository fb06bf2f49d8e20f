import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from '../../src/agent/backends/backend.ts';
import { parseReport } from '../../src/agent/backends/project-quota.ts';
import { QUOTA } from '../../src/agent/backends/quota.ts';
import { isLeftOver } from '../../src/agent/os/replace-file.ts';
import type { BeforeEffect } from '../../src/cluster/effect.ts';
import type { World } from '../unit/agent/disk-world.ts';
import { kitOf } from './mounted-world.ts';
import { runProgram } from './run-program.ts';

const SIZE = 400 * 2 ** 20;
/** How each kind is made so that it can have project quotas. */
const MKFS = {
  xfs: ['mkfs.xfs', '-q', '-f'],
  ext4: ['mkfs.ext4', '-q', '-F', '-O', 'quota,project'],
} as const;

/**
 * A filesystem with project quotas, in memory, where each world has a directory of its own for its root: to make one for
 * each takes too long where a processor is emulated.
 */
export class QuotaDisk {
  readonly type: keyof typeof MKFS;
  /** Made when it is first needed: tests are also loaded where they are only listed. */
  #folder = '';
  readonly #before = new WeakMap<World, ReadonlySet<number>>();

  constructor(type: keyof typeof MKFS) {
    this.type = type;
  }

  get #point(): string {
    return join(this.#folder, 'disk');
  }

  /** Puts the root of a world on it. */
  give(world: World): void {
    if (this.#folder === '') this.#mount();
    const directory = mkdtempSync(join(this.#point, 'root-'));
    world.mount(world.root, '--bind', directory);
    this.#before.set(world, new Set(this.#projects().keys()));
  }

  /** What quotas know of projects that came after that, and which ids its pool has taken. */
  inventory(world: World): string[] {
    const before = this.#before.get(world);
    const folder = world.at('.tlv/projects');
    mkdirSync(folder, { recursive: true });
    const counted = [...this.#projects()]
      .filter(([id, { files, limit }]) => !before?.has(id) && (files > 0 || limit > 0))
      .map(([id]) => `project ${id}`);
    // A file that a crash kept from being finished goes when the next id is given out.
    return [...counted, ...readdirSync(folder).filter((name) => !isLeftOver(name))];
  }

  remove(): void {
    if (this.#folder === '') return;
    for (const point of [this.#point, this.#folder]) runProgram('umount', point);
    rmSync(this.#folder, { recursive: true });
  }

  #mount(): void {
    this.#folder = realpathSync(mkdtempSync(join(tmpdir(), 'tlv-quota-')));
    runProgram('mount', '-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', this.#folder);
    mkdirSync(this.#point);
    makeImage(this.type, this.#folder);
    runProgram('mount', '-o', 'loop,prjquota', join(this.#folder, 'image'), this.#point);
  }

  #projects() {
    return parseReport(runProgram('repquota', '-P', '-n', '-v', '-O', 'csv', this.#point));
  }
}

/** Makes a filesystem that can have project quotas, in the file `image` of a folder. */
export function makeImage(
  type: keyof typeof MKFS,
  folder: string,
  options: readonly string[] = MKFS[type],
): string {
  const image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, SIZE);
  const [mkfs = '', ...argv] = options;
  runProgram(mkfs, ...argv, image);
  return image;
}

export async function openQuota(world: World, before?: BeforeEffect): Promise<Backend> {
  return QUOTA.open(await kitOf(world, before));
}
