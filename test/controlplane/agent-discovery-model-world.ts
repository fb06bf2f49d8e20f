import { setTimeout as sleep } from 'node:timers/promises';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readDiscoveryConfig } from '../../src/agent/discovery/config.ts';
import { quickened } from './agents.ts';
import { ModelAgent, NODE } from './agent-discovery-model-agent.ts';
import { complaints } from './agent-discovery-model-checks.ts';
import { type DiskName, DISKS, ModelDisks } from './agent-discovery-model-disks.ts';
import { DiscoveryModel, PLACES } from './agent-discovery-model-state.ts';
import { claimSeen, type DiskView, volumeSeen } from './agent-discovery-model-view.ts';
import { Broken } from './agent-model-state.ts';
import { CLAIMS, STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { type Claim, Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

const STORAGE_CLASS = 'disks';
/** What an agent does every ten seconds comes twice a second. */
const TIMES = 20;
const EVERY_MS = 100;
/** Longer than from one look of the agent to the next. */
const CALM_MS = 700;
const PATIENCE_MS = { search: 60_000, shrinking: 15_000 };
const MERGE = 'application/merge-patch+json';

/** A cluster with one node, and the disks of it, that sequences of commands are done to, one after another. */
export class DiscoveryWorld {
  /** What was done and said since the last reset. */
  readonly log: string[] = [];
  readonly disks: ModelDisks;
  readonly agent: ModelAgent;
  readonly #served: Served;
  /** What there was of the disks before any was made. */
  readonly #traces: string;
  #patienceMs = PATIENCE_MS.search;

  private constructor(served: Served, disks: ModelDisks) {
    this.#served = served;
    this.disks = disks;
    const { directory } = disks;
    const map = `${STORAGE_CLASS}: {hostDir: ${directory}, mountDir: ${directory}}`;
    const discovery = readDiscoveryConfig(new Map([['storageClassMap', map]]));
    this.agent = new ModelAgent(served.agents, discovery, (text) => this.say(text));
    this.#traces = disks.traces().join();
  }

  static async start(): Promise<DiscoveryWorld> {
    const served = await Served.start({
      nodes: [NODE],
      classes: `t-storage-class=on-demand,${STORAGE_CLASS}=discovery`,
      agents: { clock: quickened(TIMES) },
    });
    await served.create(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: STORAGE_CLASS },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'Immediate',
    });
    return new DiscoveryWorld(served, new ModelDisks());
  }

  say(text: string): void {
    this.log.push(text);
    if (process.env['TLV_MODEL_VERBOSE']) console.error(`${new Date().toISOString()} ${text}`);
  }

  /** @throws {Broken} where something of the disks is left on this machine */
  async end(): Promise<void> {
    await this.#served.stop();
    this.disks.remove();
    const left = this.disks.traces().join();
    if (left !== this.#traces) throw new Broken(`of the disks there is left: ${left}`);
  }

  /** It is known that something is wrong: shorter sequences are tried in less time each. */
  hurry(): void {
    this.#patienceMs = PATIENCE_MS.shrinking;
  }

  /** A cluster and disks as new, and what is known of them. */
  async reset(): Promise<DiscoveryModel> {
    this.log.length = 0;
    await this.agent.stop();
    await this.#clear();
    const records = this.#served.agents.path(NODE, '.tlv/discovered');
    for (const file of readFolder(records)) rmSync(join(records, file));
    this.disks.renew();
    const model = new DiscoveryModel();
    for (const disk of DISKS) model.disks.set(disk, { former: new Set() });
    model.mere.set('mere', this.disks.mereContent('mere'));
    await this.agent.start();
    // One place is free, and one disk is in none.
    const first: readonly DiskName[] = ['memory-1', 'image'];
    for (const [index, disk] of first.entries()) await this.mount(model, disk, PLACES[index]!);
    await this.settle(model);
    return model;
  }

  async mount(model: DiscoveryModel, disk: DiskName, place: string): Promise<void> {
    const volumes = await this.#served.list<Volume>(VOLUMES);
    model.mounted(disk, place, new Set(volumes.map(({ metadata }) => metadata.uid)));
    this.disks.mount(disk, place);
  }

  async unmount(model: DiscoveryModel, disk: DiskName, place: string): Promise<void> {
    await this.disks.unmount(place);
    delete model.disks.get(disk)!.at;
  }

  /** One request; an object that is just gone, or has just changed, is as good. */
  async call(method: string, path: string, body?: object): Promise<void> {
    const type = method === 'PATCH' ? MERGE : undefined;
    const { status, body: answer } = await this.#served.plane.api(method, path, body, type);
    if (status >= 300 && status !== 404) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  }

  /** One that asks for this volume, and no other. */
  async claim(name: string, volumeName: string): Promise<void> {
    await this.call('POST', CLAIMS, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: 'default' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: STORAGE_CLASS,
        resources: { requests: { storage: '1Mi' } },
        volumeName,
      },
    });
  }

  /** Looks at everything: first at the cluster, for what it offers must not have held anything since. @throws {Broken} */
  async see(model: DiscoveryModel): Promise<void> {
    const view = await waitFor('a look at everything', () => this.#look());
    model.see(view);
  }

  /** Returns when everything is as it has to be, and stays so; then servers write to the disks that they have. */
  async settle(model: DiscoveryModel): Promise<void> {
    const deadline = performance.now() + this.#patienceMs;
    let calmSince = Infinity;
    while (calmSince === Infinity || performance.now() - calmSince < CALM_MS) {
      await sleep(EVERY_MS);
      await this.agent.settled();
      await this.see(model);
      const wrong = complaints(model, model.hasAgent ? this.agent.told : undefined);
      if (wrong.length > 0) calmSince = Infinity;
      else calmSince = Math.min(calmSince, performance.now());
      if (wrong.length > 0 && performance.now() > deadline) throw new Broken(wrong.join('\n'));
    }
    this.#write(model);
    await this.see(model);
    model.rest();
  }

  #write(model: DiscoveryModel): void {
    for (const volume of model.view.volumes) {
      const claim = model.claim(volume.claim);
      const [name, disk] = model.diskOf(volume) ?? [];
      if (!claim || claim.phase !== 'Bound' || !name || !disk || disk.data) continue;
      const lines = this.disks.write(name, claim.uid);
      disk.data = { owner: claim.uid, place: volume.place, lines, policy: volume.policy };
      this.say(`  claim ${claim.name} (${claim.uid}) writes to ${name} at ${volume.place}`);
    }
  }

  async #look(): Promise<DiskView> {
    const claims = await this.#served.list<Claim>(CLAIMS);
    const volumes = await this.#served.list<Volume>(VOLUMES);
    const mere = ['mere', ...PLACES].filter((place) => !this.disks.isMounted(place));
    return {
      claims: claims.map(claimSeen),
      volumes: volumes.map(volumeSeen),
      content: new Map(DISKS.map((disk) => [disk, this.disks.contentOf(disk)])),
      mere: new Map(mere.map((place) => [place, this.disks.mereContent(place)])),
    };
  }

  /** Deletes all objects that a sequence may have left. */
  async #clear(): Promise<void> {
    await waitFor('the cluster to be empty', async () => {
      await this.call('DELETE', CLAIMS);
      for (const { metadata } of await this.#served.list<Volume>(VOLUMES)) await this.tearOut(metadata.name);
      const claims = await this.#served.list(CLAIMS);
      return claims.length + (await this.#served.list(VOLUMES)).length === 0;
    });
  }

  /** Deletes a volume whatever holds it. */
  async tearOut(volume: string): Promise<void> {
    await this.call('DELETE', `${VOLUMES}/${volume}`);
    await this.call('PATCH', `${VOLUMES}/${volume}`, { metadata: { finalizers: null } });
  }
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
