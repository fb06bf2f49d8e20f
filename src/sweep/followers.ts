import type { ApiReader } from '../cluster/api-reader.ts';
import type { KubeObject } from '../cluster/kube-object.ts';
import { leasesPath } from '../cluster/lease-object.ts';
import { ListWatch } from '../cluster/list-watch.ts';
import type { Surroundings } from '../cluster/vitals.ts';
import { AGENT_LABEL, PRODUCT_LABEL } from '../tars/agent-lease.ts';
import type { Settings } from '../tars/settings.ts';
import { HOSTNAME_LABEL, OURS } from '../tars/vocabulary.ts';
import type { World } from './patience.ts';
import { readAgentObject, readLease, readNode, readVolume, readWaitingClaim } from './views.ts';

export interface FollowersOptions extends Surroundings {
  readonly reader: ApiReader;
  readonly namespace: string;
  readonly settings: Pick<Settings, 'classes'>;
}

interface Followed<T> {
  readonly objects: Map<string, T>;
  readonly listWatch: ListWatch<T>;
}

/** Everything that the sweeper looks at, as the watches tell it. */
export class Followers {
  readonly #options: FollowersOptions;
  readonly #nodes;
  readonly #claims;
  readonly #volumes;
  readonly #leases;
  readonly #capacities;

  constructor(options: FollowersOptions) {
    this.#options = options;
    const { namespace, settings } = options;
    const ofAgents = selectorOf(AGENT_LABEL);
    const capacities = `/apis/storage.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/csistoragecapacities`;
    this.#nodes = this.#follow('/api/v1/nodes', undefined, readNode);
    // Also those that the webhook has not labelled, because it was not there: nobody else looks after them then.
    this.#claims = this.#follow('/api/v1/persistentvolumeclaims', undefined, (object) =>
      readWaitingClaim(object, settings),
    );
    // Of the labels, discovered volumes have this one only.
    this.#volumes = this.#follow('/api/v1/persistentvolumes', HOSTNAME_LABEL, readVolume);
    this.#leases = this.#follow(leasesPath(namespace), ofAgents, readLease);
    this.#capacities = this.#follow(capacities, selectorOf(PRODUCT_LABEL), readAgentObject);
  }

  start(): void {
    for (const { listWatch } of this.#all) listWatch.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map(({ listWatch }) => listWatch.stop()));
  }

  async synced(): Promise<void> {
    await Promise.all(this.#all.map(({ listWatch }) => listWatch.synced()));
  }

  world(): World {
    return {
      nodes: [...this.#nodes.objects.values()],
      claims: [...this.#claims.objects.values()],
      volumes: [...this.#volumes.objects.values()],
      leases: [...this.#leases.objects.values()],
      capacities: [...this.#capacities.objects.values()],
    };
  }

  get #all(): readonly Pick<Followed<unknown>, 'listWatch'>[] {
    return [this.#nodes, this.#claims, this.#volumes, this.#leases, this.#capacities];
  }

  #follow<T>(
    path: string,
    labelSelector: string | undefined,
    read: (object: KubeObject) => T | undefined,
  ): Followed<T> {
    const objects = new Map<string, T>();
    const listWatch = new ListWatch<T>({
      ...this.#options,
      paths: [path],
      ...(labelSelector === undefined ? {} : { labelSelector }),
      read,
      handlers: {
        upsert: (key, object) => void objects.set(key, object),
        remove: (key) => void objects.delete(key),
      },
    });
    return { objects, listWatch };
  }
}

/** Of a node each: these labels, and the one that names it. */
function selectorOf(labels: Readonly<Record<string, string>>): string {
  return [...Object.entries(labels).map(([key, value]) => `${key}=${value}`), OURS.node].join(',');
}
