import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { portOf } from './port-of.ts';

/** `/metrics` in plain HTTP on a port of its own, so that scraping needs no trust in the webhook's certificate. */
export class MetricsServer {
  private readonly server: Server;

  constructor(registry: Registry) {
    this.server = createServer(handler(registry));
  }

  /** @returns the port that it listens on. */
  async listen(port: number, host?: string): Promise<number> {
    this.server.listen({ port, ...(host === undefined ? {} : { host }) });
    await once(this.server, 'listening');
    return portOf(this.server);
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

function handler(registry: Registry): RequestListener {
  return (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (path !== '/metrics') return void response.writeHead(404).end('GET /metrics\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  };
}
