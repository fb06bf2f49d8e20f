import { expect } from 'chai';
import { ROOT } from '../offline/tlv.ts';
import type { AgentOptions } from '../../src/agent/agent.ts';
import { DEFAULT_SETTINGS, parseClasses } from '../../src/tars/settings.ts';
import { LABEL, OURS, SELECTED_NODE, STORAGE_CLASS } from '../../src/tars/vocabulary.ts';
import { Agents } from './agents.ts';
import { Installed, type InstallOptions } from './installed.ts';
import type { ControlPlane } from './control-plane.ts';
import { CLAIMS, VOLUMES } from './paths.ts';
import { waitFor } from './wait.ts';

/** A cluster that the product is installed in, agents and all. */

export interface Claim {
  readonly metadata: Metadata;
  readonly spec: { readonly volumeName?: string };
  readonly status: { readonly phase: string };
}

export interface Volume {
  readonly metadata: Metadata;
  readonly spec: Record<string, unknown> & {
    readonly claimRef?: { readonly namespace: string; readonly name: string; readonly uid: string };
    readonly local: { readonly path: string };
  };
  readonly status: { readonly phase: string };
}

export interface Pod {
  readonly metadata: Metadata;
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

interface Event {
  readonly reason: string;
  readonly message: string;
  readonly type: string;
  readonly count?: number;
  readonly source?: { readonly host?: string };
}

export interface ClaimParts {
  readonly namespace?: string;
  readonly app?: string;
  readonly server?: string;
  readonly volume?: string;
  /** The scheduler's choice. */
  readonly node?: string;
  readonly request?: string;
  readonly storageClass?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A claim as the webhook completes it: app `tars`, server as the claim, volume `data`, unless it is told otherwise. */
export function claimOf(name: string, parts: ClaimParts = {}) {
  const { namespace = 'default', app = 'tars', server = name, volume = 'data', node, request = '1G' } = parts;
  const { storageClass = STORAGE_CLASS } = parts;
  const labels = { [LABEL.app]: app, [LABEL.server]: server, [LABEL.volume]: volume, ...parts.labels };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      namespace,
      labels: { ...labels, ...(node === undefined ? {} : { [OURS.node]: node }) },
      annotations: { ...parts.annotations, ...(node === undefined ? {} : { [SELECTED_NODE]: node }) },
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: storageClass,
      resources: { requests: { storage: request } },
      selector: { matchLabels: labels },
    },
  };
}

/** A pod with that claim, for the scheduler to find a node for. */
export const podOf = (name: string, claim: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'a:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: claim } }],
  },
});

/** A plain StatefulSet of a class: each replica has a directory of its own, wherever it runs. */
export const statefulSetOf = (
  name: string,
  { replicas = 1, request = '1G', storageClass = STORAGE_CLASS } = {},
) => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    serviceName: name,
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: 'a:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: storageClass,
          resources: { requests: { storage: request } },
        },
      },
    ],
  },
});

export const MERGE = 'application/merge-patch+json';

export interface ServedOptions extends InstallOptions {
  readonly nodes: readonly string[];
  readonly agents?: Partial<AgentOptions>;
  /** The scheduler asks for room, as the CSIDriver of the overlay tells it. */
  readonly asksForRoom?: boolean;
  /** What webhook and agents are told of the classes, where the overlay is not the default one. */
  readonly classes?: string;
}

export class Served {
  readonly installed: Installed;
  readonly agents: Agents;
  readonly plane: ControlPlane;

  private constructor(installed: Installed, agents: Agents) {
    this.installed = installed;
    this.agents = agents;
    this.plane = installed.plane;
  }

