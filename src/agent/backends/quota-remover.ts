import type { Pool } from '../pool.ts';
import type { Remover, RetiredVolume } from '../remover.ts';
import type { Outcome } from '../trash-item.ts';
import type { ProjectQuota } from './project-quota.ts';
import type { Projects } from './projects.ts';
import { STATE_FOLDER } from '../os/errors.ts';
import { TRASH_FOLDER } from '../pool-root.ts';

const TRASH = `${STATE_FOLDER}/${TRASH_FOLDER}/`;

/** Where a retired volume is, below the root. */
export function placeInTrash(trashName: string): string {
  return `${TRASH}${trashName}`;
}

/** Takes away the quota of a volume in the trash, and its project id, once all of its files are gone. */
export class QuotaRemover implements Remover {
  readonly #pool: Pool;
  readonly #projects: Projects;
  readonly #quota: ProjectQuota;

  constructor(pool: Pool, projects: Projects, quota: ProjectQuota) {
    this.#pool = pool;
    this.#projects = projects;
    this.#quota = quota;
  }

  async retired(): Promise<readonly string[]> {
    const places = await this.#projects.places();
    return places.filter((place) => place.startsWith(TRASH)).map((place) => place.slice(TRASH.length));
  }

  async destroy({ name, deleteFiles }: RetiredVolume): Promise<Outcome | undefined> {
    const place = placeInTrash(name);
    if ((await this.#projects.idOf(place)) === undefined) return undefined;
    const outcome = await deleteFiles();
    if (outcome.kind === 'gone') await this.free(place);
    return outcome;
  }

  /** Whoever gets the id next begins without a limit. */
  async free(place: string): Promise<void> {
    const id = await this.#projects.idOf(place);
    if (id === undefined) return;
    await this.#pool.withRoot(async (root) => await this.#quota.setLimit(root, id, 0));
    await this.#projects.release(id);
  }
}
