import { type Caches, isPathKey, pathBelow } from './caches.ts';
import type { ClaimView } from './claim-view.ts';
import type { ClassView } from './class-view.ts';
import { placeOf, type Roots } from './roots.ts';
import type { VolumeView } from './volume-view.ts';

/** As much of the node's caches as one path asks for. */
export interface NodeCaches extends Pick<Caches, 'classes' | 'claimsAt'> {
  readonly volumes: Pick<Caches['volumes'], 'at'>;
}

/**
 * What the API server tells of one root: two of them may have volumes of one relative path.
 *
 * - A claim that has no volume yet is of the root that its class names, and of no other.
 * - One that has a volume is of the root where that is, whatever its class says: its name tells, so that each root sees it.
 * - What has no path is not told apart.
 */
export class RootCaches {
  readonly classes: ReadonlyMap<string, ClassView>;
  readonly volumes: { at(key: string): VolumeView[] };
  readonly #caches: NodeCaches;
  readonly #root: string;
  readonly #roots: Roots;

  constructor(caches: NodeCaches, root: string, roots: Roots) {
    this.#caches = caches;
    this.#root = root;
    this.#roots = roots;
    this.classes = caches.classes;
    this.volumes = { at: (key) => this.#volumesAt(key) };
  }

  /** Oldest first. */
  claimsAt(key: string): ClaimView[] {
    const claims = this.#caches.claimsAt(key);
    return isPathKey(key)
      ? claims.filter((claim) => claim.volumeName !== undefined || this.#isHere(claim))
      : claims;
  }

  #volumesAt(key: string): VolumeView[] {
    const volumes = this.#caches.volumes.at(key);
    return isPathKey(key) ? volumes.filter(({ path }) => pathBelow(this.#root, path) !== undefined) : volumes;
  }

  #isHere({ storageClass }: ClaimView): boolean {
    const place = placeOf(this.classes.get(storageClass), this.#roots);
    return 'root' in place && place.root === this.#root;
  }
}
