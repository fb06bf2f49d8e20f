import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Outcome, run, succeed } from '../controlplane/run.ts';
import { waitFor } from '../controlplane/wait.ts';
import { makeGroups, removeGroups } from './groups.ts';
import { connect, nodeAddress } from './network.ts';

const INIT = join(import.meta.dirname, 'node-init.sh');
const LOG_LINES = 20;
/** Of a process in these groups, and no further: what is above them is not seen from within. */
const ENTER_GROUPS = 'for group in $NODE_GROUPS; do echo $$ >"$group/cgroup.procs"; done; exec unshare "$@"';
const NEW_NAMESPACES = ['--cgroup', '--mount', '--net', '--pid', '--uts', '--ipc', '--fork', '--kill-child'];

/** What runs on a node beside the pods. */
const COMPONENTS = ['containerd', 'kubelet', 'kube-proxy'] as const;
export type NodeComponent = (typeof COMPONENTS)[number];

interface NodeSpec {
  readonly number: number;
  /** An empty folder, on which the node's disk is mounted. */
  readonly folder: string;
  /** What is laid over this machine's root directory. */
  readonly programs: string;
  /** Files of the node: path to text. */
  readonly files: Readonly<Record<string, string>>;
  /** Words only: nothing is quoted. */
  readonly commands: Readonly<Record<NodeComponent, string>>;
}

/**
 * A node with a disk, an address and processes of its own: node-init.sh says how it is parted from this machine.
 *
 * - `powerOff` leaves what a power failure leaves: the disk.
 * - It never outlives this process, for its first process reads from a pipe of ours.
 */
export class WorkerNode {
  readonly name: string;
  readonly address: string;
  readonly #spec: NodeSpec;
  #machine: { readonly child: ChildProcess; readonly init: number; readonly off: Promise<void> } | undefined;

  private constructor(spec: NodeSpec) {
    this.#spec = spec;
    this.name = `node-${spec.number}`;
    this.address = nodeAddress(spec.number);
  }

  /** Makes the disk, empty; the node is off. */
  static async create(spec: NodeSpec): Promise<WorkerNode> {
    const image = `${spec.folder}.img`;
    mkdirSync(spec.folder, { recursive: true });
    // Sparse: it takes what is written to it.
    await succeed('truncate', '-s', '16G', image);
    await succeed('mke2fs', '-q', '-t', 'ext4', image);
    await succeed('mount', '-o', 'loop', image, spec.folder);
    // It lives on while it is mounted, and goes with us however we end.
    rmSync(image);
    const root = join(spec.folder, 'upper');
    await succeed('cp', '-a', spec.programs, root);
    for (const [path, text] of Object.entries(spec.files)) write(join(root, path), text);
    return new WorkerNode(spec);
  }

  /** Where the node's pool is seen from outside, whether the node runs or not. */
  get pool(): string {
    return join(this.#spec.folder, 'pool');
  }

  /** Boots it, and returns when all its components answer. */
  async powerOn(): Promise<void> {
    const { folder, number } = this.#spec;
    const log = join(folder, 'log');
    mkdirSync(log, { recursive: true });
    const output = openSync(join(log, 'init'), 'a');
    const groups = makeGroups(this.#group);
    const child = spawn(
      'sh',
      ['-c', ENTER_GROUPS, '-', ...NEW_NAMESPACES, 'bash', INIT, folder, this.name, ...groups],
      { env: { ...process.env, NODE_GROUPS: groups.join(' ') }, stdio: ['pipe', output, output] },
    );
    closeSync(output);
    const { promise: off, resolve } = Promise.withResolvers<void>();
    child.once('close', () => resolve());
    child.stdin?.on('error', () => undefined);
    const init = await waitFor(`${this.name} to have a first process`, () => childOf(child.pid ?? 0));
    this.#machine = { child, init, off };
    await connect(number, init);
    for (const component of COMPONENTS) await this.start(component);
  }

  /** As a power failure: every process is gone at once, with all it held in memory. */
  async powerOff(): Promise<void> {
    if (!this.#machine) return;
    process.kill(this.#machine.init, 'SIGKILL');
    await this.#machine.off;
    this.#machine = undefined;
    // They are the kernel's, and outlive a node that shares it.
    await waitFor(`control groups of ${this.name} to be gone`, () => removeGroups(this.#group));
  }

  /** Powers it off and throws its disk away. */
  async destroy(): Promise<void> {
    await this.powerOff();
    await run('umount', [this.#spec.folder]);
  }

  /** Starts a component and waits until it answers. */
  async start(component: NodeComponent): Promise<void> {
    this.#tell(`start ${component} ${this.#spec.commands[component]}`);
    try {
      await waitFor(`${component} of ${this.name} to answer`, () => this.#answers(component), {
        timeoutMs: 60_000,
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${why}\n${this.#lastLines(component)}`, { cause: error });
    }
  }

  /** Kills a component, by SIGKILL. */
  async kill(component: NodeComponent): Promise<void> {
    this.#tell(`kill ${component}`);
    await waitFor(`${component} of ${this.name} to be gone`, async () => !(await this.#answers(component)));
  }

  /** Runs a program on the node, as root. */
  async run(command: string, ...args: string[]): Promise<Outcome> {
    return run('nsenter', [`--target=${this.#init}`, '--all', '--wd=/', command, ...args]);
  }

  /** Makes the images in an archive of this machine known to the node's container runtime. */
  async importImage(archive: string): Promise<void> {
    const enter = `nsenter --target=${this.#init} --all --wd=/ ctr --namespace=k8s.io images import - <"$1"`;
    const { code, stderr } = await run('sh', ['-c', enter, '-', archive], { timeoutMs: 300_000 });
    if (code !== 0) throw new Error(`${archive} could not be imported: ${stderr.trim()}`);
  }

  async #answers(component: NodeComponent): Promise<boolean> {
    const checks: Readonly<Record<NodeComponent, readonly string[]>> = {
      containerd: ['ctr', 'version'],
      kubelet: ['busybox', 'wget', '-q', '-O-', 'http://127.0.0.1:10248/healthz'],
      'kube-proxy': ['busybox', 'wget', '-q', '-O-', 'http://127.0.0.1:10256/livez'],
    };
    const [command = '', ...args] = checks[component];
    return (await this.run(command, ...args)).code === 0;
  }

  get #group(): string {
    return `${basename(dirname(this.#spec.folder))}-${this.name}`;
  }

  get #init(): number {
    if (!this.#machine) throw new Error(`${this.name} is powered off`);
    return this.#machine.init;
  }

  #tell(line: string): void {
    this.#machine?.child.stdin?.write(`${line}\n`);
  }

  #lastLines(component: NodeComponent): string {
    const lines = readFileSync(join(this.#spec.folder, 'log', component), 'utf8')
      .trimEnd()
      .split('\n');
    return lines
      .slice(-LOG_LINES)
      .map((line) => `  | ${line}`)
      .join('\n');
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The first child of a process, once it has one. */
function childOf(pid: number): number | undefined {
  const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return Number(first) || undefined;
}
