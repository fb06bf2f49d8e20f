import { randomBytes } from 'node:crypto';
import type { BackendName } from '../../tars/class-parameters.ts';
import type { VolumePath } from '../../tars/host-path.ts';
import { PathBlocked } from '../os/errors.ts';
import { mountsEverywhere } from '../os/mount-namespaces.ts';
import type { Mount } from '../os/mounts.ts';
import { ToolFailed, type Tools, withDiskFaults } from '../os/tools.ts';
import type { Pool } from '../pool.ts';
import type { Remover } from '../remover.ts';
import type { VolumeOptions } from '../storage.ts';
import { assertTrashName } from '../trash-item.ts';
import { volumeHash } from '../volume-hash.ts';
import type { Backend, Found, Kit, Made, Owner, Source, Traits } from './backend.ts';
import type { Medium, Site } from './medium.ts';
import { makeBare, removeBare } from './mount-point.ts';
import { assertFree, foundOf, inVolume, look, mountInTheWay, type Seen } from './mounted-look.ts';
import {
  asItsOwnFault,
  asParentsVanish,
  placeOf,
  pruneParents,
  withParent,
  withParents,
} from './volume-directory.ts';

/** What nobody needs on a volume, and pods must not have: programs with other rights than their user's, and devices. */
const RESTRICTIONS = ['nosuid', 'nodev'];

/**
 * A volume is a filesystem of its own, mounted at the volume's directory.
 *
 * - `empty` and `filled` are said of the mounted filesystem only: never of the directory below it, which is bare,
 *   root's, closed and immutable, so that a volume whose mount is missing is never written to the disk below.
 * - What is mounted is known by its device, never by a name alone. At most one mount is made at a path, over a bare
 *   directory; anything else that is there is left alone, and what is mounted at or below it.
 * - The directory comes before the backing, the backing before the mount, and that before the owner. Each is whole or
 *   not there, and is found by what it is: so any crash leaves a state that the next call goes on from.
 * - Unmounted first, then looked whether anybody still has it, then moved into the trash: nothing that is in use is
 *   ever destroyed. In use, it stays in its place.
 * - Only what was looked into, and holds nothing, is discarded; and that is moved into the trash as well.
 */
export class MountedBackend implements Backend {
  readonly #pool: Pool;
  readonly #tools: Tools;
  readonly #medium: Medium;

  constructor({ pool, tools }: Pick<Kit, 'pool' | 'tools'>, medium: Medium) {
    this.#pool = pool;
    this.#tools = tools;
    this.#medium = medium;
  }

  get name(): BackendName {
    return this.#medium.name;
  }

  get traits(): Traits {
    return this.#medium.traits;
  }

  get remover(): Remover | undefined {
    return this.#medium.remover;
  }

  source(options?: VolumeOptions): Source {
    return this.#medium.source(options);
  }

  async inspect(path: VolumePath): Promise<Found> {
    try {
      return await this.#at(path, async (site) => foundOf(site, await this.#look(site)));
    } catch (error) {
      if (error instanceof PathBlocked) return { kind: 'blocked', why: error.message };
      throw error;
    }
  }

