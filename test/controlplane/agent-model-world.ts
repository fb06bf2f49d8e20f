import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { treeLines } from './agent-crash-portrait.ts';
import { classObjects } from './agent-model-backends.ts';
import { ModelAgents } from './agent-model-agents.ts';
import { complaints } from './agent-model-checks.ts';
import { dataBelow } from './agent-model-disk.ts';
import type { Promises } from './agent-model-checks-backends.ts';
import { type Data, dataAt } from './agent-model-data.ts';
import { Broken, Model } from './agent-model-state.ts';
import { type ClaimSeen, look, NAMESPACE, type PodSeen } from './agent-model-view.ts';
import type { KubeObject } from './api.ts';
import { Installed } from './installed.ts';
import { VOLUMES } from './paths.ts';
import { tlv } from '../offline/tlv.ts';
import { programs } from './storage-pools.ts';
import { waitFor } from './wait.ts';

const NODES = ['node-1', 'node-2', 'node-3'];
/** The scheduler may wait ten seconds before it tries a pod again, the binder fifteen before it finds what it lost. */
const PATIENCE_MS = { search: 60_000, shrinking: 30_000 };
/**
 * Controllers, scheduler and kwok ask an API server that does not answer after ever longer waits, of a minute in the end
 * (client-go's reflectors: 30 s and up to as much again), and forget it two minutes after they have last waited. After
 * the third restart in two minutes it took 90 s until the pods of a StatefulSet ran.
 */
const RESTART = { patienceMs: 150_000, forgottenMs: 300_000 };
const EVERY_MS = 100;
const SETS = `/apis/apps/v1/namespaces/${NAMESPACE}/statefulsets`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
export const CLAIMS = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;
const MERGE = 'application/merge-patch+json';
const AGENT_LEASES =
  '/apis/coordination.k8s.io/v1/namespaces/t-local-volume-system/leases?labelSelector=app.kubernetes.io%2Fcomponent%3Dagent';

/** The cluster that sequences of commands are done to, one after another. */
export class World {
  /** What was done and seen since the last reset. */
  readonly log: string[] = [];
  readonly #installed: Installed;
  readonly agents: ModelAgents;
  readonly #beside: string;
  #model: Model | undefined;
  /** How often something was unmounted that no agent has. */
  #cuts = 0;
  #patienceMs = PATIENCE_MS.search;
  /** When the API server was last started again. */
  #restartedAt = -Infinity;

  private constructor(installed: Installed) {
    this.#installed = installed;
    this.agents = new ModelAgents(installed.plane.kubeconfig(), NODES, {
      say: (text) => this.say(text),
      unmounted: (node, paths) => {
        this.#cuts += 1;
        this.#model?.unmount(node, paths);
        for (const path of paths) this.#tryBelow(node, path);
      },
    });
    mkdirSync(this.agents.beside);
    writeFileSync(join(this.agents.beside, 'precious'), 'precious');
    this.#beside = treeLines(this.agents.beside).join();
  }

  static async start(): Promise<World> {
    const installed = await Installed.start({ overlay: 'on-demand' });
    const world = new World(installed);
    await installed.apply(classObjects());
    await installed.plane.addNodes(NODES);
    await Promise.all(NODES.map((node) => world.agents.start(node)));
    // Agents say how much room there is, so the scheduler may be told to ask.
    await installed.kubectl(
      'apply',
      '-f',
      join(import.meta.dirname, '../../deploy/overlays/on-demand/csi-driver.yaml'),
    );
    return world;
  }

  say(text: string): void {
    this.log.push(text);
    if (process.env['TLV_MODEL_VERBOSE']) console.error(`${new Date().toISOString()} ${text}`);
  }

  async end(): Promise<void> {
    await this.agents.end();
    await this.#installed.stop();
  }

  /** It is known that something is wrong: shorter sequences are tried in less time each. */
  hurry(): void {
    this.#patienceMs = PATIENCE_MS.shrinking;
  }

