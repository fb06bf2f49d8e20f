import { Agent, request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import type { KubeObject } from './api.ts';
import { STATEFUL_SETS, TSERVERS } from './paths.ts';
import { CONFIGURATIONS, type ConfigurationKind, type Replicas } from './replicas.ts';

/** Requests of two kinds against the webhook: creates through the API server, and direct ones. */

interface LoadOptions {
  /** Clients that create StatefulSets, one after the other, as fast as they are let. */
  readonly creators?: number;
  /** Clients that ask the webhook itself, as the API server does. */
  readonly callers?: number;
  /** Of all callers together. */
  readonly callsPerSecond?: number;
}

interface Failure {
  /** Of the StatefulSet, or of the caller. */
  readonly name: string;
  readonly why: string;
}

interface Tally {
  readonly answered: number;
  readonly failures: readonly Failure[];
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface LoadReport {
  readonly creates: Tally;
  readonly calls: Tally;
}

interface StoredSet extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: { readonly volumeMounts?: { readonly name: string }[] }[] };
    };
    readonly volumeClaimTemplates?: { readonly metadata: { readonly name: string } }[];
  };
}

interface SetList {
  readonly metadata: { readonly continue?: string };
  readonly items: readonly StoredSet[];
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Of TServer mount, claim template and volume mount. */
const VOLUME = 'data';
const SERVER = 'load';
/** A new handshake, with what is trusted by then, after so many requests. */
const CALLS_PER_CONNECTION = 10;
const BUNDLE_AGE_MS = 100;
const ANSWER_MS = 10_000;
const RETRY_MS = 50;
/** Whatever is broken for longer is not about to be mended. */
const STORED_WITHIN_MS = 60_000;
const PAGE = 500;

let runs = 0;

export class Load {
  readonly #cluster: Replicas;
  readonly #run = `run-${++runs}`;
  readonly #started = performance.now();
  readonly #creates = new Tallying();
  readonly #calls = new Tallying();
  readonly #bundles = new Map<ConfigurationKind, { at: number; text: Promise<string> }>();
  readonly #reviews: Readonly<Record<ConfigurationKind, string>>;
  readonly #working: Promise<unknown>;
  #isOver = false;

  /** The TServer without which nothing would be injected; the API server may be a moment late to know the webhook. */
  static async prepare({ plane }: Replicas): Promise<boolean> {
    const { status } = await plane.api('POST', TSERVERS, tserver(SERVER));
    return status === 201 || status === 409;
  }

  static async start(cluster: Replicas, options: LoadOptions = {}): Promise<Load> {
    const plain = statefulSet('load-review', 'review');
    const { status, body } = await cluster.plane.api('POST', `${STATEFUL_SETS}?dryRun=All`, plain);
    if (status !== 201) throw new Error(`a StatefulSet on trial: ${status} ${JSON.stringify(body)}`);
    return new Load(cluster, options, { mutating: review(plain), validating: review(body) });
  }

  private constructor(
    cluster: Replicas,
    { creators = 8, callers = 16, callsPerSecond = 500 }: LoadOptions,
    reviews: Readonly<Record<ConfigurationKind, string>>,
  ) {
    this.#cluster = cluster;
    this.#reviews = reviews;
    this.#working = Promise.all([
      ...Array.from({ length: creators }, (_, index) => this.#creator(index)),
      ...Array.from({ length: callers }, (_, index) =>
        this.#caller(`caller-${index}`, (1000 * callers) / callsPerSecond, index),
      ),
    ]);
    // A failure is for whoever ends this.
    this.#working.catch(() => undefined);
  }

  get created(): number {
    return this.#creates.answered;
  }

