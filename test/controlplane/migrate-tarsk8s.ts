import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import type { StatefulSet } from '../../src/tars/shapes.ts';
import type { TServer } from '../../src/tars/tserver.ts';
import type { Migration } from './migrate-cluster.ts';
import {
  CLASS,
  ITS_AGENT,
  ITS_CLASS,
  itsOldVolume,
  itsVolume,
  NAMESPACE,
  NODE_LABELS,
  TARS,
  tarsconfig,
  tarslog,
} from './migrate-tarsk8s-objects.ts';
import { VOLUMES } from './paths.ts';
import type { Claim, Pod, Volume } from './served.ts';
import { itsAnnotations, itsStatefulSet } from './tarsk8s-objects.ts';
import { waitFor } from './wait.ts';

/** The volume of the log server, and one of a server that was deleted long ago. */
export const LOGS = 'tars/tars.tarslog/remote-log-dir';
const LEFT = 'tars/tars.gone/data';

const MERGE = 'application/merge-patch+json';

/** Paths of the namespace that its servers are in. */
const inNamespace = (group: string, kind: string, name = '') =>
  `/${group}/namespaces/${NAMESPACE}/${kind}${name && `/${name}`}`;
export const setPath = (name = '') => inNamespace('apis/apps/v1', 'statefulsets', name);
export const claimPath = (name = '') => inNamespace('api/v1', 'persistentvolumeclaims', name);

/** What TarsK8S's controller and agents do in a cluster, and what one sees there. */
export class TarsK8S {
  readonly #migration: Migration;

  constructor(migration: Migration) {
    this.#migration = migration;
  }

  /** A directory of a node, seen from outside. */
  at(node: string, path: string): string {
    const { hosts } = this.#migration;
    return hosts.file(node, `${hosts.root}/${path}`);
  }

  volumes = () => this.#list<Volume>(VOLUMES);
  claims = () => this.#list<Claim>(claimPath());
  pods = () => this.#list<Pod>(inNamespace('api/v1', 'pods'));
  agents = () => this.#list<Pod>(`/api/v1/namespaces/${TARS}/pods`);

  async patch(path: string, body: object): Promise<void> {
    const { status, body: answer } = await this.#migration.plane.api('PATCH', path, body, MERGE);
    expect(status, JSON.stringify(answer)).to.equal(200);
  }

  async running(name: string, otherThan?: string): Promise<Pod> {
    return waitFor(`pod ${name} to run`, async () => {
      const pod = (await this.pods()).find(({ metadata }) => metadata.name === name);
      return pod?.status.phase === 'Running' && pod.metadata.uid !== otherThan && pod;
    });
  }

  async serve(server: TServer): Promise<StatefulSet> {
    const servers = inNamespace('apis/k8s.tars.io/v1beta3', 'tservers');
    const { metadata } = await this.#migration.create(servers, server);
    const set = itsStatefulSet(server, metadata!.uid!, { className: CLASS });
    return this.#migration.create<StatefulSet>(setPath(), set);
  }

  scale(name: string, replicas: number): Promise<void> {
    return this.patch(`${setPath(name)}/scale`, { spec: { replicas } });
  }

  /** Owner and mode, on the claim of a replica of the log server. */
  annotate(ordinal: number): Promise<void> {
    const annotations = itsAnnotations({ uid: '1000' });
    return this.patch(claimPath(`remote-log-dir-tars-tarslog-${ordinal}`), { metadata: { annotations } });
  }

  /** What the agent of a node does while a claim waits. */
  async offer(
    make: typeof itsVolume | typeof itsOldVolume,
    server: TServer,
    volume: string,
    node: string,
  ): Promise<void> {
    const { hosts } = this.#migration;
    const object = make({ server, volume, node, root: hosts.root });
    await this.#migration.create(VOLUMES, object);
    const path = hosts.file(node, object.spec.local.path);
    mkdirSync(path, { recursive: true });
    chownSync(path, 1000, 0);
    // As its newer agents leave the directories above.
    for (const parent of [dirname(path), dirname(dirname(path))]) chmodSync(parent, 0o000);
  }

  /** Two servers, one of them with data on two nodes and an offer on the third. */
  async begin(nodes: readonly string[]): Promise<void> {
    await this.#install(nodes);
    // One node after the other, so that it is known which replica is where.
    await this.serve(tarsconfig());
    await this.offer(itsOldVolume, tarsconfig(), 'delay-bind', 'node-1');
    await this.running('tars-tarsconfig-0');
    await this.serve(tarslog());
    await this.offer(itsVolume, tarslog(), 'remote-log-dir', 'node-1');
    await this.running('tars-tarslog-0');
    await this.offer(itsVolume, tarslog(), 'remote-log-dir', 'node-2');
    await this.scale('tars-tarslog', 2);
    await this.running('tars-tarslog-1');
    await this.offer(itsVolume, tarslog(), 'remote-log-dir', 'node-3');
    for (const ordinal of [0, 1]) await this.annotate(ordinal);
    for (const node of ['node-1', 'node-2'])
      writeFileSync(`${this.at(node, LOGS)}/app.log`, `logs of ${node}`);
    mkdirSync(this.at('node-3', LEFT), { recursive: true });
    writeFileSync(`${this.at('node-3', LEFT)}/old`, 'old');
  }

  async #install(nodes: readonly string[]): Promise<void> {
    const namespaces = [NAMESPACE, TARS].map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    }));
    await this.#migration.apply(...namespaces, ITS_CLASS, ITS_AGENT);
    for (const node of nodes)
      await this.patch(`/api/v1/nodes/${node}`, { metadata: { labels: NODE_LABELS } });
    await waitFor('its agents to run', async () => {
      const running = (await this.agents()).filter(({ status }) => status.phase === 'Running');
      return running.length === nodes.length;
    });
  }

  async #list<T>(path: string): Promise<T[]> {
    return (await this.#migration.get<{ items: T[] }>(path)).items;
  }
}
