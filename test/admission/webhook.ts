import { X509Certificate } from 'node:crypto';
import { Agent, request as send, type RequestOptions } from 'node:https';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { createApp } from '../../src/admission/app.ts';
import { certificateCheck, type CertificateSource } from '../../src/admission/certificate.ts';
import type { AdmissionDeps } from '../../src/admission/deps.ts';
import { Metrics, type CacheState } from '../../src/admission/metrics.ts';
import { Readiness, type ReadyCheck } from '../../src/admission/readiness.ts';
import { AdmissionServer } from '../../src/admission/server.ts';
import type { TServer } from '../../src/tars/tserver.ts';
import { spy, type Spy } from '../unit/admission/requests.ts';
import { Authority, type Pem } from './authority.ts';

/** The admission server as in production, on a free port of 127.0.0.1, with real TLS and real sockets. */

export const HOST = '127.0.0.1';

const authority = await Authority.make();
export const CA = authority.cert;

/** A new certificate from the one authority of these tests. */
export const leaf = (): Promise<Pem> => authority.leaf();

const closers: (() => Promise<unknown>)[] = [];
/** Closes at the end of all tests, so that a test which failed does not keep the process alive. */
export const closeAtEnd = (close: () => Promise<unknown>): number => closers.push(close);
after(() => Promise.all(closers.map((close) => close())));

/** A certificate that a test can change. */
class HeldCertificate implements CertificateSource {
  private pem: Pem;
  private readonly listeners = new Set<() => void>();

  constructor(pem: Pem) {
    this.pem = pem;
  }

  /** Why it is not trusted, as a test says; undefined: it is. */
  problem: string | undefined;

  current = (): Pem => this.pem;

  get notAfter(): Date {
    return new X509Certificate(this.pem.cert).validToDate;
  }

  get isTrusted(): boolean {
    return this.problem === undefined;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  change(pem: Pem): void {
    this.pem = pem;
    for (const listener of this.listeners) listener();
  }
}

export interface Webhook {
  readonly port: number;
  readonly certificate: HeldCertificate;
  readonly metrics: Metrics;
  readonly spy: Spy;
  /** Drains it, with no grace where none is said. */
  stop(graceMs?: number): Promise<void>;
}

export interface WebhookParts {
  readonly cached?: readonly TServer[];
  readonly deps?: Partial<AdmissionDeps>;
  readonly checks?: readonly ReadyCheck[];
  readonly cache?: () => CacheState;
  readonly requestTimeoutMs?: number;
}

export async function startWebhook(parts: WebhookParts = {}): Promise<Webhook> {
  const certificate = new HeldCertificate(await leaf());
  const metrics = new Metrics({
    version: '0.0.0-test',
    cache: parts.cache ?? (() => ({ isSynced: true, size: 0, ageSeconds: 0 })),
    certificateExpiry: () => certificate.notAfter,
  });
  const held = spy(parts.cached, { ...parts.deps });
  const readiness = new Readiness([certificateCheck(certificate), ...(parts.checks ?? [])]);
  const deps = { ...held.deps, onLiveGet: metrics.liveGet };
  const { requestTimeoutMs } = parts;
  const app = createApp({
    deps,
    readiness,
    observer: metrics,
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
  });
  const server = new AdmissionServer({ listener: app, certificate, readiness, log: deps.log });
  const port = await server.listen(0, HOST);
  let stopped: Promise<void> | undefined;
  const stop = (graceMs = 0): Promise<void> => (stopped ??= server.drain(graceMs));
  closeAtEnd(() => stop());
  return { port, certificate, metrics, spy: held, stop };
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface Call extends Omit<RequestOptions, 'method' | 'path'> {
  /** A list is sent in chunks, with no length said beforehand. */
  readonly body?: string | Buffer | readonly (string | Buffer)[];
}

/** One request, `POST /mutate` in JSON where nothing else is said. */
export async function call(port: number, target: string, { body, ...options }: Call = {}): Promise<Reply> {
  const [method = '', path = ''] = target.split(' ');
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const length = typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.byteLength(body) : undefined;
  const request = send({
    host: HOST,
    port,
    ca: CA,
    method,
    path,
    agent: options.agent ?? false,
    ...options,
    headers: {
      'content-type': 'application/json',
      ...(length === undefined ? {} : { 'content-length': length }),
      ...(options.headers as OutgoingHttpHeaders | undefined),
    },
  });
  request.on('error', reject);
  request.on('response', (response) => {
    const read = async (): Promise<Reply> => {
      const text = (await buffer(response)).toString();
      const isJson = text !== '' && response.headers['content-type'] === 'application/json';
      const json = (isJson ? JSON.parse(text) : {}) as Record<string, unknown>;
      return { status: response.statusCode ?? 0, headers: response.headers, text, json };
    };
    read().then(resolve, reject);
  });
  if (Array.isArray(body)) for (const part of body) request.write(part);
  request.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : undefined);
  return await promise;
}

/** Keeps its connections, as the API server does. */
export const keepingAgent = (more: object = {}): Agent =>
  new Agent({ keepAlive: true, maxSockets: 8, ca: CA, ...more });
