import type { ClassView } from '../../../src/agent/class-view.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { storageClass } from './plan-states.ts';
import { pathBelow } from '../../../src/agent/caches.ts';
import { PoolLost } from '../../../src/agent/os/errors.ts';
import type { BackendName } from '../../../src/tars/class-parameters.ts';
import { bytesOf } from '../../../src/tars/quantity.ts';
import { asVolumePath, type VolumePath } from '../../../src/tars/host-path.ts';
import { DEFAULT_SETTINGS, parseClasses, type Settings } from '../../../src/tars/settings.ts';
import { FINALIZER, HOSTNAME_LABEL, PROVISIONER, SELECTED_NODE } from '../../../src/tars/vocabulary.ts';
import {
  type AgentWorld,
  Crash,
  HOSTNAME,
  NODE,
  PowerCut,
  ROOT,
  SimAgent,
  type Trouble,
  WATCHES,
} from './simulation-agent.ts';
import { SimApi, type SimClaim, type SimKind, type SimObject, type SimVolume } from './simulation-api.ts';
import { type Kind, parametersOf } from './simulation-backends.ts';
import {
  checkData,
  checkLetGo,
  checkMaking,
  checkRetired,
  checkSeen,
  checkServed,
  checkTakenOver,
  checkVolume,
} from './simulation-checks.ts';
import { isOnNode, keyOf, pendingWrites, schedule } from './simulation-controllers.ts';
import { FILE_BYTES, SimDisk, type SimTree, takenOf } from './simulation-disk.ts';
import { checkPromised, checkWritten } from './simulation-room.ts';

export const OTHER_NODE = 'n2';
const SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  classes: parseClasses('t-storage-class=on-demand,second=on-demand,offers=per-node'),
};

/** What an agent says when it has done something. */
const DONE: ReadonlySet<string> = new Set([
  'VolumeProvisioned',
  'VolumeOffered',
  'VolumeRestored',
  'VolumeAdopted',
  'VolumeReclaimed',
  'VolumeWithdrawn',
  'OwnerChanged',
  'ClaimHandedBack',
]);

/** A pod writes no more than that. */
const MOST_FILES = 4;

class Broken extends Error {}

/** What is different from one world to the other. */
export interface Ground {
  /** How the classes keep their volumes: that of volumes on demand, another one, and that of offers. */
  readonly kinds: readonly [Kind, Kind, Kind];
  /** What there is of each source. */
  readonly totalBytes?: number;
}

const PROVISIONERS: Readonly<Record<string, string>> = {
  't-storage-class': PROVISIONER,
  second: PROVISIONER,
  offers: 'kubernetes.io/no-provisioner',
};

/**
 * One node and its cluster. What must hold at every moment is in `simulation-checks.ts`, what must hold in the
 * end in `simulation-final.ts`.
 */
