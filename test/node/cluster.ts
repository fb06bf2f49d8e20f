import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thisPlatform } from '../../scripts/image/platform.ts';
import { type Binaries, ensureBinaries, NODE } from '../controlplane/binaries.ts';
import { Component } from '../controlplane/component.ts';
import { ControlPlane } from '../controlplane/control-plane.ts';
import { isServing } from '../controlplane/api.ts';
import { isReady, type NodeView } from '../controlplane/nodes.ts';
import { waitFor } from '../controlplane/wait.ts';
import { CONTROL_PLANE_ADDRESS, makeBridge, removeBridge } from './network.ts';
import { WorkerNode } from './node.ts';
import { layOutPrograms } from './programs.ts';
import { kubeProxyCommand, nodeCommands, nodeFiles } from './recipes.ts';

const KUBE_PROXY = 'system:kube-proxy';
const kubeletName = (number: number): string => `system:node:node-${number}`;

interface ClusterOptions {
  readonly nodes?: number;
  /** Archives of the images that pods run from. */
  readonly images: readonly string[];
}

/**
 * A whole cluster on this machine: the control plane as ever, and nodes with kubelet, containerd, runc and kube-proxy
 * that run pods for real. It takes root, and namespaces that the tests have for themselves: isolated.sh.
 */
export class Cluster {
  readonly plane: ControlPlane;
  readonly nodes: WorkerNode[] = [];
  readonly #folder: string;
  readonly #programs: string;
  #serviceProxy: Component | undefined;

  private constructor(plane: ControlPlane) {
    this.plane = plane;
    this.#folder = mkdtempSync(join(tmpdir(), 'cluster-'));
    this.#programs = join(this.#folder, 'programs');
  }

  /** Starts everything and returns when all nodes are Ready. */
  static async start({ nodes = 2, images }: ClusterOptions): Promise<Cluster> {
    const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
    await makeBridge();
    const plane = await ControlPlane.start({
      components: ['kube-controller-manager', 'kube-scheduler'],
      identities: [
        { name: KUBE_PROXY },
        ...numbers.map((number) => ({ name: kubeletName(number), groups: ['system:nodes'] })),
      ],
      apiserverFlags: [
        '--enable-admission-plugins=NodeRestriction',
        '--kubelet-preferred-address-types=InternalIP',
      ],
      address: CONTROL_PLANE_ADDRESS,
    });
    const cluster = new Cluster(plane);
    try {
      await layOutPrograms(cluster.#programs);
      const binaries = await ensureBinaries(NODE);
      await cluster.#startServiceProxy(binaries['kube-proxy']);
      await Promise.all(numbers.map((number) => cluster.#addNode(number, binaries, images)));
      cluster.nodes.sort((one, other) => one.name.localeCompare(other.name));
      await Promise.all(cluster.nodes.map((node) => cluster.ready(node)));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.destroy()));
    await this.#serviceProxy?.kill();
    await this.plane.stop();
    await removeBridge();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Waits until the node is Ready. */
  async ready(node: WorkerNode): Promise<void> {
    await waitFor(
      `node ${node.name} to be Ready`,
      async () => {
        const { body } = await this.plane.api<NodeView>('GET', `/api/v1/nodes/${node.name}`);
        return isReady(body);
      },
      { timeoutMs: 120_000 },
    );
  }

  /** Runs kubectl and expects it to succeed. */
  async kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.plane.kubectl(args, { timeoutMs: 300_000 });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async #addNode(
    number: number,
    binaries: Binaries<(typeof NODE)[number]>,
    images: readonly string[],
  ): Promise<void> {
    const kubeconfig = (identity: string): string => readFileSync(this.plane.kubeconfig(identity), 'utf8');
    const site = {
      number,
      kubelet: binaries.kubelet,
      kubeProxy: binaries['kube-proxy'],
      kubeletConfig: kubeconfig(kubeletName(number)),
      kubeProxyConfig: kubeconfig(KUBE_PROXY),
    };
    const node = await WorkerNode.create({
      number,
      folder: join(this.#folder, `node-${number}`),
      programs: this.#programs,
      files: nodeFiles(site),
      commands: nodeCommands(site),
    });
    this.nodes.push(node);
    await node.powerOn();
    for (const image of images) await node.importImage(image);
  }

  /** The API server calls webhooks by their Services, so there has to be a kube-proxy where it runs. */
  async #startServiceProxy(program: string): Promise<void> {
    const name = 'control-plane';
    // It asks for the addresses of its node. Nothing runs there: the node has no label of an operating system.
    await this.plane.api('POST', '/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      spec: { unschedulable: true },
      status: { addresses: [{ type: 'InternalIP', address: CONTROL_PLANE_ADDRESS }] },
    });
    const directory = join(this.#folder, name);
    mkdirSync(directory);
    this.#serviceProxy = new Component({
      name: 'kube-proxy',
      file: 'env',
      args: [
        `PATH=${this.#programs}/usr/sbin:${process.env['PATH']}`,
        `LD_LIBRARY_PATH=${this.#programs}/usr/lib/${thisPlatform().multiarch}`,
        ...kubeProxyCommand(program, this.plane.kubeconfig(KUBE_PROXY), name).split(' '),
      ],
      directory,
      ready: () => isServing('http://127.0.0.1:10256/livez'),
    });
    await this.#serviceProxy.start();
  }
}
