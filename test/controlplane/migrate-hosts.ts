import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../offline/tlv.ts';
import { Component } from './component.ts';
import type { ControlPlane } from './control-plane.ts';
import { freePorts } from './ports.ts';
import { waitFor } from './wait.ts';

const SYSTEM = 't-local-volume-system';

interface HostsOptions {
  readonly plane: ControlPlane;
  /** The real one. */
  readonly kubectl: string;
  readonly folder: string;
  readonly nodes: readonly string[];
  readonly classes: string;
}

/**
 * The machines under the nodes that kwok plays, as far as a person sees them in a migration.
 *
 * - Each has files of its own at the same path as the others, by a mount namespace: what a volume's path leads to
 *   depends on the node, as it does in a cluster.
 * - `ssh` to a node, and `kubectl exec` into the agent's pod on it, run their command there.
 * - Agents are the real processes, each with the token of its pod.
 */
export class Hosts {
  /** Where every node has its files. */
  readonly disk: string;
  /** Below it: the root of the agents. */
  readonly root: string;
  /** Holds the commands that a person has. */
  readonly bin: string;
  readonly #options: HostsOptions;
  readonly #machines = new Map<string, ChildProcess>();
  readonly #agents = new Map<string, Component>();

  static async start(options: HostsOptions): Promise<Hosts> {
    const hosts = new Hosts(options);
    for (const node of options.nodes) await hosts.#boot(node);
    return hosts;
  }

  private constructor(options: HostsOptions) {
    this.#options = options;
    this.disk = join(options.folder, 'host');
    this.root = join(this.disk, 'usr/local/app/tars/host-mount');
    this.bin = join(options.folder, 'bin');
    mkdirSync(this.disk);
    mkdirSync(this.bin);
    symlinkSync(`${ROOT}bin/tlv`, join(this.bin, 'tlv'));
    const script = (name: string, text: string) =>
      writeFileSync(join(this.bin, name), `#!/bin/sh\nset -eu\n${text}`, { mode: 0o755 });
    script('ssh', this.#ssh());
    script('kubectl', this.#kubectl());
  }

  /** A file of a node, seen from outside. */
  file(node: string, path: string): string {
    if (!path.startsWith(`${this.disk}/`)) throw new Error(`${path} is not on the disk of a node`);
    return join(this.#folder(node), path.slice(this.disk.length));
  }

  /** What the kubelets do for the agents' pods. */
  async startAgents(): Promise<void> {
    await Promise.all(this.#options.nodes.map((node) => this.#startAgent(node)));
  }

  async stopAgents(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.kill('SIGTERM')));
    this.#agents.clear();
  }

  async stop(): Promise<void> {
    await this.stopAgents();
    for (const machine of this.#machines.values()) machine.kill('SIGKILL');
  }

  #folder = (node: string): string => join(this.#options.folder, 'nodes', node);

  async #boot(node: string): Promise<void> {
    const folder = this.#folder(node);
    mkdirSync(folder, { recursive: true });
    // It ends with the pipe, and so with this process.
    const boot = 'mount --bind "$0" "$1" && echo up && exec cat';
    const argv = ['--mount', '--propagation', 'private', 'sh', '-c', boot, folder, this.disk];
    const machine = spawn('unshare', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#machines.set(node, machine);
    const [first] = (await Promise.race([once(machine.stdout, 'data'), once(machine, 'close')])) as unknown[];
    if (String(first) !== 'up\n') throw new Error(`the machine of ${node} did not start`);
    machine.unref();
    writeFileSync(`${folder}.pid`, String(machine.pid));
  }

  async #startAgent(node: string): Promise<void> {
    const { classes, folder } = this.#options;
    await this.#giveToken(node);
    // DirectoryOrCreate, says the DaemonSet.
    mkdirSync(this.file(node, this.root), { recursive: true });
    const directory = join(folder, 'agents', node);
    mkdirSync(directory, { recursive: true });
    const [port = 0] = await freePorts(1);
    const agent = new Component({
      name: 'agent',
      file: 'nsenter',
      args: [
        '--mount',
        `--target=${this.#machines.get(node)?.pid}`,
        '--',
        `${ROOT}bin/tlv`,
        'agent',
        `--node-name=${node}`,
        `--root=${this.root}`,
        `--kubeconfig=${this.#folder(node)}.kubeconfig`,
        `--classes=${classes}`,
        `--metrics-port=${port}`,
        '--bind-address=127.0.0.1',
        '--reserve=1%',
      ],
      directory,
      // Ready it is with its pool only, which may be for a person to say.
      ready: async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok,
    });
    this.#agents.set(node, agent);
    await agent.start();
  }

  /** As the kubelet of that node gets it for the agent's pod. */
  async #giveToken(node: string): Promise<void> {
    const pod = await waitFor(`the agent of ${node} to run`, async () => {
      const path = `/api/v1/namespaces/${SYSTEM}/pods?labelSelector=app.kubernetes.io/component=agent`;
      const { body } = await this.#options.plane.api<Pods>('GET', path);
      return body.items.find(({ spec, status }) => spec.nodeName === node && status.phase === 'Running');
    });
    const bound = ['Pod', pod.metadata.name, pod.metadata.uid];
    const flags = ['kind', 'name', 'uid'].map((what, index) => `--bound-object-${what}=${bound[index]}`);
    const token = await this.#admin('-n', SYSTEM, 'create', 'token', 't-local-volume-agent', ...flags);
    const config = JSON.parse(await this.#admin('config', 'view', '--raw', '-o', 'json')) as {
      users: { user: object }[];
    };
    config.users[0]!.user = { token: token.trim() };
    writeFileSync(`${this.#folder(node)}.kubeconfig`, JSON.stringify(config), { mode: 0o600 });
  }

  async #admin(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#options.plane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  #enter(node: string): string {
    return `nsenter --mount --target "$(cat '${this.#options.folder}/nodes/'${node}.pid)" --`;
  }

  /** `ssh -n root@NODE COMMAND...`, which the shell over there reads as one line. */
  #ssh(): string {
    return `[ "$1" = -n ] || { echo 'ssh: it would read the commands that follow' >&2; exit 2; }
node=\${2#root@}
shift 2
exec ${this.#enter('"$node"')} sh -c "$*"
`;
  }

  /** `kubectl -n NAMESPACE exec POD -- COMMAND...` is the kubelet's; everything else is kubectl's own. */
  #kubectl(): string {
    const { kubectl, folder } = this.#options;
    const env = `KUBECONFIG='${folder}/nodes/'"$node".kubeconfig TLV_NODE_NAME="$node" TLV_ROOT='${this.root}'`;
    return `if [ "$1" = -n ] && [ "\${3-}" = exec ]; then
  node=$('${kubectl}' -n "$2" get "$4" -o 'jsonpath={.spec.nodeName}')
  shift 5
  exec ${this.#enter('"$node"')} env ${env} "$@"
fi
exec '${kubectl}' "$@"
`;
  }
}

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly uid: string };
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly phase: string };
  }[];
}
