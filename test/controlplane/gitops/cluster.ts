import { mkdtempSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { INSTALLED } from '../../../src/commands/installed.ts';
import { OURS } from '../../../src/tars/vocabulary.ts';
import { ROOT } from '../../offline/tlv.ts';
import type { KubeObject } from '../api.ts';
import { ControlPlane } from '../control-plane.ts';
import { freePorts } from '../ports.ts';
import { Replica } from '../replicas.ts';
import { type Outcome, run } from '../run.ts';
import { waitFor } from '../wait.ts';
import { asYaml } from './snippets.ts';

const USER = `system:serviceaccount:${INSTALLED.namespace}:t-local-volume-webhook`;
/** Building, comparing and waiting for a CRD: what takes long is the many programs on few cores. */
const PROGRAM_TIMEOUT_MS = 120_000;

/** What a source may change of the manifests in a folder, in the words of kustomize. */
export interface Overrides {
  readonly images?: readonly object[] | undefined;
  readonly patches?: readonly object[] | undefined;
}

/** Refused by nobody but the webhook: it has no TServer. */
const PROBE = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'probe', namespace: 'default', labels: { [OURS.tserver]: 'required' } },
  spec: {
    selector: { matchLabels: { app: 'probe' } },
    template: {
      metadata: { labels: { app: 'probe' } },
      spec: { containers: [{ name: 'probe', image: 'probe' }] },
    },
  },
};

interface WebhookEntry {
  readonly clientConfig: { readonly caBundle?: string; readonly service: { readonly path: string } };
}

/**
 * A control plane that a GitOps tool looks after, and a webhook with certificates of its own, under the rights that
 * deploy/ gives it. No controllers run, so that nothing is written but by the tool and the product.
 */
export class GitopsCluster {
  readonly plane: ControlPlane;
  readonly #webhook: Replica;

  static async start(): Promise<GitopsCluster> {
    const plane = await ControlPlane.start({ identities: [{ name: USER }] });
    const [port = 0, metricsPort = 0] = await freePorts(2);
    return new GitopsCluster(plane, new Replica(plane, 'webhook-1', port, metricsPort));
  }

  private constructor(plane: ControlPlane, webhook: Replica) {
    this.plane = plane;
    this.#webhook = webhook;
  }

  async stop(): Promise<void> {
    await this.#webhook.kill();
    await this.plane.stop();
  }

  /** Returns when the webhook has certificates and the API server, which learns of them a moment later, asks it. */
  async startWebhook(): Promise<void> {
    await this.#webhook.start();
    const probe = JSON.stringify(PROBE);
    await waitFor('the webhook to be asked', async () => {
      const { stderr } = await this.plane.kubectl(['create', '--dry-run=server', '-f', '-'], {
        input: probe,
      });
      return stderr.includes('TLV501');
    });
  }

  async stopWebhook(): Promise<void> {
    await this.#webhook.kill();
  }

  /** Renders as both tools do, by kustomize: a path below this repository, or the absolute one of a commit. */
  async render(path: string, overrides: Overrides = {}): Promise<KubeObject[]> {
    const folder = mkdtempSync(join(this.plane.directory, 'kustomize-'));
    const resources = [relative(folder, resolve(ROOT, path))];
    writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify({ resources, ...overrides }));
    const text = await this.kubectl(['kustomize', '--load-restrictor=LoadRestrictionsNone', folder]);
    return this.parse(text);
  }

  /** Objects of a stream of documents, read as kubectl does, but that webhooks are found where they run here. */
  parse(text: string): KubeObject[] {
    return parseAllDocuments(text, { version: '1.1', merge: true })
      .map((document) => document.toJS() as KubeObject | null)
      .filter((object) => object !== null)
      .map((object) => this.#reachable(object));
  }

  /** Objects as a file in somebody's repository would hold them; the file's path. */
  commit(objects: readonly object[]): string {
    const file = join(mkdtempSync(join(this.plane.directory, 'commit-')), 'manifests.yaml');
    writeFileSync(file, asYaml(objects));
    return file;
  }

  /** Runs a tool on objects; a list of JSON is what it reads. */
  async runTool(file: string, args: readonly string[], objects: readonly object[]): Promise<Outcome> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const env = { PATH: process.env['PATH'], HOME: this.plane.directory };
    return run(file, args, { input, env, timeoutMs: PROGRAM_TIMEOUT_MS });
  }

  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.plane.kubectl(args, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async read<T>(objects: string): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...objects.split(' '), '-o', 'json'])) as T;
  }

  /** Which version each of the objects is stored in: writing nothing leaves all of them as they are. */
  async versions(objects: readonly KubeObject[]): Promise<Record<string, string | undefined>> {
    const stored = await this.kubectl(
      ['get', '-f', '-', '-o', 'json'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    );
    const { items } = JSON.parse(stored) as { items: KubeObject[] };
    return Object.fromEntries(
      items.map(({ kind, metadata }) => [`${kind} ${metadata?.name}`, metadata?.resourceVersion]),
    );
  }

  /** The caBundle of every webhook; an empty text where there is none. */
  async caBundles(): Promise<string[]> {
    const { items } = await this.read<{ items: { webhooks: WebhookEntry[] }[] }>(
      'mutatingwebhookconfigurations,validatingwebhookconfigurations',
    );
    return items.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ''));
  }

  /** Configurations name a Service; here it is an address. */
  #reachable(object: KubeObject): KubeObject {
    if (!Array.isArray(object['webhooks'])) return object;
    const webhooks = object['webhooks'].map((webhook: WebhookEntry) => ({
      ...webhook,
      clientConfig: { url: `https://127.0.0.1:${this.#webhook.port}${webhook.clientConfig.service.path}` },
    }));
    return { ...object, webhooks };
  }
}
