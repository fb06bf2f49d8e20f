import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as requestHttps, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { ControlPlane } from './control-plane.ts';
import { freePorts } from './ports.ts';

/**
 * What stands between a client and the API server:
 *
 * - `drop`: every connection, open or new, is cut.
 * - `delay`: every request is passed on half a second late.
 * - `half-line`: a watch ends, in good order, in the middle of the next line.
 * - `expire`: a watch is answered 200, then ERROR 410.
 * - `throttle`: 429 with Retry-After: 1.
 * - `silence`: connections stay open, and nothing comes through any more.
 */
export type Fault = 'none' | 'drop' | 'delay' | 'half-line' | 'expire' | 'throttle' | 'silence';

const DELAY_MS = 500;
const EXPIRED = {
  type: 'ERROR',
  object: {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    message: 'too old resource version: 1 (2)',
    reason: 'Expired',
    code: 410,
  },
};
const THROTTLED = {
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  message: 'Too many requests, please try again later.',
  reason: 'TooManyRequests',
  code: 429,
};

/** An HTTPS proxy before a real API server, under its own certificate, that fails as it is told. */
export class FaultProxy {
  readonly #plane: ControlPlane;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #upstreams = new Set<IncomingMessage>();
  #fault: Fault = 'none';
  #port = 0;

  static async start(plane: ControlPlane): Promise<FaultProxy> {
    const proxy = new FaultProxy(plane);
    const [port] = await freePorts(1);
    proxy.#port = port!;
    await new Promise<void>((resolve) => {
      proxy.#server.listen(port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  private constructor(plane: ControlPlane) {
    this.#plane = plane;
    const { cert, key } = plane.tls;
    this.#server = createServer({ cert, key }, (request, response) => this.#serve(request, response));
    this.#server.on('connection', (socket: Socket) => {
      if (this.#fault === 'drop') return void socket.destroy();
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** The admin's kubeconfig with this proxy as its server. */
  kubeconfig(): string {
    const path = `${this.#plane.directory}/proxied.kubeconfig`;
    const direct = readFileSync(this.#plane.kubeconfig(), 'utf8');
    writeFileSync(path, direct.replaceAll(this.#plane.url, `https://127.0.0.1:${this.#port}`), {
      mode: 0o600,
    });
    return path;
  }

  /** From now on; open watches go on in the way that the fault is about. */
  set fault(fault: Fault) {
    const wasSilent = this.#fault === 'silence';
    this.#fault = fault;
    // What was swallowed would be missing from a stream that went on.
    if (fault === 'drop' || wasSilent) this.#cut();
    // These are about how a watch is answered, so that it has to be asked for again.
    if (fault === 'expire' || fault === 'throttle' || fault === 'delay') this.#cut();
  }

  async stop(): Promise<void> {
    this.#cut();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    for (const upstream of this.#upstreams) upstream.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const isWatch = request.url?.includes('watch=true') === true;
    if (this.#fault === 'silence') return;
    if (this.#fault === 'throttle') {
      response
        .writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' })
        .end(JSON.stringify(THROTTLED));
    } else if (this.#fault === 'expire' && isWatch) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(EXPIRED)}\n`);
    } else if (this.#fault === 'delay') {
      setTimeout(() => this.#forward(request, response, isWatch), DELAY_MS);
    } else {
      this.#forward(request, response, isWatch);
    }
  }

  #forward(request: IncomingMessage, response: ServerResponse, isWatch: boolean): void {
    const { method, headers } = request;
    const upstream = requestHttps(new URL(request.url ?? '/', this.#plane.url), {
      method: method ?? 'GET',
      headers,
      ca: this.#plane.tls.ca,
      agent: false,
    });
    upstream.on('response', (answer) => {
      this.#upstreams.add(answer);
      answer.once('close', () => this.#upstreams.delete(answer));
      answer.on('error', () => response.destroy());
      response.once('close', () => answer.destroy());
      response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
      answer.on('data', (chunk: Buffer) => this.#pass(chunk, response, isWatch));
      answer.on('end', () => {
        if (this.#fault !== 'silence') response.end();
      });
    });
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  }

  #pass(chunk: Buffer, response: ServerResponse, isWatch: boolean): void {
    // More of a watch may come after the half line that it was to end with.
    if (this.#fault === 'silence' || response.writableEnded) return;
    if (this.#fault === 'half-line' && isWatch) response.end(chunk.subarray(0, chunk.length / 2));
    else response.write(chunk);
  }
}
