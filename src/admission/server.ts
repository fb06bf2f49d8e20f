import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CertificateSource } from './certificate.ts';
import type { Log } from './deps.ts';
import { messageOf } from '../tars/message-of.ts';
import { portOf } from './port-of.ts';
import type { Readiness } from './readiness.ts';

export interface ServerOptions {
  readonly listener: RequestListener;
  readonly certificate: CertificateSource;
  readonly readiness: Readiness;
  readonly log: Log;
}

/**
 * The API server keeps idle connections for 90 s. A server that closes one first takes the next request
 * with it, and the API server does not call again.
 */
const KEEP_ALIVE_MS = 120_000;
/**
 * Node counts both time-outs from the moment a connection is made, idle or not, so they have to be longer
 * as well: Go dials connections that it then keeps in reserve. What limits a request is `limitArrival` in failure.ts.
 */
const SILENCE_MS = KEEP_ALIVE_MS + 5000;
const HANDSHAKE_MS = 10_000;
/** What has arrived when nobody is listening any more is answered within this time. */
const LINGER_MS = 250;
const LONGEST_DRAIN_MS = 12_000;

/** HTTPS with a certificate that can change while it runs. */
export class AdmissionServer {
  private readonly server: Server;
  private readonly options: ServerOptions;
  private inFlight = 0;

  constructor(options: ServerOptions) {
    const { listener, certificate, log } = options;
    this.options = options;
    this.server = createServer(
      {
        ...certificate.current(),
        minVersion: 'TLSv1.2',
        handshakeTimeout: HANDSHAKE_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        headersTimeout: SILENCE_MS,
        requestTimeout: SILENCE_MS,
      },
      (request, response) => {
        this.inFlight++;
        response.once('close', () => this.inFlight--);
        listener(request, response);
      },
    );
    this.server.on('tlsClientError', (error) => log.debug({ error: error.message }, 'TLS handshake failed'));
    certificate.onChange(() => this.reload());
  }

  /** @returns the port that it listens on. */
  async listen(port: number, host?: string): Promise<number> {
    this.server.listen({ port, ...(host === undefined ? {} : { host }) });
    await once(this.server, 'listening');
    // Too many open files, for example: no reason to fall over.
    this.server.on('error', (error) => this.options.log.error({ error: error.message }, 'server error'));
    return portOf(this.server);
  }

  /**
   * Unready first; then, for as long as it takes until nobody is sent here any more, everything is answered
   * as before; then no new connections, and what is in flight is finished.
   */
  async drain(graceMs: number): Promise<void> {
    this.options.readiness.shutDown();
    await sleep(graceMs);
    const closed = once(this.server, 'close');
    this.server.close();
    await Promise.race([closed, this.quiet()]);
    this.server.closeAllConnections();
    await closed;
  }

  /** Connections that were made and never used count as busy for Node, so that `close` would wait for them. */
  private async quiet(): Promise<void> {
    const end = performance.now() + LONGEST_DRAIN_MS;
    do {
      await sleep(LINGER_MS);
    } while (this.inFlight > 0 && performance.now() < end);
  }

  private reload(): void {
    const { certificate, log } = this.options;
    try {
      this.server.setSecureContext({ ...certificate.current(), minVersion: 'TLSv1.2' });
    } catch (error) {
      log.error({ error: messageOf(error) }, 'the new certificate cannot be served; the old one stays');
    }
  }
}
