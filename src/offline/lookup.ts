import type { TServerLookup } from '../tars/ownership.ts';
import type { TServer } from '../tars/tserver.ts';

/** The TServers of a stream, so that TServer and StatefulSet find each other whatever their order. */
export class DocumentLookup implements TServerLookup {
  private readonly byName = new Map<string, TServer>();
  private readonly byServer = new Map<string, TServer>();

  add(namespace: string, server: TServer): void {
    this.byName.set(JSON.stringify([namespace, server.metadata?.name]), server);
    this.byServer.set(JSON.stringify([namespace, server.spec.app, server.spec.server]), server);
  }

  named(namespace: string, name: string): TServer | undefined {
    return this.byName.get(JSON.stringify([namespace, name]));
  }

  serving(namespace: string, app: string, server: string): TServer | undefined {
    return this.byServer.get(JSON.stringify([namespace, app, server]));
  }
}