export class World implements AgentWorld {
  readonly settings = SETTINGS;
  readonly disk: SimDisk;
  readonly classes = new Map<string, ClassView>();
  /** Backends that the node lacks a tool for. */
  readonly lacking = new Set<BackendName>();
  readonly log: string[] = [];
  readonly api = new SimApi((...args) => this.#changed(...args));
  /** Keys of claims that a pod of this node uses. */
  readonly pods = new Set<string>();
  /** Uids of claims that a person gave data of others to, and of volumes that a person gave to others. */
  readonly given = new Set<string>();
  /** Uids of claims that had a fault: the agent does not know which path was theirs, unless the ledger says so. */
  readonly faulty = new Set<string>();
  /** Paths that volumes of other agents have led to. */
  readonly foreignPaths = new Set<string>();
  /** Paths where people took something away, or put a link or a mount in the way. */
  readonly lostPaths = new Set<string>();
  /** Where the pod of a claim, by its uid, has written. */
  readonly written = new Map<string, VolumePath>();
  /** How much each tree had taken when the agent last looked. */
  readonly seen = new Map<SimTree, number>();
  isPoolAway = false;
  isByAgent = false;
  now = 0;
  effects = 0;
  meanwhile: () => void = () => {};
  agent: SimAgent;

  constructor({ kinds, totalBytes }: Ground = { kinds: ['directory', 'directory', 'directory'] }) {
    this.disk = new SimDisk(totalBytes);
    this.log.push(`there are ${this.disk.totalBytes} bytes of each source`);
    for (const [index, name] of Object.keys(PROVISIONERS).entries()) this.makeClass(name, kinds[index]!);
    this.agent = new SimAgent(this);
  }

  broken(what: string): never {
    throw new Broken(`${what}\n  ${this.log.join('\n  ')}`);
  }

  effect(what: string): void {
    this.effects++;
    this.log.push(`agent: ${what}`);
    const [verb = '', path = ''] = what.split(' ');
    if (verb === 'make' || verb === 'create') checkMaking(this, pathOf(path));
    const isOnDisk = !['POST', 'PATCH', 'DELETE'].includes(verb);
    // As the real pool says it, whatever is tried.
    if (this.isPoolAway && isOnDisk) throw new PoolLost(ROOT, 'the disk is away');
  }

  /** Whoever says that something was done has to come to an end too. */
  said(reason: string): void {
    if (DONE.has(reason)) this.effects++;
  }

  /** @returns whether the trouble came */
  async reconcile(key: string, trouble?: Trouble): Promise<boolean> {
    this.log.push(`reconcile ${key}${trouble ? ` with ${trouble.kind} at effect ${trouble.effect}` : ''}`);
    try {
      return await this.agent.reconcile(key, trouble);
    } catch (error) {
      if (error instanceof Broken) throw error;
      if (!(error instanceof Crash)) this.broken(String(error instanceof Error ? error.stack : error));
      if (error instanceof PowerCut) this.reboot();
      else this.crash();
      return true;
    }
  }

  crash(): void {
    this.log.push('the agent dies, and starts again');
    this.agent = new SimAgent(this);
  }

  /** Everything that was mounted is not, and memory is empty. */
  reboot(): void {
    this.log.push('the node goes down, and comes up again');
    for (const path of this.disk.reboot()) this.forgetData(path);
    this.crash();
  }

  /** What was in memory is gone, or was given to somebody else. */
  forgetData(path: VolumePath): void {
    for (const [uid, where] of this.written) if (where === path) this.written.delete(uid);
  }

  /** Up to so many writes of controllers, from this one on. */
  control(at: number, count: number): boolean {
    for (let done = 0; done < count; done++) {
      const writes = [
        ...pendingWrites(this.api, (claim) => this.pods.has(keyOf(claim))),
        ...this.#elsewhere(),
      ];
      const write = writes[at % Math.max(writes.length, 1)];
      if (!write) return done > 0;
      this.log.push(`controller: ${write.what}`);
      write.do();
    }
    return true;
  }

  schedule(claim: SimClaim, node = NODE): boolean {
    const { storageClassName } = claim.spec;
    const isOnDemand = PROVISIONERS[storageClassName] === PROVISIONER;
    const bytes = bytesOf(claim.spec.resources.requests.storage);
    const hasRoom = node !== NODE || this.agent.capacityOf(storageClassName) >= bytes;
    const said = schedule(this.api, claim, node, isOnDemand && hasRoom);
    if (said !== undefined) this.log.push(`scheduler: ${said}`);
    return said !== undefined;
  }

  /** Also in place of one of the same name, which is how people change one. */
  makeClass(name: string, kind: Kind): void {
    this.log.push(`class ${name} says ${kind}`);
    const reclaimPolicy = this.classes.get(name)?.reclaimPolicy ?? 'Delete';
    const made = storageClass(name, PROVISIONERS[name]!, parametersOf(kind));
    this.classes.set(name, { ...made, reclaimPolicy });
  }

  setClassPolicy(reclaimPolicy: string): void {
    for (const each of this.classes.values()) this.classes.set(each.name, { ...each, reclaimPolicy });
  }

  deliverAll(): void {
    for (const watch of WATCHES) this.agent.deliver(watch, Infinity);
  }

  /** The pod of a claim starts, if it can, and may write. */
  run(claim: SimClaim, isWriter: boolean): void {
    const key = keyOf(claim);
    const volume = this.volumeOf(claim);
    if (!volume || claim.metadata.deletionTimestamp !== undefined) return;
    const path = pathBelow(ROOT, volume.spec.local.path);
    const directory = path && this.disk.directories.get(path);
    const tree = path && this.disk.seenAt(path);
    if (!tree || !directory || directory.isMounted || directory.isBlocked || this.isPoolAway) return;
    this.log.push(`pod of ${key} (${claim.metadata.uid}) runs${isWriter ? ' and writes' : ''}`);
    this.pods.add(key);
    checkSeen(this, path, claim);
    if (isWriter) this.#write(path, tree, claim.metadata.uid);
  }

  #write(path: VolumePath, tree: SimTree, uid: string): void {
    checkWritten(this, path, tree);
    const isEnough = tree.files.length >= MOST_FILES;
    const isAtLimit = (tree.files.length + 1) * FILE_BYTES > limitOf(tree);
    const isFull = takenOf('pool', { ...tree, files: [uid] }) > this.disk.freeBytes('pool');
    if (isEnough || isAtLimit || isFull || this.disk.isRefusing(tree)) return;
    tree.files.push(uid);
    this.written.set(uid, path);
  }

  /** The volume of this node that a bound claim has. */
  volumeOf(claim: SimClaim): SimVolume | undefined {
    const volume =
      claim.spec.volumeName === undefined ? undefined : this.api.volumes.get(claim.spec.volumeName);
    const isTheirs = volume?.spec.claimRef?.uid === claim.metadata.uid && claim.status.phase === 'Bound';
    return isTheirs && isOnNode(volume, HOSTNAME) ? volume : undefined;
  }