  /** Nodes and all; the agents are left to be started. */
  static async start({ nodes, agents, asksForRoom, classes, ...options }: ServedOptions): Promise<Served> {
    const installed = await Installed.start(options);
    const settings = classes ? { ...DEFAULT_SETTINGS, classes: parseClasses(classes) } : DEFAULT_SETTINGS;
    const served = new Served(installed, new Agents(installed.plane.kubeconfig(), { settings, ...agents }));
    try {
      if (classes) {
        await installed.stopWebhook();
        await installed.startWebhook(undefined, ['--classes', classes]);
      }
      if (asksForRoom)
        await installed.kubectl('apply', '-f', `${ROOT}deploy/overlays/on-demand/csi-driver.yaml`);
      await installed.plane.addNodes(nodes);
      return served;
    } catch (error) {
      await served.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.agents.stopAll();
    await this.installed.stop();
  }

  /** Undefined where there is none. */
  async find<T>(path: string): Promise<T | undefined> {
    const { status, body } = await this.plane.api<T>('GET', path);
    if (status === 404) return undefined;
    expect(status, `${path}: ${JSON.stringify(body)}`).to.equal(200);
    return body;
  }

  async list<T>(path: string): Promise<readonly T[]> {
    return (await this.find<{ readonly items: readonly T[] }>(path))?.items ?? [];
  }

  async create<T = Claim>(path: string, object: object): Promise<T> {
    const { status, body } = await this.plane.api<T>('POST', path, object);
    expect(status, JSON.stringify(body)).to.equal(201);
    return body;
  }

  async patch<T = unknown>(path: string, patch: object, type = MERGE): Promise<T> {
    const { status, body } = await this.plane.api<T>('PATCH', path, patch, type);
    expect(status, JSON.stringify(body)).to.equal(200);
    return body;
  }

  async remove(path: string): Promise<void> {
    const { status, body } = await this.plane.api('DELETE', path);
    expect(status, JSON.stringify(body)).to.be.oneOf([200, 202]);
  }

  /** Has whoever follows the object look at it again, as time would. */
  async touch(path: string): Promise<void> {
    await this.patch(path, { metadata: { annotations: { touched: String(performance.now()) } } });
  }

  async gone(path: string): Promise<void> {
    await waitFor(`${path} to be gone`, async () => (await this.find(path)) === undefined);
  }

  /** Takes an object away as `kubectl delete --force` and an impatient person do: finalizers and all. */
  async tearOut(path: string): Promise<void> {
    const removed = await this.plane.api('DELETE', path);
    const { status } = await this.plane.api('PATCH', path, { metadata: { finalizers: null } }, MERGE);
    // It may have gone by itself, before or in between.
    expect(removed.status).to.be.oneOf([200, 202, 404]);
    expect(status).to.be.oneOf([200, 404]);
    await this.gone(path);
  }

  /** Makes a claim in `default`, if need be one that the scheduler has sent to a node already. */
  async claim(name: string, parts: ClaimParts = {}): Promise<Claim> {
    return this.create(CLAIMS, claimOf(name, parts));
  }

  /** The volume of a claim that is bound. */
  async bound(name: string, namespace = 'default'): Promise<Volume> {
    const claim = await waitFor(`claim ${name} to be bound`, async () => {
      const found = await this.find<Claim>(`/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`);
      return found?.status.phase === 'Bound' && found;
    });
    return (await this.find<Volume>(`${VOLUMES}/${claim.spec.volumeName}`))!;
  }

  /** Volumes whose data is at that path below a root. */
  async volumesAt(path: string): Promise<readonly Volume[]> {
    const volumes = await this.list<Volume>(VOLUMES);
    return volumes.filter(({ spec }) => spec.local.path.endsWith(`/${path}`));
  }

  async phase(volume: string, phase: string): Promise<Volume> {
    return waitFor(`volume ${volume} to be ${phase}`, async () => {
      const found = await this.find<Volume>(`${VOLUMES}/${volume}`);
      return found?.status.phase === phase && found;
    });
  }

  /** Waits until the scheduler has said why it finds no node for a pod. */
  async unschedulable(pod: string, words: RegExp, namespace = 'default'): Promise<void> {
    await waitFor(`pod ${pod} to find no node: ${words}`, async () => {
      const found = await this.find<Pod>(`/api/v1/namespaces/${namespace}/pods/${pod}`);
      return found?.status.conditions?.some(
        ({ type, status, message }) =>
          type === 'PodScheduled' && status === 'False' && words.test(message ?? ''),
      );
    });
  }

  async runningPods(namespace: string, count: number, timeoutMs = 60_000): Promise<readonly Pod[]> {
    const ask = async () => {
      const pods = await this.list<Pod>(`/api/v1/namespaces/${namespace}/pods`);
      const running = pods.filter(
        ({ status, metadata }) => status.phase === 'Running' && !metadata.deletionTimestamp,
      );
      return running.length === count && running;
    };
    return waitFor(`${count} pods to run`, ask, { timeoutMs });
  }

  async events(kind: string, name: string, namespace = 'default'): Promise<readonly Event[]> {
    const selector = `involvedObject.kind=${kind},involvedObject.name=${name}`;
    return this.list<Event>(
      `/api/v1/namespaces/${namespace}/events?fieldSelector=${encodeURIComponent(selector)}`,
    );
  }

  /** Waits until people can read it at the object. */
  async told(
    kind: string,
    name: string,
    reason: string,
    words: RegExp,
    namespace = 'default',
  ): Promise<Event> {
    return waitFor(`${reason} ${words} at ${kind} ${name}`, async () => {
      const events = await this.events(kind, name, namespace);
      return events.find((event) => event.reason === reason && words.test(event.message));
    });
  }
}
