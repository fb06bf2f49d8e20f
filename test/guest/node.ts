import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../../scripts/image/bundle.ts';
import type { ControlPlane } from '../controlplane/control-plane.ts';
import { storagePrograms } from '../storage/programs.ts';
import { Guest, HOST } from './guest.ts';

/** What a guest's disks are for, in this order. */
const DISKS = { pool: '/dev/vda', volumeGroup: '/dev/vdb' } as const;
const POOL = '/pool';

/** The name of the volume group on the node's second disk. */
export const VOLUME_GROUP = 'volumes';

/**
 * A node whose agent runs in a guest: the agent as it is shipped, with a kernel, disks and mounts of its own, at a
 * control plane of this machine.
 */
export class GuestNode {
  readonly guest: Guest;
  readonly #name: string;
  readonly #environment: Readonly<Record<string, string>>;
  #agent: Promise<unknown> | undefined;
  #starts = 0;

  /** Boots it and makes its filesystems; nothing is mounted, and no agent runs. */
  static async boot(name: string, plane: ControlPlane, classes: readonly string[]): Promise<GuestNode> {
    const { path, environment } = await storagePrograms();
    const guest = await Guest.boot({ disks: ['8G', '1G'] });
    const served = ['t-storage-class', ...classes].map((one) => `${one}=on-demand:enforced`).join(',');
    const node = new GuestNode(guest, name, { ...environment, PATH: path, TLV_CLASSES: served });
    try {
      await node.#install(plane);
      await node.sh(`mkfs.xfs -q ${DISKS.pool} && lvm vgcreate -q ${VOLUME_GROUP} ${DISKS.volumeGroup}`);
    } catch (error) {
      await guest.stop();
      throw error;
    }
    return node;
  }

  private constructor(guest: Guest, name: string, environment: Readonly<Record<string, string>>) {
    this.guest = guest;
    this.#name = name;
    this.#environment = environment;
  }

  async stop(): Promise<void> {
    await this.guest.stop();
    await this.#agent;
  }

  /** Cuts its power and boots it again, as `boot` left it. */
  async reset(): Promise<void> {
    await this.guest.reset();
    await this.#agent;
  }

  /** What its operator has in fstab. */
  async mountPool(): Promise<void> {
    await this.sh(`mkdir -p ${POOL} && mount -o prjquota ${DISKS.pool} ${POOL}`);
  }

  /** Whether it has anything to do yet or not. */
  async startAgent(): Promise<void> {
    await this.sh(`mkdir -p ${POOL}`);
    this.#starts++;
    const command = [
      `exec "${process.execPath}" /guest/tlv/tlv.mjs agent`,
      `--node-name=${this.#name} --root=${POOL} --require-mount-point --kubeconfig=/guest/kubeconfig`,
      `--reserve=1% --tools-path="$PATH" >/guest/${this.#log} 2>&1`,
    ].join(' ');
    // It ends with the guest.
    this.#agent = this.#run(command, Infinity).catch(() => undefined);
  }

  /** What the agent has said since it was started. */
  agentLog(): string {
    const path = join(this.guest.shared, this.#log);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  get #log(): string {
    return `agent-${this.#starts}.log`;
  }

  path(server: string): string {
    return join(POOL, 'default', `tars.${server}`, 'data');
  }

  /** Runs a script that has to succeed, and returns what it prints. */
  async sh(script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#run(script);
    if (exitCode !== 0) throw new Error(`in the guest: ${script}: exit code ${exitCode}\n${stderr}`);
    return stdout.trim();
  }

  /** Runs a script that has to fail, and returns what it complains of. */
  async refused(script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#run(script);
    if (exitCode === 0) throw new Error(`in the guest: ${script}: it succeeded\n${stdout}`);
    return stderr.trim();
  }

  #run(script: string, timeoutMs = 120_000): ReturnType<Guest['run']> {
    return this.guest.run(['sh', '-c', script], { env: this.#environment, timeoutMs });
  }

  async #install(plane: ControlPlane): Promise<void> {
    const program = join(this.guest.shared, 'tlv');
    mkdirSync(program);
    const { files } = await bundle();
    for (const { name, content } of files) writeFileSync(join(program, name), content);
    const kubeconfig = JSON.parse(readFileSync(plane.kubeconfig(), 'utf8')) as {
      readonly clusters: { readonly cluster: Record<string, string> }[];
    };
    for (const { cluster } of kubeconfig.clusters) {
      // Its certificate does not name that address.
      cluster['server'] = plane.url.replace('127.0.0.1', HOST);
      cluster['tls-server-name'] = 'kubernetes.default';
    }
    writeFileSync(join(this.guest.shared, 'kubeconfig'), JSON.stringify(kubeconfig));
  }
}