  volumesAt(path: string): SimVolume[] {
    return [...this.api.volumes.values()].filter(
      (volume) => volume.spec.local.path === `${ROOT}/${path}` && isOnNode(volume, HOSTNAME),
    );
  }

  /** People had a hand in what is there. */
  isExcused(path: VolumePath): boolean {
    return this.lostPaths.has(path) || this.foreignPaths.has(path);
  }

  isAlive(uid: string): boolean {
    return [...this.api.claims.values()].some(({ metadata }) => metadata.uid === uid);
  }

  /** Somebody puts something into a directory: where there is a volume already, it is that volume's. */
  foreignData(path: VolumePath): void {
    const tree = this.disk.seenAt(path) ?? this.disk.at(path);
    if (this.disk.isRefusing(tree)) return;
    const whose = this.#isInTheWay(path, tree) ? 'foreign' : this.#takerAt(path);
    this.log.push(`somebody puts data into ${path}: it counts as that of ${whose}`);
    tree.files.push(whose);
  }

  /** In place of a volume that is more than a directory: then it is in the way of that. */
  #isInTheWay(path: VolumePath, tree: SimTree): boolean {
    const isMore = this.disk.ledger.get(path)?.storage !== undefined;
    const isInTheWay = isMore && limitOf(tree) === Infinity;
    if (isInTheWay) this.lostPaths.add(path);
    return isInTheWay;
  }

  #takerAt(path: VolumePath): string {
    // One that we have let go is as good as gone.
    const volume = this.volumesAt(path).find(
      ({ metadata }) => !metadata.deletionTimestamp || metadata.finalizers.includes(FINALIZER),
    );
    const entry = this.disk.ledger.get(path);
    const taker = [...this.api.claims.values()].find(
      ({ spec }) => spec.volumeName === entry?.volume && entry,
    );
    const made = entry?.state === 'made' ? (entry.claim ?? taker?.metadata)?.uid : undefined;
    if (!volume) return made ?? 'foreign';
    return volume.spec.claimRef?.uid ?? `volume:${volume.metadata.uid}`;
  }

  retired(path: VolumePath, tree: SimTree, trashName: string): void {
    checkRetired(this, path, tree, trashName);
  }

  recorded(entry: LedgerEntry, before: LedgerEntry | undefined): void {
    checkPromised(this, entry, before);
  }

  looked(): void {
    this.seen.clear();
    for (const tree of this.disk.trees()) this.seen.set(tree, tree.files.length * FILE_BYTES);
  }

  /** After whatever has happened. */
  check(): void {
    checkData(this);
  }

  #changed(kind: SimKind, key: string, before: SimObject | undefined, after: SimObject | undefined): void {
    if (kind === 'volume' && before && this.isByAgent) {
      checkLetGo(this, before as SimVolume, after);
      checkTakenOver(this, before as SimVolume, after);
    }
    if (kind === 'volume' && after && this.isByAgent)
      checkServed(this, before as SimVolume | undefined, after as SimVolume);
    if (kind === 'volume' && after) checkVolume(this, after as SimVolume, before === undefined);
    this.agent.tell(kind, key, before, after);
  }

  /** The agent of another node, as far as it matters here. */
  #elsewhere() {
    return [...this.api.claims.values()]
      .filter(
        ({ metadata, spec }) =>
          metadata.annotations[SELECTED_NODE] === OTHER_NODE &&
          spec.volumeName === undefined &&
          !this.api.volumes.has(`${OTHER_NODE}-${metadata.uid}`),
      )
      .map((claim) => ({
        what: `${OTHER_NODE} makes a volume for ${keyOf(claim)}`,
        do: () => void this.api.addVolume(volumeElsewhere(claim)),
      }));
  }
}

function volumeElsewhere({ metadata: { namespace, name, uid }, spec }: SimClaim) {
  return {
    metadata: {
      name: `${OTHER_NODE}-${uid}`,
      labels: { [HOSTNAME_LABEL]: OTHER_NODE },
      annotations: { 'pv.kubernetes.io/provisioned-by': OTHER_NODE },
    },
    spec: {
      storageClassName: spec.storageClassName,
      claimRef: { namespace, name, uid },
      capacity: { storage: '5Gi' },
      local: { path: `${ROOT}/${namespace}/x` },
      persistentVolumeReclaimPolicy: 'Delete',
    },
  };
}

export function pathOf(text: string): VolumePath {
  const path = asVolumePath(text);
  if (path === undefined) throw new Error(text);
  return path;
}

function limitOf(tree: SimTree): number {
  if ('size' in tree) return Number(tree.size);
  return 'limit' in tree && tree.limit !== undefined ? Number(tree.limit) : Infinity;
}
