import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../test/offline/tlv.ts';
import type { ControlPlane } from '../../test/controlplane/control-plane.ts';
import { crdsEstablished } from '../../test/controlplane/crds.ts';
import { tserver } from '../../test/controlplane/load.ts';
import { TSERVERS } from '../../test/controlplane/paths.ts';
import { freePorts } from '../../test/controlplane/ports.ts';
import { waitFor } from '../../test/controlplane/wait.ts';
import { inBatches } from '../in-batches.ts';
import { MeasuredProcess } from '../processes/measured-process.ts';
import type { Shipped } from '../processes/shipped.ts';

const MERGE = 'application/merge-patch+json';

/** The shipped webhook, and the TServers that it follows. */
export class WebhookUnderWatch {
  readonly process: MeasuredProcess;
  readonly #plane: ControlPlane;
  readonly #folder: string;
  readonly #metricsPort: number;

  static async start(plane: ControlPlane, shipped: Shipped): Promise<WebhookUnderWatch> {
    await plane.kubectl(['apply', '-f', `${ROOT}deploy/crd/tservers.k8s.tars.io.yaml`]);
    await crdsEstablished(plane);
    const folder = mkdtempSync(join(tmpdir(), 'tlv-memory-'));
    const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    writeFileSync(certFile, plane.tls.cert);
    writeFileSync(keyFile, plane.tls.key);
    const [port = 0, metricsPort = 0] = await freePorts(2);
    const process = await MeasuredProcess.start({
      name: 'the webhook',
      argv: shipped.argv(
        'webhook',
        `--port=${port}`,
        `--metrics-port=${metricsPort}`,
        '--bind-address=127.0.0.1',
        `--tls-cert-file=${certFile}`,
        `--tls-private-key-file=${keyFile}`,
        `--kubeconfig=${plane.kubeconfig()}`,
        '--shutdown-delay=0',
      ),
      env: shipped.env,
      readyUrl: `https://127.0.0.1:${port}/readyz`,
    });
    return new WebhookUnderWatch(process, { plane, folder, metricsPort });
  }

  private constructor(
    process: MeasuredProcess,
    parts: { readonly plane: ControlPlane; readonly folder: string; readonly metricsPort: number },
  ) {
    this.process = process;
    this.#plane = parts.plane;
    this.#folder = parts.folder;
    this.#metricsPort = parts.metricsPort;
  }

  /** Returns when it knows all of them. */
  async makeTServers(count: number): Promise<void> {
    await inBatches(namesOf(count), async (name) => {
      const { status, body } = await this.#plane.api('POST', TSERVERS, tserver(name));
      if (status !== 201) throw new Error(`TServer ${name}: ${status} ${JSON.stringify(body)}`);
    });
    await waitFor(`${count} TServers to be known`, async () => {
      const response = await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`);
      return (await response.text()).includes(`\ntlv_tserver_cache_size ${count}\n`);
    });
  }

  /** Each TServer is written once more. */
  async touchTServers(count: number, round: number): Promise<void> {
    await inBatches(namesOf(count), (name) =>
      this.#plane.api(
        'PATCH',
        `${TSERVERS}/tars-${name}`,
        { metadata: { annotations: { round: String(round) } } },
        MERGE,
      ),
    );
  }

  async stop(): Promise<void> {
    await this.process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `s${index}`);
