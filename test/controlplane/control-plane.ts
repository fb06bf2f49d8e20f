import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiAnswer, ApiClient, isServing, type KubeObject } from './api.ts';
import { type Binaries, CONTROL_PLANE, ensureBinaries } from './binaries.ts';
import { Component } from './component.ts';
import { ADMIN, Credentials, type Identity } from './credentials.ts';
import { isReady, isTaintedAsNew, nodeObject, type NodeView } from './nodes.ts';
import { freePorts } from './ports.ts';
import {
  type ComponentName,
  LOOPBACK,
  type OptionalComponent,
  RECIPES,
  type Site,
  tlsFile,
} from './recipes.ts';
import { type Outcome, run } from './run.ts';
import { waitFor } from './wait.ts';

/** What it takes for StatefulSets to get running pods. */
export const EVERYTHING: readonly OptionalComponent[] = ['kube-controller-manager', 'kube-scheduler', 'kwok'];

const KUBECTL_MS = 180_000;

export interface ControlPlaneOptions {
  /** What runs beside etcd and the API server; nothing unless told. */
  readonly components?: readonly OptionalComponent[];
  /** Users beside the admin, with no rights but those that RBAC gives them. */
  readonly identities?: readonly Identity[];
  /** More flags for the API server, such as `--audit-policy-file=…`; they win over its usual ones. */
  readonly apiserverFlags?: readonly string[];
  /**
   * Controllers and scheduler ask no more often than where nobody says otherwise: each controller 20 times a second, the
   * scheduler 50 times.
   */
  readonly throttled?: boolean;
  /** Where nodes that are real find the API server: an address of this machine, instead of 127.0.0.1. */
  readonly address?: string;
}

interface KubectlOptions {
  readonly input?: string;
  readonly identity?: string;
  /** Three minutes unless told. */
  readonly timeoutMs?: number;
}

/**
 * A real control plane of one test: etcd, API server and, on request, the controllers, the scheduler and nodes played
 * by kwok.
 *
 * - It listens on 127.0.0.1 only, unless nodes are to reach it, and lives in one temporary directory.
 * - Webhooks are called at whatever `https://127.0.0.1:<port>/…` their configuration names.
 * - Neither its processes nor its directory outlive the process that started it, however that one ends.
 */
export class ControlPlane {
  readonly directory: string;
  readonly url: string;
  readonly #binaries: Binaries;
  readonly #site: Site;
  readonly #components = new Map<ComponentName, Component<ComponentName>>();
  readonly #clients = new Map<string, ApiClient>();

