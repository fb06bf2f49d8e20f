import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { Lifetimes } from '../../certs/lifetime.ts';
import { parseState, type SecretData, type SecretState } from '../../certs/state.ts';
import type { Patience } from '../../certs/trust.ts';
import { INSTALLED } from '../../src/commands/installed.ts';
import { NEEDS_NODES } from './installed.ts';
import { ROOT } from '../offline/tlv.ts';
import { type Backend, Balancer } from './balancer.ts';
import { Component } from './component.ts';
import { ControlPlane } from './control-plane.ts';
import { freePorts } from './ports.ts';

/** The product as deploy/ installs it, its webhook as processes with certificates of their own behind one address. */

/** What certificates take their time for, shortened. */
export interface Durations {
  readonly lifetimes?: Lifetimes;
  readonly patience?: Patience;
  /** Of the looks at Secret and configurations. */
  readonly everyMs: number;
}

export type ConfigurationKind = 'mutating' | 'validating';

interface Manifest {
  readonly kind: string;
  readonly webhooks?: readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[];
}

interface StoredConfiguration {
  readonly webhooks: readonly {
    readonly name: string;
    readonly clientConfig: { readonly caBundle?: string };
  }[];
}

export const CONFIGURATIONS: readonly ConfigurationKind[] = ['mutating', 'validating'];
const USER = `system:serviceaccount:${INSTALLED.namespace}:t-local-volume-webhook`;
const SECRET = `/api/v1/namespaces/${INSTALLED.namespace}/secrets/${INSTALLED.secretName}`;
const SHORT_LIVED = fileURLToPath(import.meta.resolve('./short-lived-webhook.ts'));

const PROBE_EVERY_MS = 200;
const PROBE_TIMEOUT_MS = 3000;
const PROBE_FAILURES = 3;

export class Replicas {
  readonly plane: ControlPlane;
  readonly all: readonly Replica[];
  readonly #balancer: Balancer;
  readonly #stopping = new AbortController();
  readonly #probes: Promise<void>[];