  async make(path: VolumePath, wanted: Made): Promise<void> {
    await asParentsVanish(() => this.#at(path, (site) => this.#make(site, wanted)));
  }

  async attach(path: VolumePath, wanted: Made): Promise<void> {
    await asParentsVanish(() =>
      this.#at(path, async (site) => {
        const seen = await this.#look(site);
        if (seen.kind === 'in-place') return;
        assertFree(site, seen);
        if (!seen.hasBacking && this.#medium.traits.survivesReboot) {
          throw new PathBlocked('NO_BACKING', path, `what backend ${this.name} had of ${path} is gone`);
        }
        await this.#mount(site, wanted);
      }),
    );
  }

  async own(path: VolumePath, owner: Owner): Promise<void> {
    await this.#at(path, async (site) => {
      const { mount } = await this.#inPlace(site);
      await inVolume(site, mount, async (volume) => {
        await volume.own(owner);
        await volume.sync();
      });
    });
  }

  async grow(path: VolumePath, size: number): Promise<void> {
    await this.#at(path, async (site) => {
      const { mount } = await this.#inPlace(site);
      await withDiskFaults(site.path, () => this.#medium.grow(site, size, mount));
    });
  }

  async retire(path: VolumePath, trashName: string): Promise<void> {
    assertTrashName(trashName);
    await this.#at(path, async (site) => {
      const seen = await this.#look(site);
      if (seen.hasBacking && (await this.#medium.hasRetired(site, trashName)))
        throw new PathBlocked('EEXIST', path, `the trash holds ${trashName} already`);
      await this.#takeAway(site, seen, trashName);
    });
  }

  async discard(path: VolumePath): Promise<boolean> {
    return await this.#at(path, async (site) => {
      const before = await this.#look(site);
      const mustLookInto = isDetached(before) && this.#medium.traits.survivesReboot;
      if (mustLookInto) await asParentsVanish(() => this.#mount(site));
      const seen = mustLookInto ? await this.#look(site) : before;
      if (holdsSomething(seen)) {
        if (mustLookInto && seen.kind === 'in-place') await this.#unmount(site, seen.mount);
        return false;
      }
      await this.#takeAway(site, seen, `discarded-${volumeHash(path)}-${randomBytes(4).toString('hex')}`);
      return true;
    });
  }

  async #make(site: Site, wanted: Made): Promise<void> {
    const before = await this.#look(site);
    if (before.kind !== 'in-place') {
      assertFree(site, before);
      await this.#bare(site);
      if (!before.hasBacking) await withDiskFaults(site.path, () => this.#medium.create(site, wanted));
      await this.#mount(site, wanted);
    }
    const { mount, isEmpty, below } = await this.#inPlace(site);
    if (below !== undefined) throw mountInTheWay(site, below);
    if (!isEmpty) {
      if (before.kind !== 'in-place') await this.#unmount(site, mount);
      throw new PathBlocked('ENOTEMPTY', site.path, `${site.path} is there already, with data in it`);
    }
    // Of an attempt before, and of another size perhaps.
    if (before.hasBacking) await withDiskFaults(site.path, () => this.#medium.grow(site, wanted.size, mount));
    await inVolume(site, mount, async (volume) => {
      await volume.own(wanted.owner);
      await volume.sync();
    });
  }

  async #takeAway(site: Site, seen: Seen, trashName: string): Promise<void> {
    if (seen.kind === 'in-place') {
      if (seen.below !== undefined) throw mountInTheWay(site, seen.below);
      await this.#unmount(site, seen.mount);
    } else if (seen.kind === 'strange') throw mountInTheWay(site, seen.point);
    if (seen.hasBacking && (await this.#medium.isHeld(site))) {
      await this.#mount(site);
      throw inUse(site, 'it is still mounted or open elsewhere, in a pod perhaps');
    }
    await this.#medium.retire(site, trashName);
    const { root, path } = site;
    await withParent(root, path, (parent) => removeBare(this.#tools, parent, placeOf(path).name));
    await pruneParents(root, path);
  }

  async #bare({ root, path }: Site): Promise<void> {
    await withParents(root, path, (parent) => makeBare(this.#tools, parent, placeOf(path).name));
  }

  /** Mounts what there is, over a bare directory. */
  async #mount(site: Site, wanted?: Made): Promise<void> {
    const { root, path } = site;
    const { name } = placeOf(path);
    const { type, source, options } = await this.#medium.mountSource(site, wanted);
    await withParents(root, path, async (parent) => {
      await makeBare(this.#tools, parent, name);
      await using bare = await parent.openDirectory(name);
      if (bare.mountId() !== parent.mountId()) throw mountInTheWay(site, path);
      const how = [
        ...(type === undefined ? [] : ['-t', type]),
        '-o',
        [...RESTRICTIONS, ...options].join(','),
      ];
      await this.#change(site, 'mount', ['-n', '-c', ...how, source, bare.toolPath()]);
    });
  }

  async #unmount(site: Site, { device, point }: Mount): Promise<void> {
    const { root, path } = site;
    // The same mount shows in other namespaces at the same path, perhaps below another root, and goes with ours.
    const another = (await mountsEverywhere()).find(
      (mount) => mount.device === device && mount.point !== point && !mount.point.endsWith(`/${path}`),
    );
    if (another) throw inUse(site, `it is mounted at ${another.point} as well`);
    await withParent(root, path, (parent) =>
      this.#change(site, 'umount', ['-n', '-c', parent.toolPath(placeOf(path).name)]),
    );
  }

  async #change(site: Site, program: string, argv: readonly string[]): Promise<void> {
    try {
      await this.#tools.change(program, argv);
    } catch (error) {
      throw error instanceof ToolFailed && error.stderr.includes('busy') ? inUse(site, error.message) : error;
    }
  }

  async #look(site: Site): Promise<Seen> {
    return await look(site, await this.#medium.find(site));
  }

  /** The volume as it is mounted. */
  async #inPlace(site: Site): Promise<Extract<Seen, { kind: 'in-place' }>> {
    const seen = await this.#look(site);
    if (seen.kind === 'in-place') return seen;
    assertFree(site, seen);
    throw new PathBlocked(
      'NOT_MOUNTED',
      site.path,
      `no volume of backend ${this.name} is mounted at ${site.path}`,
    );
  }

  async #at<T>(path: VolumePath, work: (site: Site) => Promise<T>): Promise<T> {
    return await this.#pool.withRoot((root) => asItsOwnFault(root, path, () => work({ root, path })));
  }
}

/** What this path has is not in its place. */
const isDetached = ({ kind, hasBacking }: Seen): boolean =>
  hasBacking && (kind === 'none' || kind === 'bare');

const holdsSomething = (seen: Seen): boolean =>
  seen.kind === 'data' ||
  seen.kind === 'strange' ||
  (seen.kind === 'in-place' && (!seen.isEmpty || seen.below !== undefined));

const inUse = ({ path }: Site, why: string): PathBlocked =>
  new PathBlocked('EBUSY', path, `${path} is in use: ${why}`);