  /** Starts what was asked for and returns when all of it serves. A failure leaves nothing behind. */
  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const plane = new ControlPlane(options, await ensureBinaries(CONTROL_PLANE), await somePorts());
    try {
      await plane.#startAll(options.components ?? []);
    } catch (error) {
      await plane.stop();
      throw error;
    }
    return plane;
  }

  private constructor(options: ControlPlaneOptions, binaries: Binaries, ports: Site['ports']) {
    this.directory = mkdtempSync(join(tmpdir(), 'control-plane-'));
    const { address = LOOPBACK } = options;
    this.url = `https://${address}:${ports['kube-apiserver']}`;
    this.#binaries = binaries;
    this.#site = {
      directory: this.directory,
      address,
      ports,
      credentials: new Credentials(this.directory, options.identities ?? []),
      serviceAccounts: options.components?.includes('kube-controller-manager') ?? false,
      apiserverFlags: options.apiserverFlags ?? [],
      throttled: options.throttled ?? false,
      kubeconfig: (identity) => this.kubeconfig(identity),
    };
  }

  /** Ends every process, waits until it is gone, and removes the directory. May be called twice. */
  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    // Nothing here is worth a graceful end.
    await Promise.all([...this.#components.values()].map((component) => component.kill()));
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends one component, as a crash would unless another signal is given; the others go on without it. */
  async kill(name: ComponentName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#component(name).kill(signal);
  }

  /** Starts one component again, with the same flags and port, and waits until it serves. Kills it first if need be. */
  async restart(name: ComponentName): Promise<void> {
    await this.kill(name);
    await this.#component(name).start();
  }

  /** The process of one component; undefined while it does not run. */
  pid(name: ComponentName): number | undefined {
    return this.#component(name).pid;
  }

  /** The file with everything that one component has printed. */
  log(name: ComponentName): string {
    return this.#component(name).log;
  }

  /**
   * The API server's own certificate, good for its address and localhost. A webhook under test may serve with it;
   * `caBundle` goes into its configuration.
   */
  get tls(): Readonly<Record<'ca' | 'caBundle' | 'cert' | 'key', string>> {
    // The file holds the certificate, then the authority that signed it.
    const cert = readFileSync(tlsFile(this.directory, 'crt'), 'utf8');
    const key = readFileSync(tlsFile(this.directory, 'key'), 'utf8');
    return { ca: cert, caBundle: Buffer.from(cert).toString('base64'), cert, key };
  }

  /** The path of a kubeconfig file: the admin's, or that of one of the identities given at the start. */
  kubeconfig(identity: string = ADMIN): string {
    return this.#site.credentials.kubeconfig(identity, this.url, this.tls.ca);
  }

  /** Runs the real kubectl, which waits for controllers where it is told to: longer than other programs run. */
  async kubectl(args: readonly string[], { identity, ...options }: KubectlOptions = {}): Promise<Outcome> {
    const env = { PATH: process.env['PATH'], HOME: this.directory, KUBECONFIG: this.kubeconfig(identity) };
    return run(this.#binaries.kubectl, args, { env, timeoutMs: KUBECTL_MS, ...options });
  }

  /** One request, as the admin unless told otherwise. Any status is an answer: look at it. */
  async api<T = KubeObject>(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
    identity: string = ADMIN,
  ): Promise<ApiAnswer<T>> {
    return this.#client(identity).request<T>(method, path, body, contentType);
  }

  /** Adds nodes played by kwok and waits until they are Ready and, with a controller-manager, may be scheduled to. */
  async addNodes(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#addNode(name)));
  }

  async #addNode(name: string): Promise<void> {
    const { status, body } = await this.api('POST', '/api/v1/nodes', nodeObject(name));
    if (status !== 201) throw new Error(`node ${name}: ${JSON.stringify(body)}`);
    const isUp = async () => {
      const { body: node } = await this.api<NodeView>('GET', `/api/v1/nodes/${name}`);
      return isReady(node) && !(this.#components.has('kube-controller-manager') && isTaintedAsNew(node));
    };
    await waitFor(`node ${name} to be Ready`, isUp, { timeoutMs: 180_000 });
  }

  async #startAll(optional: readonly OptionalComponent[]): Promise<void> {
    await this.#start('etcd');
    await this.#start('kube-apiserver');
    // One that fails must not hide another that is still coming up, and would then be missed by stop().
    const started = await Promise.allSettled(optional.map((name) => this.#start(name)));
    const failure = started.find(({ status }) => status === 'rejected');
    if (failure) throw (failure as PromiseRejectedResult).reason;
    if (this.#site.serviceAccounts) await this.#defaultServiceAccount();
  }

  async #start(name: ComponentName): Promise<void> {
    const { args, readyUrl } = RECIPES[name];
    const component = new Component({
      name,
      file: this.#binaries[name],
      args: args(this.#site),
      directory: this.directory,
      ready: () => isServing(readyUrl(this.#site.ports[name])),
    });
    this.#components.set(name, component);
    await component.start();
  }

  /** The controllers begin later than their manager calls itself healthy, and pods wait for this one's work. */
  async #defaultServiceAccount(): Promise<void> {
    const path = '/api/v1/namespaces/default/serviceaccounts/default';
    await waitFor('the default service account', async () => (await this.api('GET', path)).status === 200);
  }

  #client(identity: string): ApiClient {
    const known = this.#clients.get(identity);
    if (known) return known;
    const token = this.#site.credentials.token(identity);
    const client = new ApiClient({ url: this.url, ca: this.tls.ca, token });
    this.#clients.set(identity, client);
    return client;
  }

  #component(name: ComponentName): Component<ComponentName> {
    const component = this.#components.get(name);
    if (!component) throw new Error(`${name} was not asked for when this control plane was started`);
    return component;
  }
}

async function somePorts(): Promise<Site['ports']> {
  const names = ['etcd-peer', ...Object.keys(RECIPES)];
  const ports = await freePorts(names.length);
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Site['ports'];
}
