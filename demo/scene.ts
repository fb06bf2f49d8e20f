import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
// The test control plane has what a demo on a real one needs.
import { isServing } from '../test/controlplane/api.ts';
import { CONTROL_PLANE, ensureBinaries } from '../test/controlplane/binaries.ts';
import { Component } from '../test/controlplane/component.ts';
import { ControlPlane, EVERYTHING } from '../test/controlplane/control-plane.ts';
import { freePorts } from '../test/controlplane/ports.ts';
import { Progress } from '../scripts/progress.ts';
import { waitFor } from '../test/controlplane/wait.ts';
import { ROOT } from './step.ts';

const NODES = ['node-1', 'node-2', 'node-3'];
const TSERVERS = '/apis/k8s.tars.io/v1beta3/tservers';
/** Those of the examples. */
const NAMESPACES = ['redis', 'shop'];
const SYSTEM = 't-local-volume-system';
const AGENT = 't-local-volume-agent';
/** The webhook goes by its service account, so that it has the rights of deploy/ and no others. */
const ACCOUNT = {
  name: `system:serviceaccount:${SYSTEM}:t-local-volume-webhook`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${SYSTEM}`],
};
/**
 * Played nodes run no real pods: the webhook runs as a process beside them, and is called by its address. So do the
 * agents, for pods of the DaemonSet that are there, but empty.
 */
const NEEDS_REAL_NODES = new Set(['Deployment', 'PodDisruptionBudget', 'NetworkPolicy', 'Service']);

interface Manifest {
  readonly kind: string;
  readonly webhooks?: readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[];
}

/** A control plane with three nodes, and the product installed as docs/install.md says. */
export class Scene {
  readonly kubeconfig: string;
  /** The folder with `kubectl` and `tlv`. */
  readonly bin: string;
  readonly #plane: ControlPlane;
  readonly #webhook: Component;
  readonly #agents: Component[] = [];

  private constructor(plane: ControlPlane, kubectl: string, port: number) {
    this.#plane = plane;
    this.kubeconfig = plane.kubeconfig();
    this.bin = join(plane.directory, 'bin');
    mkdirSync(this.bin);
    symlinkSync(kubectl, join(this.bin, 'kubectl'));
    symlinkSync(`${ROOT}bin/tlv`, join(this.bin, 'tlv'));
    this.#webhook = new Component({
      name: 'webhook',
      file: `${ROOT}bin/tlv`,
      args: [
        'webhook',
        `--port=${port}`,
        '--metrics-port=0',
        '--bind-address=127.0.0.1',
        '--self-managed-certs',
        '--extra-name=127.0.0.1',
        `--kubeconfig=${plane.kubeconfig(ACCOUNT.name)}`,
      ],
      directory: plane.directory,
      ready: () => isServing(`https://127.0.0.1:${port}/readyz`),
    });
  }

  /** Builds what has to be built, starts everything, and tells how far it is. */
  static async open(say: (line: string) => void): Promise<Scene> {
    const { kubectl } = await ensureBinaries(CONTROL_PLANE, { say });
    const progress = new Progress('demo', 'expected 10 to 30 s', say);
    try {
      progress.stage('starting etcd, API server, controllers, scheduler and nodes');
      const plane = await ControlPlane.start({ components: EVERYTHING, identities: [ACCOUNT] });
      try {
        const [port = 0] = await freePorts(1);
        const scene = new Scene(plane, kubectl, port);
        await Promise.all([plane.addNodes(NODES), scene.#install(port, progress)]);
        progress.stage('starting an agent for each node');
        await Promise.all(NODES.map((node) => scene.#startAgent(node)));
        return scene;
      } catch (error) {
        await plane.stop();
        throw error;
      }
    } finally {
      progress.end();
    }
  }

  /** In place of the disks of the nodes: a directory for each. */
  get #nodes(): string {
    return join(this.#plane.directory, 'nodes');
  }

  /** What commands of the story find: nothing of the caller's but where programs are. */
  get env(): NodeJS.ProcessEnv {
    return {
      PATH: `${this.bin}:${process.env['PATH']}`,
      HOME: this.#plane.directory,
      KUBECONFIG: this.kubeconfig,
      NODES: this.#nodes,
    };
  }

  /** Ends every process and removes the directory. */
  async close(): Promise<void> {
    await Promise.all([this.#webhook, ...this.#agents].map((component) => component.kill()));
    await this.#plane.stop();
  }

  async #install(port: number, progress: Progress): Promise<void> {
    progress.stage('installing CRD, policies and webhook');
    await this.#kubectl(['apply', '-f', `${ROOT}deploy/crd`]);
    await waitFor(
      'TServers to be served',
      async () => (await this.#plane.api('GET', TSERVERS)).status === 200,
    );
    const overlay = await this.#kubectl(['kustomize', `${ROOT}deploy/overlays/on-demand`]);
    const items = parseAllDocuments(overlay)
      .map((document): Manifest => document.toJS())
      .filter(({ kind }) => !NEEDS_REAL_NODES.has(kind))
      .map((manifest) => calledAt(`https://127.0.0.1:${port}`, manifest));
    await this.#kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    for (const name of NAMESPACES) await this.#kubectl(['create', 'namespace', name]);
    await this.#webhook.start();
    await waitFor('the API server to call the webhook', () => this.#isCalled());
  }

  /** The agent of a node, with the token that its kubelet would have given to its pod. */
  async #startAgent(node: string): Promise<void> {
    const root = join(this.#nodes, node);
    mkdirSync(root, { recursive: true });
    const pod = await waitFor(`the agent's pod on ${node}`, () => this.#podOn(node));
    const bound = [`--bound-object-kind=Pod`, `--bound-object-name=${pod}`, '--duration=24h'];
    const token = await this.#kubectl(['-n', SYSTEM, 'create', 'token', AGENT, ...bound]);
    const [port = 0] = await freePorts(1);
    const agent = new Component({
      name: `agent-${node}`,
      file: `${ROOT}bin/tlv`,
      args: [
        'agent',
        `--node-name=${node}`,
        `--root=${root}`,
        '--reserve=1%',
        `--metrics-port=${port}`,
        '--bind-address=127.0.0.1',
        `--kubeconfig=${this.#kubeconfigOf(node, token.trim())}`,
      ],
      directory: this.#plane.directory,
      ready: () => isServing(`http://127.0.0.1:${port}/readyz`),
    });
    this.#agents.push(agent);
    await agent.start();
  }

  async #podOn(node: string): Promise<string | undefined> {
    const fields = ['--field-selector', `spec.nodeName=${node},status.phase=Running`];
    const names = ['-l', 'app.kubernetes.io/component=agent', '-o', 'jsonpath={.items[*].metadata.name}'];
    return (await this.#kubectl(['-n', SYSTEM, 'get', 'pods', ...fields, ...names])) || undefined;
  }

  #kubeconfigOf(node: string, token: string): string {
    const config: { users: { user: object }[] } = JSON.parse(readFileSync(this.kubeconfig, 'utf8'));
    for (const user of config.users) user.user = { token };
    const file = join(this.#plane.directory, `agent-${node}.kubeconfig`);
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  /** The API server hears of a configuration, and of the authority in it, a moment after they are written. */
  async #isCalled(): Promise<boolean> {
    const labels = { app: 'trial' };
    const spec = { storageClassName: 't-storage-class', accessModes: ['ReadWriteOnce'] };
    const trial = {
      metadata: { name: 'trial' },
      spec: {
        serviceName: 'trial',
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'trial', image: 'trial' }] } },
        volumeClaimTemplates: [
          { metadata: { name: 'data' }, spec: { ...spec, resources: { requests: { storage: '1G' } } } },
        ],
      },
    };
    const path = '/apis/apps/v1/namespaces/default/statefulsets?dryRun=All';
    const { status, body } = await this.#plane.api('POST', path, trial);
    return status === 201 && JSON.stringify(body).includes('tars.io/LocalVolume');
  }

  async #kubectl(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.#plane.kubectl(args, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}

/** Without a caBundle: to put that in is the webhook's own work. */
function calledAt(url: string, manifest: Manifest): object {
  if (manifest.webhooks === undefined) return manifest;
  const webhooks = manifest.webhooks.map((webhook) => ({
    ...webhook,
    clientConfig: { url: `${url}${webhook.clientConfig.service.path}` },
  }));
  return { ...manifest, webhooks };
}