  /** A cluster as new, and what is known of it. */
  async reset(): Promise<Model> {
    this.log.length = 0;
    await this.agents.stopAll();
    this.#model = undefined;
    await this.#clear();
    await this.agents.wipe();
    for (const node of NODES) await this.renew(node);
    await Promise.all(NODES.map((node) => this.agents.start(node)));
    const model = new Model(NODES);
    this.#model = model;
    await this.settle(model);
    return model;
  }

  /** One request; an object that is just gone, or has just changed, is as good. */
  async call(method: string, path: string, body?: unknown): Promise<KubeObject> {
    const type = method === 'PATCH' ? MERGE : undefined;
    const { status, body: answer } = await this.#installed.plane.api(method, path, body, type);
    if (status >= 300 && status !== 404) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** The same for what holds under a condition: where it does not hold any more, nothing was to be done. */
  async callUnlessChanged(method: string, path: string, body: unknown): Promise<void> {
    const { status, body: answer } = await this.#installed.plane.api(method, path, body);
    if (status >= 300 && status !== 404 && status !== 409)
      throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  }

  /** As people do it on the node; false where it is refused. */
  async purge(node: string, path: string): Promise<boolean> {
    const root = this.agents.roots.get(node)!;
    const kubeconfig = this.#installed.plane.kubeconfig();
    const { exit, stderr } = await tlv(
      ['orphans', 'purge', path, '--yes', `--root=${root}`, `--kubeconfig=${kubeconfig}`],
      '',
      { ...programs.environment, TLV_TOOLS_PATH: programs.path },
    );
    if (exit === 0) this.agents.fallBehind(node);
    else this.say(stderr);
    return exit === 0;
  }

  async restartApiServer(): Promise<void> {
    await this.#installed.plane.restart('kube-apiserver');
    this.#restartedAt = performance.now();
  }

  /** How long what has to come may take from now on. */
  #patience(): number {
    const isRecent = performance.now() - this.#restartedAt < RESTART.forgottenMs;
    return this.#patienceMs + (isRecent ? RESTART.patienceMs : 0);
  }

  async addNode(node: string): Promise<void> {
    await this.#installed.plane.addNodes([node]);
  }

  /** At once, as for a node that is not there to say that it has ended. */
  async deletePod(name: string): Promise<void> {
    await this.call('DELETE', `${PODS}/${name}`, { gracePeriodSeconds: 0 });
  }

  async deleteSets(): Promise<void> {
    await this.call('DELETE', SETS, { propagationPolicy: 'Background' });
  }

  async doom(model: Model, claim: ClaimSeen): Promise<void> {
    // Else a new one of that name might be meant.
    const options = { preconditions: { uid: claim.uid } };
    await this.callUnlessChanged('DELETE', `${CLAIMS}/${claim.name}`, options);
    model.doomedClaims.add(claim.uid);
  }

