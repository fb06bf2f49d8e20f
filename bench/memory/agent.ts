import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tools } from '../../src/agent/os/tools.ts';
import type { BackendName } from '../../src/tars/class-parameters.ts';
import { STORAGE_CLASS } from '../../src/tars/vocabulary.ts';
import type { ControlPlane } from '../../test/controlplane/control-plane.ts';
import { unmountBelow } from '../../test/controlplane/disks.ts';
import { CLAIMS, STORAGE_CLASSES, VOLUMES } from '../../test/controlplane/paths.ts';
import { freePorts } from '../../test/controlplane/ports.ts';
import { claimOf } from '../../test/controlplane/served.ts';
import { storagePrograms } from '../../test/storage/programs.ts';
import { backendClass } from '../bound/objects.ts';
import { Counting, phaseIs } from '../cluster/counting.ts';
import { inBatches } from '../in-batches.ts';
import { mountBtrfs } from '../mount-btrfs.ts';
import { MeasuredProcess } from '../processes/measured-process.ts';
import type { Shipped } from '../processes/shipped.ts';

/** The agent is held back by its own limit on requests. */
const VOLUME_MS = 5000;

let nodes = 0;

interface Options {
  readonly plane: ControlPlane;
  readonly shipped: Shipped;
  readonly backend: BackendName;
}

/** The shipped agent of one node, and the claims that are sent there. */
export class AgentUnderWatch {
  readonly process: MeasuredProcess;
  readonly #plane: ControlPlane;
  readonly #node: string;
  readonly #folder: string;
  readonly #claims: Counting;
  readonly #volumes: Counting;
  #made = 0;

  /** On a node that is made for it, and with the class as this backend wants it. */
  static async start({ plane, shipped, backend }: Options): Promise<AgentUnderWatch> {
    const folder = mkdtempSync(join(tmpdir(), 'tlv-memory-'));
    const root = join(folder, 'root');
    mkdirSync(root);
    const { path, environment } = await storagePrograms();
    if (backend === 'btrfs') await mountBtrfs(new Tools({ path, environment }), root);
    // Of a node that was there before, the pool is remembered.
    const node = `node-${++nodes}`;
    await plane.addNodes([node]);
    await plane.api('DELETE', `${STORAGE_CLASSES}/${STORAGE_CLASS}`);
    await created(plane, STORAGE_CLASSES, backendClass(backend));
    const kubeconfig = plane.kubeconfig();
    const [claims, volumes] = await Promise.all([
      Counting.start(kubeconfig, CLAIMS, phaseIs('Bound')),
      Counting.start(kubeconfig, VOLUMES, phaseIs('Bound')),
    ]);
    const [port] = await freePorts(1);
    const process = await MeasuredProcess.start({
      name: `the agent with ${backend}`,
      argv: shipped.argv(
        'agent',
        `--node-name=${node}`,
        `--root=${root}`,
        `--kubeconfig=${kubeconfig}`,
        `--metrics-port=${port}`,
        '--bind-address=127.0.0.1',
        `--tools-path=${path}`,
      ),
      env: { ...shipped.agentEnv, ...environment },
      readyUrl: `http://127.0.0.1:${port}/readyz`,
    });
    return new AgentUnderWatch(process, { plane, node, folder, claims, volumes });
  }

  private constructor(
    process: MeasuredProcess,
    parts: {
      readonly plane: ControlPlane;
      readonly node: string;
      readonly folder: string;
      readonly claims: Counting;
      readonly volumes: Counting;
    },
  ) {
    this.process = process;
    this.#plane = parts.plane;
    this.#node = parts.node;
    this.#folder = parts.folder;
    this.#claims = parts.claims;
    this.#volumes = parts.volumes;
  }

  /** Has that many volumes more. */
  async make(count: number): Promise<void> {
    const names = Array.from({ length: count }, () => `${this.#node}-${++this.#made}`);
    const there = this.#claims.size;
    await inBatches(names, (name) =>
      created(this.#plane, CLAIMS, claimOf(name, { node: this.#node, request: '16Mi' })),
    );
    await this.#claims.reach(there + count, VOLUME_MS * (count + 10));
  }

  /** Has no volume any more. */
  async clear(): Promise<void> {
    const count = this.#claims.size;
    await this.#plane.api('DELETE', CLAIMS);
    await this.#volumes.reach(0, VOLUME_MS * (count + 10));
    await this.#claims.reach(0, VOLUME_MS);
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await Promise.all([this.#claims.stop(), this.#volumes.stop()]);
    await this.#plane.api('DELETE', `/api/v1/nodes/${this.#node}`);
    unmountBelow(this.#folder);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function created(plane: ControlPlane, path: string, object: object): Promise<void> {
  const { status, body } = await plane.api('POST', path, object);
  if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
}
