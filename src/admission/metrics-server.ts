import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { portOf } from './port-of.ts';
import type { Readiness } from './readiness.ts';

/**
 * Figures that prom-client samples by a timer, 100 times a second, and gives no way to leave out: 6 ms of processor time a
 * second, on every node, in a process that has nothing to do. `nodejs_eventloop_lag_seconds` is taken at each scrape.
 */
const SAMPLED = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (figure) => `nodejs_eventloop_lag_${figure}_seconds`,
);
/** The longest that a timer can wait. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * `/metrics` in plain HTTP on a port of its own, so that scraping needs no trust in the webhook's certificate; and, of
 * what serves nothing else, `/healthz` and `/readyz`.
 */
export class MetricsServer {
  private readonly server: Server;

  /** @param registry - gets what every process tells of itself, too: memory, processor time, garbage collections */
  constructor(registry: Registry, readiness?: Pick<Readiness, 'report'>) {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
    for (const name of SAMPLED) registry.removeSingleMetric(name);
    this.server = createServer(handler(registry, readiness));
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

function handler(registry: Registry, readiness?: Pick<Readiness, 'report'>): RequestListener {
  const served = readiness ? 'GET /metrics, /healthz, /readyz\n' : 'GET /metrics\n';
  return (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const isHealth = readiness !== undefined && (path === '/healthz' || path === '/readyz');
    if (path !== '/metrics' && !isHealth) return void response.writeHead(404).end(served);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
    }
    if (path === '/healthz') return void response.end('ok\n');
    if (isHealth) {
      const { isReady, text } = readiness.report();
      return void response.writeHead(isReady ? 200 : 503).end(text);
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  };
}