  /** Looks at everything. @throws {Broken} */
  async see(model: Model): Promise<void> {
    const get = async (path: string): Promise<KubeObject> => await this.call('GET', path);
    const view = await waitFor('a look at everything', async () => {
      const cuts = this.#cuts;
      const seen = await look(get, this.agents.roots, this.agents.disks);
      // What was in its place may not be any more, and the model knows.
      return cuts === this.#cuts && seen;
    });
    model.see(view);
    const beside = treeLines(this.agents.beside).join();
    if (beside !== this.#beside) throw new Broken(`beside the roots there is ${beside}`);
  }

  /** Returns when everything is as it has to be, by what else is said as well; then the servers that run write to their volumes. */
  async settle(model: Model, also: () => string[] = () => []): Promise<void> {
    const deadline = performance.now() + this.#patience();
    let wrong = ['nothing was seen yet'];
    let calm = 0;
    while (calm < 2) {
      await this.agents.settled();
      await this.see(model);
      await this.#endLostPods(model);
      wrong = [...complaints(model, await this.agents.orphans(), (node) => this.#promises(node)), ...also()];
      calm = wrong.length === 0 ? calm + 1 : 0;
      if (calm === 0 && performance.now() > deadline) throw new Broken(wrong.join('\n'));
      if (calm === 0) await sleep(EVERY_MS);
    }
    model.rest();
    for (const pod of model.view.pods) if (pod.isRunning) this.#write(pod, model);
    await this.see(model);
  }

  /** What an agent has promised of each source; undefined while it need not know what there is. */
  #promises(node: string): Promises | undefined {
    const room = this.agents.isBehind(node) ? undefined : this.agents.room(node);
    return room && { pool: room.promised('pool'), memory: room.promised('memory') };
  }

  /** A pod that is started where its volume is missing must not write to the disk below, not even as root. */
  #tryBelow(node: string, path: string): void {
    const file = join(this.agents.disks.get(node)!, path, 'lost');
    try {
      writeFileSync(file, 'lost');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPERM') return;
      throw error;
    }
    throw new Broken(`with nothing mounted, ${file} could be written`);
  }

  /** Data that is no claim's. */
  writeForeign(model: Model, node: string, path: string): void {
    model.data.push(this.#writeData(node, path, 'stranger'));
  }

  /** Nobody at the node that is gone says that its pods have ended, so people do. */
  async #endLostPods(model: Model): Promise<void> {
    for (const { name, node } of model.view.pods) {
      if (node !== undefined && model.absentNodes.has(node)) await this.deletePod(name);
    }
  }

  /** What the pod's server does when it starts: an empty directory gets its data. */
  #write(pod: PodSeen, model: Model): void {
    for (const claim of model.claimsOf(pod)) {
      const node = claim && model.volumeOf(claim)?.node;
      if (!claim || !node || !model.canWrite(node, claim.path)) continue;
      if (model.data.some(({ owner }) => owner === claim.uid)) continue;
      const there = model.view.disks.get(node)?.directories.get(claim.path)?.lines ?? [];
      if (there.length > 0) throw new Broken(`${claim.name} is new at ${node}, and has ${there.join(', ')}`);
      model.data.push(this.#writeData(node, claim.path, claim.uid));
    }
  }

  #writeData(node: string, path: string, owner: string): Data {
    const folder = join(this.agents.roots.get(node)!, path);
    mkdirSync(join(folder, `deep-${owner}`), { recursive: true });
    writeFileSync(join(folder, owner), `the data of ${owner} at ${node}`);
    writeFileSync(join(folder, `deep-${owner}`, 'file'), `more data of ${owner}`);
    symlinkSync(this.agents.beside, join(folder, `link-${owner}`));
    const lines = dataBelow(folder).map((line) => line.replace(' ', ` ${path}/`));
    return dataAt(node, path, lines, owner === 'stranger' ? undefined : owner);
  }

  /** Deletes all objects that a sequence may have left. */
  async #clear(): Promise<void> {
    const isEmpty = async (): Promise<boolean> => {
      await this.deleteSets();
      await this.call('DELETE', PODS, { gracePeriodSeconds: 0 });
      await this.call('DELETE', CLAIMS);
      await this.call('DELETE', AGENT_LEASES);
      const volumes = (await this.call('GET', VOLUMES))['items'] as KubeObject[];
      for (const { metadata } of volumes) await this.force(metadata!.name!);
      const left = await Promise.all(
        [SETS, PODS, CLAIMS, VOLUMES].map(async (path) => await this.call('GET', path)),
      );
      return left.every(({ items }) => (items as unknown[]).length === 0);
    };
    await waitFor('the namespace to be empty', isEmpty, { timeoutMs: this.#patience() });
  }

  /** Deletes a volume whatever holds it. */
  async force(volume: string): Promise<void> {
    await this.call('DELETE', `${VOLUMES}/${volume}`);
    await this.call('PATCH', `${VOLUMES}/${volume}`, { metadata: { finalizers: null } });
  }

  /** Lets it be there, and pods come to it. */
  async renew(node: string): Promise<void> {
    const { kind } = await this.call('GET', `/api/v1/nodes/${node}`);
    if (kind === 'Status') await this.addNode(node);
    else await this.call('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: null } });
  }
}
