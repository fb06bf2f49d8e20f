import type { VolumePath } from '../../tars/host-path.ts';
import type { Directory } from '../os/directory.ts';
import { PathBlocked } from '../os/errors.ts';
import { withDiskFaults } from '../os/tools.ts';
import type { Pool } from '../pool.ts';
import type { Backend, Found, Kit, Made, Owner, Provider, Source } from './backend.ts';
import { DirectoryBackend } from './directory.ts';
import { PoolSource } from './pool-source.ts';
import { ProjectQuota } from './project-quota.ts';
import { Projects } from './projects.ts';
import { missingForQuota } from './quota-missing.ts';
import { placeInTrash, QuotaRemover } from './quota-remover.ts';
import { asParentsVanish, assertNoMount, makeUnlessThere, placeOf, withParents } from './volume-directory.ts';

/**
 * A volume is a directory in a project of its own, whose quota is the volume's size: on xfs or ext4.
 *
 * - The directory is put into its project while it is empty, and after the project has its limit: nothing in it was ever
 *   without one. What is made in it gets the same project.
 * - Limit and project are read back after they were set.
 * - The project id goes with the directory into the trash, and is free again once nothing there has it.
 */
class QuotaBackend implements Backend {
  readonly name = 'quota';
  readonly traits = { enforcesSize: true, survivesReboot: true };
  readonly remover: QuotaRemover;
  readonly #pool: Pool;
  readonly #directories: DirectoryBackend;
  readonly #projects: Projects;
  readonly #quota: ProjectQuota;

  constructor({ pool, tools }: Pick<Kit, 'pool' | 'tools'>) {
    this.#pool = pool;
    this.#directories = new DirectoryBackend(pool);
    this.#projects = new Projects(pool);
    this.#quota = new ProjectQuota(tools);
    this.remover = new QuotaRemover(pool, this.#projects, this.#quota);
  }

  source(): Source {
    return new PoolSource(this.#pool, (paths) => this.#taken(paths));
  }

  async inspect(path: VolumePath): Promise<Found> {
    return await this.#directories.inspect(path);
  }

  async make(path: VolumePath, wanted: Made): Promise<void> {
    await withDiskFaults(path, () =>
      asParentsVanish(() => this.#pool.withRoot((root) => this.#makeIn(root, path, wanted))),
    );
  }

  /** A directory is always in its place, and so is its quota. */
  async attach(): Promise<void> {}

  async own(path: VolumePath, owner: Owner): Promise<void> {
    await this.#directories.own(path, owner);
  }

  async grow(path: VolumePath, size: number): Promise<void> {
    const id = await this.#projects.idOf(path);
    if (id === undefined)
      throw new PathBlocked(
        'NO_LIMIT',
        path,
        `${path} is in no project of ours, and has no size; move its data away, and into the volume that is made there then`,
      );
    await withDiskFaults(path, () =>
      this.#pool.withRoot(async (root) => {
        const limit = (await this.#quota.report(root)).get(id)?.limit ?? 0;
        if (limit < size) await this.#quota.setLimit(root, id, size);
      }),
    );
  }

  async retire(path: VolumePath, trashName: string): Promise<void> {
    await this.#directories.retire(path, trashName);
    await this.#projects.move(path, placeInTrash(trashName));
  }

  async discard(path: VolumePath): Promise<boolean> {
    const isGone = await this.#directories.discard(path);
    if (isGone) await this.remover.free(path);
    return isGone;
  }

  async #makeIn(root: Directory, path: VolumePath, { owner, size }: Made): Promise<void> {
    await withParents(root, path, async (parent) => {
      const { name } = placeOf(path);
      await makeUnlessThere(parent, name);
      await assertNoMount(root, path);
      await using volume = await parent.openDirectory(name);
      if (!(await volume.isEmpty()))
        throw new PathBlocked('ENOTEMPTY', path, `${path} is there already, with data in it`);
      const id = await this.#projects.reserve(path, () => this.#idsInUse(root));
      await this.#quota.setLimit(root, id, size);
      await this.#quota.assign(parent, name, id);
      await volume.own(owner);
      await volume.sync();
      await parent.sync();
    });
  }

  async #idsInUse(root: Directory): Promise<ReadonlySet<number>> {
    const used = [...(await this.#quota.report(root))];
    return new Set(used.filter(([, { files, limit }]) => files > 0 || limit > 0).map(([id]) => id));
  }

  async #taken(paths: readonly VolumePath[]): Promise<ReadonlyMap<VolumePath, number>> {
    const taken = new Map<VolumePath, number>();
    if (paths.length === 0) return taken;
    const report = await this.#pool.withRoot(async (root) => await this.#quota.report(root));
    for (const path of paths) {
      const id = await this.#projects.idOf(path);
      const usage = id === undefined ? undefined : report.get(id);
      if (usage) taken.set(path, usage.used);
    }
    return taken;
  }
}

export const QUOTA: Provider = {
  name: 'quota',
  missing: missingForQuota,
  open: (kit) => new QuotaBackend(kit),
};
