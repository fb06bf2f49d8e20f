import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Directory } from '../../src/agent/os/directory.ts';
import { initPool } from '../../src/agent/pool-init.ts';
import { loopFilesBelow } from '../storage/loop-files.ts';
import type { KubeObject } from './api.ts';
import type { AgentPlan } from './agent-crash-plan.ts';
import {
  checksum,
  claimLine,
  claimLines,
  differences,
  entryLine,
  FINALIZER,
  imageLine,
  orphanLines,
  stateLines,
  treeLines,
  volumeLine,
  volumeLines,
} from './agent-crash-portrait.ts';
import {
  type ClaimAsked,
  claimObject,
  claimReference,
  classObject,
  foreignVolumeObject,
  NAMESPACE,
  nodeObject,
  type Place,
} from './agent-crash-objects.ts';
import { type Claim, CLAIMS, type ClusterView, type Volume } from './agent-crash-view.ts';
import type { ControlPlane } from './control-plane.ts';
import { STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { loseMounts, makeRemovable, mountsBelow } from './storage-pools.ts';

const MERGE = 'application/merge-patch+json';
/** It covers the time that others in the same process take to come to their points. */
const PATIENCE_MS = 90_000;
const EVERY_MS = 60;
/** The one volume of each world, below its root. */
const PATH = `${NAMESPACE}/Test.Crash/data`;
/** A directory that the agent knows nothing of, with data in it. */
const STRANGER = `${NAMESPACE}/Test.Other/data`;
const DATA = { 'first.txt': 'precious', 'deep/er/second.txt': 'precious too' } as const;

/** What has to be there in the end. */
export interface Expected {
  readonly claim?: { readonly uid: string; readonly phase: string };
  /** Ours by finalizer and pool, or not at all. */
  readonly volume?: { readonly phase: string; readonly claim: string; readonly isForeign?: boolean };
  /** `uid:gid mode`; no directory where nothing is said. */
  readonly directory?: string;
  readonly data?: boolean;
  readonly ledger?: { readonly state: string; readonly claim: string };
}

export interface WorldOptions {
  readonly plane: ControlPlane;
  readonly view: ClusterView;
  readonly folder: string;
  readonly node: string;
  readonly reclaimPolicy?: string | undefined;
  readonly way?: 'on-demand' | 'per-node' | undefined;
  /** A backend that mounts, where it is not plain directories. */
  readonly backend?: 'loop' | 'tmpfs' | undefined;
  /** Nothing was ever done at its root. */
  readonly isNew?: boolean | undefined;
  readonly reserve?: string | undefined;
  /** What restarted agents are given. */
  readonly laterReserve?: string | undefined;
}

/** One node with its disk and its claim, and whoever uses them: apart from every other one. */
export class World {
  readonly node: string;
  readonly root: string;
  readonly log: string;
  /** Its agent stands at its point, or was killed there. */
  isStopped = false;
  /** Tells its agent to count from now on. */
  arm: () => void = () => undefined;
  readonly #options: WorldOptions;
  readonly #folder: string;
  readonly #place: Place;
  #around: readonly string[] = [];
  #hold: PromiseWithResolvers<void> | undefined;

  private constructor(options: WorldOptions) {
    this.#options = options;
    this.node = options.node;
    this.#folder = join(options.folder, options.node);
    this.root = join(this.#folder, 'root');
    this.log = join(options.folder, `${options.node}.log`);
    const { node, way = 'on-demand', backend } = options;
    const parameters = backend && { backend };
    this.#place = { node, way, className: `class-${node}`, parameters };
  }

  static async make(options: WorldOptions): Promise<World> {
    const world = new World(options);
    await world.#makeDisk();
    await world.#makeObjects();
    return world;
  }

  plan(stopAt: number | undefined, countsFromStart: boolean, isLater: boolean): AgentPlan {
    const { node, root, log } = this;
    const { way, className } = this.#place;
    const { reserve = '1%', laterReserve = reserve } = this.#options;
    return {
      node,
      root,
      log,
      stopAt,
      countsFromStart,
      classes: `t-storage-class=on-demand,${className}=${way}`,
      reserve: isLater ? laterReserve : reserve,
      offerTtlMs: 200,
    };
  }

  // What users and the rest of the cluster do.

  /** A claim as the webhook completes it, for which the scheduler chose this node. */
  async claim(asked: ClaimAsked = {}): Promise<string> {
    const { metadata } = await this.#call('POST', CLAIMS, claimObject(this.#place, asked));
    return metadata!.uid!;
  }

  async patchClaim(metadata: object): Promise<void> {
    await this.#call('PATCH', `${CLAIMS}/${this.node}`, { metadata }, MERGE);
  }

  /** The claim asks for that much from now on. */
  async expand(storage: string): Promise<void> {
    const spec = { resources: { requests: { storage } } };
    await this.#call('PATCH', `${CLAIMS}/${this.node}`, { spec }, MERGE);
    await this.until(
      `the claim to hold ${storage}`,
      () => this.claimNow()?.status?.capacity?.storage === storage,
    );
  }

  /** Returns when it is gone. */
  async deleteClaim(): Promise<void> {
    await this.#call('DELETE', `${CLAIMS}/${this.node}`);
    await this.refresh();
    await this.until('the claim to be gone', () => this.claimNow() === undefined);
  }

  /** As a server does that is told where its data is. */
  writeData(): void {
    for (const [name, text] of Object.entries(DATA)) {
      mkdirSync(join(this.root, PATH, name, '..'), { recursive: true });
      writeFileSync(join(this.root, PATH, name), text);
    }
    symlinkSync(join(this.#folder, 'beside'), join(this.root, PATH, 'link'));
  }

  /** A volume as another provisioner makes it, with its data; returns its name. */
  async makeForeignVolume(): Promise<string> {
    this.writeData();
    const object = foreignVolumeObject(this.#place, join(this.root, PATH));
    await this.#call('POST', VOLUMES, object);
    return object.metadata.name;
  }

  hasOurFinalizer(): boolean {
    const finalizers = this.volume()?.metadata?.['finalizers'];
    return Array.isArray(finalizers) && finalizers.includes(FINALIZER);
  }

  volume(): Volume | undefined {
    return this.#options.view.volumesOf(this.node)[0];
  }

  /** What the scheduler does with the volume that it chooses for a claim; tries until it has worked. */
  async bind(uid: string): Promise<void> {
    await this.until('an offer to be bound', () => this.tryToBind(uid));
  }

  /** False where there is no offer, or no more. What is being deleted the scheduler never chooses. */
  async tryToBind(uid: string): Promise<boolean> {
    const volume = this.volume();
    if (volume?.spec.claimRef) return volume.spec.claimRef.uid === uid;
    if (volume?.status?.phase !== 'Available' || volume.metadata?.['deletionTimestamp']) return false;
    const { name, resourceVersion } = volume.metadata!;
    const { status } = await this.#options.plane.api(
      'PATCH',
      `${VOLUMES}/${name}`,
      {
        metadata: { resourceVersion, annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } },
        spec: { claimRef: { ...claimReference(this.node), uid } },
      },
      MERGE,
    );
    return status === 200;
  }

  async deleteVolume(): Promise<void> {
    await this.#call('DELETE', `${VOLUMES}/${this.volume()?.metadata?.name}`);
  }

  /** As people do who are tired of waiting for it. */
  async forceVolumeAway(): Promise<void> {
    const path = `${VOLUMES}/${this.volume()?.metadata?.name}`;
    await this.#call('DELETE', path);
    await this.#call('PATCH', path, { metadata: { finalizers: null } }, MERGE);
  }

  // What is waited for.

  async until<T>(what: string, ask: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
      if (performance.now() > deadline)
        throw new Error(`waited in vain for ${what}: ${this.#portrait().join('; ')}`);
      await sleep(EVERY_MS);
    }
  }

  /** A server starts in that very moment: what is in the directory must be there already, and nothing else. */
  async untilBound(uid: string, { data }: { data: boolean }): Promise<void> {
    await this.until('the claim to be bound', () => this.#isBound(uid));
    const found = treeLines(join(this.root, PATH), isOfFilesystem);
    const isInPlace = this.#options.backend === undefined || this.#mounts().includes(MOUNTED);
    const wrong = differences(data ? dataLines(this.#folder) : [], found);
    if (!isInPlace) wrong.push('nothing is mounted there');
    if (wrong.length > 0)
      throw new Error(`when its claim was bound, the directory was not as expected: ${wrong.join('; ')}`);
  }

  async untilBoundOrStopped(uid: string): Promise<void> {
    await this.until('the claim to be bound', () => this.#isBound(uid) || this.isStopped);
  }

  async untilEvent(reason: string, uid: string): Promise<void> {
    const path = `/api/v1/namespaces/${NAMESPACE}/events?fieldSelector=involvedObject.uid=${uid},reason=${reason}`;
    await this.until(`an Event ${reason}`, async () => {
      const { body } = await this.#options.plane.api<{ items: unknown[] }>('GET', path);
      return body.items.length > 0;
    });
  }

  /** A claim of the same name that comes sooner is noticed by the controller as late as its next resync. */
  async untilReleased(): Promise<void> {
    await this.until('the volume to be released', () => this.volume()?.status?.phase !== 'Bound');
  }

  /** Sees everything that was done before. */
  async refresh(): Promise<void> {
    await this.#options.view.fresh();
  }

  /** Whatever was going on comes to that, and nothing else. */
  async settle(expected: Expected): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    await this.refresh();
    for (;;) {
      const wrong = this.check(expected);
      if (wrong.length === 0) return;
      if (performance.now() > deadline) throw new Error(wrong.join('\n'));
      await sleep(EVERY_MS);
    }
  }

  /** What is not as expected, everywhere. */
  check(expected: Expected): string[] {
    return differences(this.#lines(expected), this.#portrait());
  }

  /** Of what nobody uses, no less and no more is reported; while no agent runs. */
  async checkOrphans({ ledger }: Expected): Promise<string[]> {
    const kept = ledger?.state === 'kept' ? [`orphan ${PATH} kept`] : [];
    const strange = this.#options.isNew ? [] : [`orphan ${STRANGER} unknown`];
    return differences([...kept, ...strange], await orphanLines(this.root, this.volume() ? [PATH] : []));
  }

  /** Keeps the restart back until `release`. */
  hold(): void {
    this.#hold = Promise.withResolvers();
  }

  release(): void {
    this.#hold?.resolve();
  }

  async held(): Promise<void> {
    await this.#hold?.promise;
  }

  /** Leaves nothing of it in the cluster, and nothing on the disk. */
  async remove(): Promise<void> {
    const { plane, view } = this.#options;
    const selector = `labelSelector=${encodeURIComponent(`local.tars.io/node=${this.node}`)}`;
    const system = '/namespaces/t-local-volume-system';
    await plane.api('DELETE', `${CLAIMS}/${this.node}`);
    for (const { metadata } of view.volumesOf(this.node)) {
      const path = `${VOLUMES}/${metadata!.name}`;
      await plane.api('DELETE', path);
      await plane.api('PATCH', path, { metadata: { finalizers: null } }, MERGE);
    }
    await plane.api('DELETE', `/apis/coordination.k8s.io/v1${system}/leases?${selector}`);
    await plane.api('DELETE', `/apis/storage.k8s.io/v1${system}/csistoragecapacities?${selector}`);
    await plane.api('DELETE', `${STORAGE_CLASSES}/${this.#place.className}`);
    await plane.api('DELETE', `/api/v1/nodes/${this.node}`);
    if (this.#options.backend) {
      loseMounts(this.root);
      makeRemovable(join(this.root, PATH));
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  lastWords(count: number): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  }

  claimNow(): Claim | undefined {
    return this.#options.view.claim(this.node);
  }

  #isBound(uid: string): boolean {
    const claim = this.claimNow();
    return claim?.metadata?.uid === uid && claim.status?.phase === 'Bound';
  }

  #portrait(): string[] {
    const claim = this.claimNow();
    return [
      ...claimLines(claim ? [claim] : []),
      ...volumeLines(this.#options.view.volumesOf(this.node), this.root),
      ...treeLines(this.root, (path) => path.startsWith('.tlv') || isOfFilesystem(path)),
      ...this.#mounts(),
      ...stateLines(this.root),
      ...treeLines(this.#folder, (path) => path.startsWith('root')).map((line) => `beside the root: ${line}`),
    ];
  }

  /** What is mounted, and what that is made of. */
  #mounts(): string[] {
    return [
      ...mountsBelow(this.root).map((point) => `mounted ${point.slice(this.root.length + 1)}`),
      ...loopFilesBelow(this.root).map(() => 'a loop device'),
    ];
  }

  #mountLines(): string[] {
    const { backend } = this.#options;
    if (backend === undefined) return [];
    return backend === 'loop' ? [MOUNTED, 'a loop device', imageLine(PATH)] : [MOUNTED];
  }

  #lines({ claim, volume, directory, data = false, ledger }: Expected): string[] {
    const isEmpty = this.#options.isNew && directory === undefined;
    return [
      ...(claim ? [claimLine(this.node, claim.uid, claim.phase)] : []),
      ...(volume ? [volumeLine(PATH, volume)] : []),
      ...(isEmpty ? [] : [`dir ${NAMESPACE} 0:0 755`]),
      ...(directory === undefined ? [] : [`dir ${NAMESPACE}/Test.Crash 0:0 755`, `dir ${PATH} ${directory}`]),
      ...(directory === undefined ? [] : this.#mountLines()),
      ...(data ? dataLines(this.#folder, PATH) : []),
      ...(this.#options.isNew ? [] : STRANGER_LINES),
      ...(ledger ? [entryLine(PATH, ledger.state, ledger.claim, directory ?? '')] : []),
      ...this.#around,
    ];
  }

  async #makeDisk(): Promise<void> {
    mkdirSync(join(this.#folder, 'beside/deep'), { recursive: true });
    mkdirSync(this.root);
    writeFileSync(join(this.#folder, 'beside/deep/file'), 'nobody may touch it');
    this.#around = treeLines(this.#folder, (path) => path.startsWith('root')).map(
      (line) => `beside the root: ${line}`,
    );
    if (this.#options.isNew) return;
    await using root = await Directory.openRoot(this.root);
    await initPool(root, this.node);
    mkdirSync(join(this.root, STRANGER), { recursive: true });
    writeFileSync(join(this.root, STRANGER, 'file'), 'of a stranger');
  }

  async #makeObjects(): Promise<void> {
    const { reclaimPolicy = 'Delete' } = this.#options;
    await this.#call('POST', '/api/v1/nodes', nodeObject(this.node));
    await this.#call('POST', STORAGE_CLASSES, classObject(this.#place, reclaimPolicy));
  }

  async #call(method: string, path: string, body?: object, type?: string): Promise<KubeObject> {
    const { status, body: answer } = await this.#options.plane.api(method, path, body, type);
    if (status > 299)
      throw new Error(`${method} ${path} is answered with ${status}: ${JSON.stringify(answer)}`);
    return answer;
  }
}

const MOUNTED = `mounted ${PATH}`;

/** What mkfs makes. */
const isOfFilesystem = (path: string): boolean => path.endsWith('lost+found');

const STRANGER_LINES = [
  `dir ${NAMESPACE}/Test.Other 0:0 755`,
  `dir ${STRANGER} 0:0 755`,
  `file ${STRANGER}/file ${checksum('of a stranger')}`,
];

function dataLines(folder: string, at = ''): string[] {
  const files = Object.entries(DATA).map(([name, text]) => `file ${join(at, name)} ${checksum(text)}`);
  return [
    ...files,
    `dir ${join(at, 'deep')} 0:0 755`,
    `dir ${join(at, 'deep/er')} 0:0 755`,
    `link ${join(at, 'link')} ${join(folder, 'beside')}`,
  ];
}
