import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface Backend {
  readonly port: number;
  /** As a Service's endpoints say it: only these are sent new connections. */
  readonly isInService: boolean;
}

/**
 * One address before several servers, as a Service is: whole TCP connections, in turn, to those in service. An open
 * connection stays where it is. One that is refused goes on to the next server: what is left out here is the moment
 * for which a real Service still sends to a server that is gone.
 */
export class Balancer {
  readonly #backends: readonly Backend[];
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  #turn = 0;

  static async start(backends: readonly Backend[]): Promise<Balancer> {
    const balancer = new Balancer(backends);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  private constructor(backends: readonly Backend[]) {
    this.#backends = backends;
    this.#server = createServer({ noDelay: true }, (client) => {
      this.#clients.add(client);
      client.once('close', () => this.#clients.delete(client));
      // Whoever is at its other end hears of it; nobody does here.
      client.on('error', () => undefined);
      this.#pass(client, this.#order());
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const client of this.#clients) client.destroy();
    await closed;
  }

  #order(): Backend[] {
    const inService = this.#backends.filter((backend) => backend.isInService);
    const first = this.#turn++ % Math.max(inService.length, 1);
    return [...inService.slice(first), ...inService.slice(0, first)];
  }

  #pass(client: Socket, [backend, ...others]: readonly Backend[]): void {
    if (!backend) return void client.destroy();
    const upstream = connect({ host: '127.0.0.1', port: backend.port, noDelay: true });
    const retry = (): void => this.#pass(client, others);
    upstream.once('error', retry);
    upstream.once('connect', () => {
      upstream.off('error', retry);
      upstream.on('error', () => undefined);
      upstream.once('close', () => client.destroy());
      client.once('close', () => upstream.destroy());
      client.pipe(upstream);
      upstream.pipe(client);
      if (client.destroyed) upstream.destroy();
    });
  }
}
