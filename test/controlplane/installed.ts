import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../offline/tlv.ts';
import { spawnSupervised } from './component.ts';
import { ControlPlane, EVERYTHING, type ControlPlaneOptions } from './control-plane.ts';
import { crdsEstablished } from './crds.ts';
import { STATEFUL_SETS } from './paths.ts';
import { waitFor } from './wait.ts';

/** The product as an operator installs it, but for its pods: the webhook runs as a process beside the tests. */

type Manifest = Record<string, unknown> & { readonly kind: string };

export interface InstallOptions {
  readonly overlay?: string;
  /** Kinds of the overlay that are left out. */
  readonly without?: readonly string[];
  /** A CRD that somebody else has installed: ours stays away, as docs/install.md says. */
  readonly crd?: object;
  /** What was stored before the product came. */
  readonly stored?: readonly object[];
  readonly plane?: ControlPlaneOptions;
}

/**
 * What runs in a cluster only: here there are no nodes that could run it. Without agents nobody says how much room there
 * is, so the scheduler must not be told to ask (CSIDriver).
 */
export const NEEDS_NODES: readonly string[] = [
  'CSIDriver',
  'DaemonSet',
  'Deployment',
  'PodDisruptionBudget',
  'NetworkPolicy',
  'Service',
];

export class Installed {
  readonly plane: ControlPlane;
  readonly #options: InstallOptions;
  readonly #folder: string;
  #webhook: WebhookProcess | undefined;

  private constructor(plane: ControlPlane, options: InstallOptions) {
    this.plane = plane;
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), 'tlv-webhook-'));
  }

  static async start(options: InstallOptions = {}): Promise<Installed> {
    const plane = await ControlPlane.start({ components: EVERYTHING, ...options.plane });
    const installed = new Installed(plane, options);
    try {
      await installed.#prepare(options);
      await installed.startWebhook();
      await installed.applyOverlay();
      if (!options.without?.includes('MutatingWebhookConfiguration')) await installed.waitUntilAsked();
      return installed;
    } catch (error) {
      await installed.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#webhook?.stop();
    await this.plane.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** `kubectl apply -k` of the overlay, as far as it needs no nodes: also to put back what was deleted. */
  async applyOverlay(): Promise<void> {
    const { overlay = 'on-demand', without = [] } = this.#options;
    const built = await this.kubectl('kustomize', `${ROOT}deploy/overlays/${overlay}`);
    const manifests = parseAllDocuments(built).map((document) => document.toJS() as Manifest);
    const wanted = manifests.filter(({ kind }) => ![...NEEDS_NODES, ...without].includes(kind));
    await this.apply(wanted.map((manifest) => this.#reachable(manifest)));
  }

  /** The API server takes a moment to learn of new configurations. */
  async waitUntilAsked(): Promise<void> {
    const labels = { app: 'probe' };
    const probe = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'probe', labels: { 'local.tars.io/tserver': 'required' } },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'probe', image: 'probe' }] } },
      },
    };
    const path = `${STATEFUL_SETS}?dryRun=All`;
    await waitFor('the webhook to be asked', async () => {
      const { status, body } = await this.plane.api('POST', path, probe);
      return status === 422 && String(body['message']).includes('local.tars.io/tserver');
    });
  }

  async #prepare({ crd, stored = [] }: InstallOptions): Promise<void> {
    if (crd) await this.apply([crd]);
    else await this.kubectl('apply', '-f', `${ROOT}deploy/crd/tservers.k8s.tars.io.yaml`);
    if (stored.length === 0) return;
    await crdsEstablished(this.plane);
    await this.apply(stored);
  }

  /** Runs kubectl and expects it to succeed. */
  async kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.plane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** `kubectl apply` of objects that have to be accepted. */
  async apply(objects: readonly object[]): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const { code, stderr } = await this.plane.kubectl(['apply', '-f', '-'], { input });
    if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
  }

  /** The port stays the same, because the configurations name it. */
  async startWebhook(port = this.#webhook?.port ?? 0, more: readonly string[] = []): Promise<void> {
    const { tls } = this.plane;
    const certFile = join(this.#folder, 'tls.crt');
    const keyFile = join(this.#folder, 'tls.key');
    writeFileSync(certFile, tls.cert);
    writeFileSync(keyFile, tls.key);
    this.#webhook = await WebhookProcess.start(this.#folder, [
      `--port=${port}`,
      '--metrics-port=0',
      '--bind-address=127.0.0.1',
      `--tls-cert-file=${certFile}`,
      `--tls-private-key-file=${keyFile}`,
      '--shutdown-delay=0',
      `--kubeconfig=${this.plane.kubeconfig()}`,
      ...more,
    ]);
  }

  async stopWebhook(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#webhook?.stop(signal);
  }

  /** Configurations name a Service; here the webhook is reached by its address. */
  #reachable(manifest: Manifest): Manifest {
    if (!Array.isArray(manifest.webhooks)) return manifest;
    const { caBundle } = this.plane.tls;
    const port = this.#webhook?.port ?? 0;
    return {
      ...manifest,
      webhooks: manifest.webhooks.map((webhook: { clientConfig: { service: { path: string } } }) => ({
        ...webhook,
        clientConfig: { url: `https://127.0.0.1:${port}${webhook.clientConfig.service.path}`, caBundle },
      })),
    };
  }
}

/** The real `bin/tlv webhook`; it does not outlive this process, however that ends. */
class WebhookProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** @param folder - goes with it when this process dies first. */
  static async start(folder: string, args: readonly string[]): Promise<WebhookProcess> {
    const child = spawnSupervised(folder, [`${ROOT}bin/tlv`, 'webhook', ...args], {
      output: ['ignore', 'pipe'],
    });
    const said: string[] = [];
    const port = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => reject(new Error(`tlv webhook ended with ${code}: ${said.join('\n')}`)));
      createInterface({ input: child.stderr! }).on('line', (line) => {
        said.push(line);
        const entry = line.startsWith('{') ? (JSON.parse(line) as { msg: string; port?: number }) : undefined;
        if (entry?.msg === 'listening' && entry.port) resolve(entry.port);
      });
    });
    const webhook = new WebhookProcess(child, port);
    await waitFor('the webhook to be ready', () => webhook.isReady());
    return webhook;
  }

  async isReady(): Promise<boolean> {
    const { request } = await import('node:https');
    return new Promise((resolve) => {
      const options = { host: '127.0.0.1', port: this.port, path: '/readyz', rejectUnauthorized: false };
      request(options, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      })
        .on('error', () => resolve(false))
        .end();
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = new Promise((resolve) => {
      this.#child.once('close', resolve);
    });
    this.#child.kill(signal);
    await closed;
  }
}