  /** Ends when everything that was begun is stored. */
  async stop(): Promise<LoadReport> {
    const seconds = (performance.now() - this.#started) / 1000;
    this.#isOver = true;
    await this.#working;
    return { creates: this.#creates.report(seconds), calls: this.#calls.report(seconds) };
  }

  /** What the API server has of this run: how many, and which of them without their volume. */
  async stored(): Promise<{ count: number; bare: string[] }> {
    const bare: string[] = [];
    let count = 0;
    let next: string | undefined = '';
    while (next !== undefined) {
      const query = new URLSearchParams({
        labelSelector: `run=${this.#run}`,
        limit: `${PAGE}`,
        continue: next,
      });
      const { body }: { body: SetList } = await this.#cluster.plane.api<SetList>(
        'GET',
        `${STATEFUL_SETS}?${query.toString()}`,
      );
      count += body.items.length;
      bare.push(...body.items.filter((set) => !isInjected(set)).map(({ metadata }) => metadata?.name ?? ''));
      next = body.metadata.continue || undefined;
    }
    return { count, bare };
  }

  async #creator(client: number): Promise<void> {
    for (let count = 0; !this.#isOver; count++) {
      const name = `${this.#run}-${client}-${count}`;
      const deadline = performance.now() + STORED_WITHIN_MS;
      while (!(await this.#create(name))) {
        if (performance.now() > deadline) throw new Error(`${name} could not be stored`);
        await sleep(RETRY_MS);
      }
    }
  }

  /** @returns whether it is stored */
  async #create(name: string): Promise<boolean> {
    return this.#creates.time(name, async () => {
      const { plane } = this.#cluster;
      const { status, body } = await plane.api<StoredSet>(
        'POST',
        STATEFUL_SETS,
        statefulSet(name, this.#run),
      );
      // Of an earlier try that was answered by nobody; stored() has a look at it.
      if (status === 409) return true;
      if (status !== 201) throw new Error(`${status} ${String(body['message'])}`);
      if (!isInjected(body)) throw new Error('stored without its volume');
      return true;
    });
  }

  async #caller(name: string, everyMs: number, index: number): Promise<void> {
    const kind = CONFIGURATIONS[index % CONFIGURATIONS.length]!;
    let due = performance.now() + Math.random() * everyMs;
    while (!this.#isOver) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: await this.#bundle(kind) });
      let isUsable = true;
      for (let count = 0; count < CALLS_PER_CONNECTION && isUsable && !this.#isOver; count++) {
        await sleep(Math.max(due - performance.now(), 0));
        // What could not be kept up with is made up for, but not for ever.
        due = Math.max(due + everyMs, performance.now() - 1000);
        isUsable = await this.#calls.time(name, () => this.#call(kind, agent));
      }
      agent.destroy();
    }
  }

  async #call(kind: ConfigurationKind, agent: Agent): Promise<boolean> {
    const path = kind === 'mutating' ? '/mutate?timeout=5s' : '/validate?timeout=5s';
    const { status, body } = await post(this.#cluster.port, path, agent, this.#reviews[kind]);
    if (status !== 200) throw new Error(`${status} ${body}`);
    const { response } = JSON.parse(body) as { response: { allowed: boolean; patch?: string } };
    if (!response.allowed || (kind === 'mutating' && !response.patch)) throw new Error(body);
    return true;
  }

  /** What the API server is told to trust at this moment. While that cannot be asked, what it said last. */
  async #bundle(kind: ConfigurationKind): Promise<string> {
    const known = this.#bundles.get(kind);
    if (known && performance.now() - known.at < BUNDLE_AGE_MS) return known.text;
    const read = this.#cluster.bundles(kind).then(([first = '']) => first);
    const current = known ? read.catch(() => known.text) : read;
    this.#bundles.set(kind, { at: performance.now(), text: current });
    return current;
  }
}

class Tallying {
  readonly failures: Failure[] = [];
  readonly #latencies: number[] = [];

  get answered(): number {
    return this.#latencies.length;
  }

  async time(name: string, work: () => Promise<boolean>): Promise<boolean> {
    const started = performance.now();
    try {
      const result = await work();
      this.#latencies.push(performance.now() - started);
      return result;
    } catch (error) {
      this.failures.push({ name, why: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }

  report(seconds: number): Tally {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number): number => Math.round(sorted[Math.floor(share * sorted.length)] ?? 0);
    return {
      answered: this.answered,
      failures: this.failures,
      perSecond: Math.round(this.answered / seconds),
      p50: at(0.5),
      p99: at(0.99),
    };
  }
}

/** For people: what a load has come to. */
export function numbersOf({ creates, calls }: LoadReport): string {
  const words = ({ answered, failures, perSecond, p50, p99 }: Tally) =>
    `${answered} (${perSecond}/s, p50 ${p50} ms, p99 ${p99} ms, ${failures.length} failed)`;
  return `creates ${words(creates)}, direct ${words(calls)}`;
}

export function tserver(server: string): object {
  return {
    apiVersion: 'k8s.tars.io/v1beta3',
    kind: 'TServer',
    metadata: { name: `tars-${server}`, namespace: 'default' },
    spec: {
      app: 'tars',
      server,
      subType: 'tars',
      k8s: { mounts: [{ name: VOLUME, mountPath: `/${VOLUME}`, source: { tLocalVolume: {} } }] },
    },
  };
}

export function statefulSet(name: string, run: string, server = SERVER): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name,
      namespace: 'default',
      labels: { ...labels, run, 'tars.io/ServerApp': 'tars', 'tars.io/ServerName': server },
    },
    spec: {
      replicas: 1,
      serviceName: name,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'a:1' }] } },
    },
  };
}

/** With a claim template, and mounted. */
export function isInjected({ spec }: StoredSet): boolean {
  const mounts = spec.template.spec.containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
  return (
    (spec.volumeClaimTemplates ?? []).some(({ metadata }) => metadata.name === VOLUME) &&
    mounts.some(({ name }) => name === VOLUME)
  );
}

/** What the API server would send for this object's creation. */
function review(object: object): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '7c0a3c0e-6a4b-4f0e-9d6e-2d0c0b1c7a11',
      kind: { group: 'apps', version: 'v1', kind: 'StatefulSet' },
      resource: { group: 'apps', version: 'v1', resource: 'statefulsets' },
      name: 'load-review',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'admin' },
      object,
      dryRun: false,
    },
  });
}

async function post(port: number, path: string, agent: Agent, body: string): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const request = requestHttps({ host: '127.0.0.1', port, path, method: 'POST', agent, headers });
  request.setTimeout(ANSWER_MS, () => request.destroy(new Error('no answer in time')));
  request.once('error', reject);
  request.once('response', (response) => {
    text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
  });
  request.end(body);
  return promise;
}
