import type { ApiReader } from '../cluster/api-reader.ts';
import { ListWatch } from '../cluster/list-watch.ts';
import type { Surroundings } from '../cluster/vitals.ts';
import { asVolumePath, type VolumePath } from '../tars/host-path.ts';
import { nodeLabelValue } from '../tars/label-value.ts';
import type { Settings } from '../tars/settings.ts';
import { HOSTNAME_LABEL, OURS } from '../tars/vocabulary.ts';
import { type ClaimView, readClaimView } from './claim-view.ts';
import { PathIndex } from './path-index.ts';
import { type ClassView, readClassView, scopeIn, STORAGE_CLASSES } from './class-view.ts';
import { readVolumeView, type VolumeView } from './volume-view.ts';

/** Keys of what has no path: no path begins so. */
export const CLAIM_KEY = 'claim ';
export const VOLUME_KEY = 'volume ';
export const isPathKey = (key: string): boolean => !key.startsWith(CLAIM_KEY) && !key.startsWith(VOLUME_KEY);

export interface CachesOptions extends Surroundings {
  readonly reader: ApiReader;
  readonly settings: Settings;
  readonly node: string;
  readonly hostname: string;
  readonly roots: readonly string[];
  /** What belongs to this key is not what it was. */
  readonly changed: (key: string) => void;
  /** The classes are not what they were, which concerns everything. */
  readonly classesChanged: () => void;
}

const CLAIMS = '/api/v1/persistentvolumeclaims';

/**
 * What the API server tells this node: claims that were sent here, claims that wait for offers, this node's volumes,
 * and the classes. Each watch is filtered by the server, so that its cost is that of this node alone.
 */
export class Caches {
  readonly classes = new Map<string, ClassView>();
  readonly volumes: PathIndex<VolumeView>;
  /** Where offers are not made at all, nobody follows the claims that would wait for them. */
  readonly #claims: readonly PathIndex<ClaimView>[];
  readonly #listWatches: readonly Pick<
    ListWatch<unknown>,
    'start' | 'stop' | 'synced' | 'isSynced' | 'lastError' | 'lastEventAgeSeconds'
  >[];
  readonly #options: CachesOptions;

  constructor(options: CachesOptions) {
    this.#options = options;
    const { settings, node, hostname, roots, changed } = options;
    const selectors = [`${OURS.node}=${nodeLabelValue(node)}`];
    if ([...settings.classes.values()].some(({ way }) => way === 'per-node')) selectors.push(OURS.namespace);
    this.#claims = selectors.map(() => new PathIndex(claimKey, changed));
    this.volumes = new PathIndex((volume) => volumeKey(volume, roots), changed);
    this.#listWatches = [
      this.#classWatch(),
      ...selectors.map((selector, index) => this.#claimWatch(selector, this.#claims[index])),
      this.#volumeWatch(`${HOSTNAME_LABEL}=${hostname}`),
    ];
  }

  /** The classes first: what a claim asks for depends on its class. */
  start(): void {
    const [classes, ...others] = this.#listWatches;
    classes?.start();
    const startOthers = (): void => others.forEach((listWatch) => listWatch.start());
    classes?.synced().then(startOthers, () => undefined);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listWatches.map((listWatch) => listWatch.stop()));
  }

  async synced(): Promise<void> {
    await Promise.all(this.#listWatches.map((listWatch) => listWatch.synced()));
  }

  /** What keeps the caches from being filled; undefined when they are. */
  missing(): string | undefined {
    const late = this.#listWatches.find(({ isSynced }) => !isSynced);
    return late && `the first list is not there yet${late.lastError ? `: ${late.lastError.message}` : ''}`;
  }

  /** Seconds since the watch that was silent longest has heard from the API server. */
  ageSeconds(): number {
    return Math.max(...this.#listWatches.map((listWatch) => listWatch.lastEventAgeSeconds()));
  }

  /** Claims at a key, oldest first; one that both filters bring is there once. */
  claimsAt(key: string): ClaimView[] {
    const byUid = new Map(this.#claims.flatMap((index) => index.at(key).map((claim) => [claim.uid, claim])));
    return [...byUid.values()].toSorted(byAge);
  }

  keys(): Set<string> {
    return new Set([...this.#claims.flatMap((index) => [...index.keys()]), ...this.volumes.keys()]);
  }

  #claimWatch(labelSelector: string, handlers: PathIndex<ClaimView> | undefined): ListWatch<ClaimView> {
    if (!handlers) throw new Error(`no index for ${labelSelector}`);
    const { settings } = this.#options;
    return new ListWatch<ClaimView>({
      ...this.#options,
      paths: [CLAIMS],
      labelSelector,
      read: (object) => readClaimView(object, settings, scopeIn(this.classes)),
      handlers,
    });
  }

  #volumeWatch(labelSelector: string): ListWatch<VolumeView> {
    return new ListWatch<VolumeView>({
      ...this.#options,
      paths: ['/api/v1/persistentvolumes'],
      labelSelector,
      read: readVolumeView,
      handlers: this.volumes,
    });
  }

  #classWatch(): ListWatch<ClassView> {
    const { settings, classesChanged } = this.#options;
    return new ListWatch<ClassView>({
      ...this.#options,
      paths: [STORAGE_CLASSES],
      read: (object) => (settings.classes.has(object.metadata.name) ? readClassView(object) : undefined),
      handlers: {
        upsert: (name, storageClass) => {
          this.classes.set(name, storageClass);
          classesChanged();
        },
        remove: (name) => {
          this.classes.delete(name);
          classesChanged();
        },
      },
    });
  }
}

function claimKey({ namespace, name, wanted }: ClaimView): string {
  return 'fault' in wanted ? `${CLAIM_KEY}${namespace}/${name}` : wanted.path;
}

/** No root is below another, so that a path is below one of them at most. */
function volumeKey({ name, path }: VolumeView, roots: readonly string[]): string {
  return (
    roots.map((root) => pathBelow(root, path)).find((below) => below !== undefined) ?? `${VOLUME_KEY}${name}`
  );
}

/** The path of a volume below the root; undefined for every other path. */
export function pathBelow(root: string, path: string): VolumePath | undefined {
  return path.startsWith(`${root}/`) ? asVolumePath(path.slice(root.length + 1)) : undefined;
}

function byAge(one: ClaimView, other: ClaimView): number {
  const [first, second] = [one, other].map(
    ({ createdAt, namespace, name }) => `${createdAt} ${namespace} ${name}`,
  );
  if (first === second) return 0;
  return (first ?? '') < (second ?? '') ? -1 : 1;
}
