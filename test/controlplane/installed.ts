import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../offline/tlv.ts';
import { isServing } from './api.ts';
import { ControlPlane, EVERYTHING, type ControlPlaneOptions } from './control-plane.ts';
import { crdsEstablished } from './crds.ts';
import { STATEFUL_SETS } from './paths.ts';
import { TlvProcess } from './tlv-process.ts';
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
  #webhook: TlvProcess | undefined;
  #port = 0;

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
  async startWebhook(wantedPort = this.#port, more: readonly string[] = []): Promise<void> {
    const { tls } = this.plane;
    const certFile = join(this.#folder, 'tls.crt');
    const keyFile = join(this.#folder, 'tls.key');
    writeFileSync(certFile, tls.cert);
    writeFileSync(keyFile, tls.key);
    this.#webhook = new TlvProcess(this.#folder, 'webhook', [
      `--port=${wantedPort}`,
      '--metrics-port=0',
      '--bind-address=127.0.0.1',
      `--tls-cert-file=${certFile}`,
      `--tls-private-key-file=${keyFile}`,
      '--shutdown-delay=0',
      `--kubeconfig=${this.plane.kubeconfig()}`,
      ...more,
    ]);
    const { port = 0 } = await this.#webhook.listening();
    this.#port = port;
    await waitFor('the webhook to be ready', () => isServing(`https://127.0.0.1:${port}/readyz`));
  }

  async stopWebhook(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#webhook?.stop(signal);
  }

  /** Configurations name a Service; here the webhook is reached by its address. */
  #reachable(manifest: Manifest): Manifest {
    if (!Array.isArray(manifest.webhooks)) return manifest;
    const { caBundle } = this.plane.tls;
    return {
      ...manifest,
      webhooks: manifest.webhooks.map((webhook: { clientConfig: { service: { path: string } } }) => ({
        ...webhook,
        clientConfig: {
          url: `https://127.0.0.1:${this.#port}${webhook.clientConfig.service.path}`,
          caBundle,
        },
      })),
    };
  }
}