  /** A control plane with the product installed, whose webhook nobody serves yet. */
  static async start(count: number): Promise<Replicas> {
    const plane = await ControlPlane.start({ identities: [{ name: USER }] });
    try {
      const ports = await freePorts(2 * count);
      const all = Array.from(
        { length: count },
        (_, index) => new Replica(plane, `webhook-${index + 1}`, ports[2 * index]!, ports[2 * index + 1]!),
      );
      const replicas = new Replicas(plane, all, await Balancer.start(all));
      await replicas.#install();
      return replicas;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  private constructor(plane: ControlPlane, all: readonly Replica[], balancer: Balancer) {
    this.plane = plane;
    this.all = all;
    this.#balancer = balancer;
    this.#probes = all.map((replica) => replica.probe(this.#stopping.signal));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#probes);
    await this.kill();
    await this.#balancer.stop();
    await this.plane.stop();
  }

  /** Starts that many at once, those that do not run yet, and waits until they are ready. */
  async run(count: number, durations?: Durations): Promise<Replica[]> {
    const some = this.all.slice(0, count);
    const started = await Promise.allSettled(some.map((replica) => replica.start(durations)));
    const failure = started.find(({ status }) => status === 'rejected');
    if (failure) throw (failure as PromiseRejectedResult).reason;
    return some;
  }

  /** Every replica that runs, as a crash would. */
  async kill(): Promise<void> {
    await Promise.all(this.all.map((replica) => replica.kill()));
  }

  /** Where the API server and everybody else reaches them. */
  get port(): number {
    return this.#balancer.port;
  }

  async secretData(): Promise<SecretData> {
    const { body } = await this.plane.api<{ data?: Record<string, string> }>('GET', SECRET);
    const entries = Object.entries(body.data ?? {});
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
  }

  async state(): Promise<SecretState> {
    return parseState(await this.secretData());
  }

  /** Writes the Secret whatever is in it; `undefined` removes a key. */
  async writeSecret(data: Readonly<Record<string, string | undefined>>): Promise<void> {
    const encoded = Object.entries(data).map(([key, value]) => [
      key,
      value === undefined ? null : Buffer.from(value).toString('base64'),
    ]);
    const body = { data: Object.fromEntries(encoded) as object };
    const { status } = await this.plane.api('PATCH', SECRET, body, 'application/merge-patch+json');
    if (status !== 200) throw new Error(`${SECRET}: ${status}`);
  }

  /** What the API server trusts now: the caBundle of each webhook of this configuration, in PEM. */
  async bundles(kind: ConfigurationKind): Promise<string[]> {
    const path = `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations/${INSTALLED.configuration}`;
    const { status, body } = await this.plane.api<StoredConfiguration>('GET', path);
    if (status !== 200) throw new Error(`${path}: ${status}`);
    return body.webhooks.map(({ clientConfig: { caBundle = '' } }) =>
      Buffer.from(caBundle, 'base64').toString(),
    );
  }

  async #install(): Promise<void> {
    await this.#kubectl(['apply', '-f', `${ROOT}deploy/crd/tservers.k8s.tars.io.yaml`]);
    const built = await this.#kubectl(['kustomize', `${ROOT}deploy/overlays/on-demand`]);
    const manifests = parseAllDocuments(built).map((document) => document.toJS() as Manifest);
    const items = manifests
      .filter(({ kind }) => !NEEDS_NODES.includes(kind))
      .map((manifest) => this.#reachable(manifest));
    await this.#kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  }

  /** Configurations name a Service; here it is an address. */
  #reachable(manifest: Manifest): object {
    const webhooks = manifest.webhooks?.map((webhook) => ({
      ...webhook,
      clientConfig: { url: `https://127.0.0.1:${this.port}${webhook.clientConfig.service.path}` },
    }));
    return webhooks ? { ...manifest, webhooks } : manifest;
  }

  async #kubectl(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.plane.kubectl(args, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}

/** One process of the real `tlv webhook`, under the rights that deploy/ gives it; its port stays its own. */
export class Replica implements Backend {
  readonly name: string;
  readonly port: number;
  readonly #metricsPort: number;
  readonly #plane: ControlPlane;
  #component: Component | undefined;
  #failures = PROBE_FAILURES;

  constructor(plane: ControlPlane, name: string, port: number, metricsPort: number) {
    this.#plane = plane;
    this.name = name;
    this.port = port;
    this.#metricsPort = metricsPort;
  }

  /** Starts it and waits until it is ready. Does nothing when it runs already. */
  async start(durations?: Durations): Promise<void> {
    if (this.pid !== undefined) return;
    const args = [
      'webhook',
      `--port=${this.port}`,
      `--metrics-port=${this.#metricsPort}`,
      '--bind-address=127.0.0.1',
      '--self-managed-certs',
      '--extra-name=127.0.0.1',
      '--shutdown-delay=0',
      `--kubeconfig=${this.#plane.kubeconfig(USER)}`,
    ];
    this.#component = new Component({
      name: this.name,
      directory: this.#plane.directory,
      ...(durations
        ? { file: process.execPath, args: [SHORT_LIVED, JSON.stringify(durations), ...args] }
        : { file: `${ROOT}bin/tlv`, args }),
      ready: () => this.isReady(),
    });
    await this.#component.start();
    this.#failures = 0;
  }

  async kill(): Promise<void> {
    await this.#component?.kill();
  }

  /** Undefined when it does not run. */
  get pid(): number | undefined {
    return this.#component?.pid;
  }

  /** Nothing is answered any more, though connections are made; only a kill ends that. */
  freeze(): void {
    if (this.pid !== undefined) process.kill(this.pid, 'SIGSTOP');
  }

  /** A process that has ended leaves the endpoints at once, one that answers badly after the third time. */
  get isInService(): boolean {
    return this.pid !== undefined && this.#failures < PROBE_FAILURES;
  }

  /** What the kubelet does, only more often. */
  async probe(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const isReady = this.pid !== undefined && (await this.isReady());
      this.#failures = isReady ? 0 : this.#failures + 1;
      await sleep(PROBE_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  isReady(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const request = requestHttps({
      host: '127.0.0.1',
      port: this.port,
      path: '/readyz',
      rejectUnauthorized: false,
      agent: false,
      timeout: PROBE_TIMEOUT_MS,
    });
    request.once('response', (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy(new Error('no answer in time')));
    request.once('error', () => resolve(false));
    request.end();
    return promise;
  }

  /** The fingerprint of the leaf that a new client of these authorities is shown; an error where it does not trust it. */
  served(ca: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = connectTls({ host: '127.0.0.1', port: this.port, ca }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.setTimeout(PROBE_TIMEOUT_MS, () => socket.destroy(new Error('no handshake in time')));
    socket.once('error', reject);
    return promise;
  }

  /** The value of a metric without labels. */
  async metric(name: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    get({ host: '127.0.0.1', port: this.#metricsPort, path: '/metrics', agent: false }, (response) => {
      text(response).then(resolve, reject);
    }).once('error', reject);
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await promise)?.[1]);
  }

  /** What it has done about certificates since the first start, in the words of its log. */
  steps(): string[] {
    if (!this.#component) return [];
    const lines = readFileSync(this.#component.log, 'utf8').split('\n');
    return lines.flatMap((line) => /"step":"([a-z]+)"/.exec(line)?.[1] ?? []);
  }
}
