import type { TServerLookup } from '../tars/ownership.ts';
import { type TServer, tserverName } from '../tars/tserver.ts';
import type { Handlers } from './known-objects.ts';
import { objectKey } from './kube-object.ts';

/**
 * TServers by name, and by app and server.
 *
 * Where several serve the same app and server, the one of the one right name answers, else the first by name:
 * the same one in every replica, whatever order they arrived in.
 */
export class TServerIndex implements TServerLookup, Handlers<TServer> {
  readonly #byKey = new Map<string, TServer>();
  /** The best comes first. Nearly every list is of one. */
  readonly #byServer = new Map<string, readonly TServer[]>();

  get size(): number {
    return this.#byKey.size;
  }

  named(namespace: string, name: string): TServer | undefined {
    return this.#byKey.get(objectKey(namespace, name));
  }

  serving(namespace: string, app: string, server: string): TServer | undefined {
    return this.#byServer.get(servingKey(namespace, app, server))?.[0];
  }

  upsert(key: string, tserver: TServer): void {
    this.remove(key);
    this.#byKey.set(key, tserver);
    const serving = keyOfServing(tserver);
    const all = [...(this.#byServer.get(serving) ?? []), tserver];
    this.#byServer.set(serving, all.toSorted(byRank));
  }

  remove(key: string): void {
    const old = this.#byKey.get(key);
    if (!old) return;
    this.#byKey.delete(key);
    const serving = keyOfServing(old);
    const others = this.#byServer.get(serving)?.filter((one) => one !== old) ?? [];
    if (others.length > 0) this.#byServer.set(serving, others);
    else this.#byServer.delete(serving);
  }
}

const keyOfServing = ({ metadata, spec }: TServer): string =>
  servingKey(metadata?.namespace ?? '', spec.app, spec.server);

/** A foreign CRD may allow any character in app and server. */
const servingKey = (namespace: string, app: string, server: string): string =>
  JSON.stringify([namespace, app, server]);

function byRank(one: TServer, other: TServer): number {
  const [first, second] = [rank(one), rank(other)];
  if (first === second) return 0;
  return first < second ? -1 : 1;
}

/** As names have no blank, the right name sorts before all others. */
function rank({ metadata, spec }: TServer): string {
  const name = metadata?.name ?? '';
  return name === tserverName(spec.app, spec.server) ? ` ${name}` : name;
}
