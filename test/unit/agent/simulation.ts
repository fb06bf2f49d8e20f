import type { ClassView } from '../../../src/agent/class-view.ts';
import { storageClass } from './plan-states.ts';
import { pathBelow } from '../../../src/agent/caches.ts';
import { PoolLost } from '../../../src/agent/os/errors.ts';
import { asVolumePath, type VolumePath } from '../../../src/tars/host-path.ts';
import { DEFAULT_SETTINGS, parseClasses, type Settings } from '../../../src/tars/settings.ts';
import { FINALIZER, HOSTNAME_LABEL, PROVISIONER, SELECTED_NODE } from '../../../src/tars/vocabulary.ts';
import {
  type AgentWorld,
  Crash,
  HOSTNAME,
  NODE,
  ROOT,
  SimAgent,
  type Trouble,
  WATCHES,
} from './simulation-agent.ts';
import { SimApi, type SimClaim, type SimKind, type SimObject, type SimVolume } from './simulation-api.ts';
import {
  checkLetGo,
  checkMaking,
  checkRetired,
  checkSeen,
  checkTakenOver,
  checkVolume,
} from './simulation-checks.ts';
import { isOnNode, keyOf, pendingWrites, schedule } from './simulation-controllers.ts';
import { SimDisk, type SimDirectory } from './simulation-disk.ts';

export const OTHER_NODE = 'n2';
const SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  classes: parseClasses('t-storage-class=on-demand,offers=per-node'),
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

class Broken extends Error {}

/**
 * One node and its cluster. What must hold at every moment is in `simulation-checks.ts`, what must hold in the
 * end in `simulation-final.ts`.
 */
export class World implements AgentWorld {
  readonly settings = SETTINGS;
  readonly disk = new SimDisk();
  readonly classes = new Map<string, ClassView>([
    ['t-storage-class', storageClass('t-storage-class', PROVISIONER)],
    ['offers', storageClass('offers', 'kubernetes.io/no-provisioner')],
  ]);
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
  isPoolAway = false;
  isByAgent = false;
  now = 0;
  effects = 0;
  meanwhile: () => void = () => {};
  agent = new SimAgent(this);

  broken(what: string): never {
    throw new Broken(`${what}\n  ${this.log.join('\n  ')}`);
  }

  effect(what: string): void {
    this.effects++;
    this.log.push(`agent: ${what}`);
    const [verb = '', path = ''] = what.split(' ');
    if (verb === 'make') checkMaking(this, pathOf(path));
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
      this.crash();
      return true;
    }
  }

  crash(): void {
    this.log.push('the agent dies, and starts again');
    this.agent = new SimAgent(this);
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
    const hasRoom = node !== NODE || !(this.disk.isFull || this.isPoolAway);
    const said = schedule(this.api, claim, node, storageClassName === 't-storage-class' && hasRoom);
    if (said !== undefined) this.log.push(`scheduler: ${said}`);
    return said !== undefined;
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
    if (!directory || directory.isMounted || directory.isBlocked || this.isPoolAway) return;
    this.log.push(`pod of ${key} (${claim.metadata.uid}) runs${isWriter ? ' and writes' : ''}`);
    this.pods.add(key);
    checkSeen(this, path, claim);
    if (isWriter && directory.files.length === 0) directory.files.push(claim.metadata.uid);
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

  isAlive(uid: string): boolean {
    return [...this.api.claims.values()].some(({ metadata }) => metadata.uid === uid);
  }

  /** Somebody puts something into a directory: where there is a volume already, it is that volume's. */
  foreignData(path: VolumePath): void {
    // One that we have let go is as good as gone.
    const volume = this.volumesAt(path).find(
      ({ metadata }) => !metadata.deletionTimestamp || metadata.finalizers.includes(FINALIZER),
    );
    const entry = this.disk.ledger.get(path);
    const taker = [...this.api.claims.values()].find(
      ({ spec }) => spec.volumeName === entry?.volume && entry,
    );
    const made = entry?.state === 'made' ? (entry.claim ?? taker?.metadata)?.uid : undefined;
    const whose = volume
      ? (volume.spec.claimRef?.uid ?? `volume:${volume.metadata.uid}`)
      : (made ?? 'foreign');
    this.log.push(`somebody puts data into ${path}: it counts as that of ${whose}`);
    this.disk.at(path).files.push(whose);
  }

  retired(path: VolumePath, directory: SimDirectory, trashName: string): void {
    checkRetired(this, path, directory, trashName);
  }

  #changed(kind: SimKind, key: string, before: SimObject | undefined, after: SimObject | undefined): void {
    if (kind === 'volume' && before && this.isByAgent) {
      checkLetGo(this, before as SimVolume, after);
      checkTakenOver(this, before as SimVolume, after);
    }
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
