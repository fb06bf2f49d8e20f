import type { ClassView } from '../../../src/agent/state.ts';
import { pathBelow } from '../../../src/agent/caches.ts';
import { PoolLost } from '../../../src/agent/os/errors.ts';
import { asVolumePath, type VolumePath } from '../../../src/tars/host-path.ts';
import { DEFAULT_SETTINGS, parseClasses, type Settings } from '../../../src/tars/settings.ts';
import { HOSTNAME_LABEL, OURS, PROVISIONER, SELECTED_NODE } from '../../../src/tars/vocabulary.ts';
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
import { isOnNode, keyOf, pendingWrites, schedule } from './simulation-controllers.ts';
import { SimDisk, type SimDirectory } from './simulation-disk.ts';

export const OTHER_NODE = 'n2';
const SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  classes: parseClasses('t-storage-class=on-demand,offers=per-node'),
};

export class Broken extends Error {}

/**
 * One node and its cluster. What must hold after every effect is checked as it happens; what must hold in the end is in
 * `simulation-end.ts`.
 */
export class World implements AgentWorld {
  readonly settings = SETTINGS;
  readonly disk = new SimDisk();
  readonly classes = new Map<string, ClassView>([
    ['t-storage-class', { name: 't-storage-class', provisioner: PROVISIONER, reclaimPolicy: 'Delete' }],
    ['offers', { name: 'offers', provisioner: 'kubernetes.io/no-provisioner', reclaimPolicy: 'Delete' }],
  ]);
  readonly log: string[] = [];
  readonly api = new SimApi((...args) => this.#changed(...args));
  /** Keys of claims that a pod of this node uses. */
  readonly pods = new Set<string>();
  /** Uids of claims that a person gave data of others to, and of volumes that a person gave to others. */
  readonly given = new Set<string>();
  /** Paths that volumes of other agents have led to. */
  readonly foreignPaths = new Set<string>();
  isPoolAway = false;
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
    const isOnDisk = !/^(POST|PATCH|DELETE)/.test(what);
    // As the real pool says it, whatever is tried.
    if (this.isPoolAway && isOnDisk) throw new PoolLost(ROOT, 'the disk is away');
  }

  async reconcile(key: string, trouble?: Trouble): Promise<void> {
    this.log.push(`reconcile ${key}${trouble ? ` with ${trouble.kind} at effect ${trouble.effect}` : ''}`);
    try {
      await this.agent.reconcile(key, trouble);
    } catch (error) {
      if (error instanceof Broken) throw error;
      if (!(error instanceof Crash)) this.broken(String(error instanceof Error ? error.stack : error));
      this.crash();
    }
  }

  crash(): void {
    this.log.push('the agent dies, and starts again');
    this.agent = new SimAgent(this);
  }

  /** Up to so many writes of controllers, from this one on. */
  control(at: number, count: number): boolean {
    for (let done = 0; done < count; done++) {
      const writes = [...pendingWrites(this.api, (claim) => this.pods.has(keyOf(claim))), ...this.#elsewhere()];
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
    for (const file of directory.files) {
      if (file !== claim.metadata.uid) this.broken(`${key} (${claim.metadata.uid}) sees the data of ${file}`);
    }
    if (isWriter && directory.files.length === 0) directory.files.push(claim.metadata.uid);
  }

  /** The volume of this node that a bound claim has. */
  volumeOf(claim: SimClaim): SimVolume | undefined {
    const volume = claim.spec.volumeName === undefined ? undefined : this.api.volumes.get(claim.spec.volumeName);
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
    const [volume] = this.volumesAt(path);
    const entry = this.disk.ledger.get(path);
    const made = entry?.state === 'made' ? entry.claim?.uid : undefined;
    const whose = volume ? (volume.spec.claimRef?.uid ?? `volume:${volume.metadata.uid}`) : (made ?? 'foreign');
    this.log.push(`somebody puts data into ${path}: it counts as that of ${whose}`);
    this.disk.at(path).files.push(whose);
  }

  /** Data is moved into the trash: of all that the agent does, the one thing that cannot be undone. */
  retired(path: VolumePath, { files }: SimDirectory, trashName: string): void {
    const volume = this.api.gone.get(trashName);
    if (!volume) this.broken(`${path} is removed for ${trashName}, which is no volume`);
    const { claimRef, persistentVolumeReclaimPolicy: policy, local } = volume.spec;
    const what = `${path} is removed for volume ${volume.metadata.name}`;
    if (files.length === 0) return;
    if (policy !== 'Delete') this.broken(`${what}, whose policy is ${policy}`);
    if (volume.status.phase !== 'Released') this.broken(`${what}, whose phase is ${volume.status.phase}`);
    if (local.path !== `${ROOT}/${path}`) this.broken(`${what}, whose path is ${local.path}`);
    if (this.isAlive(claimRef?.uid ?? '')) this.broken(`${what}, whose claim is there`);
    for (const file of files) {
      if (this.isAlive(file)) this.broken(`${what}, with data of the living claim ${file}`);
      if (file !== claimRef?.uid) this.broken(`${what}, with data of ${file}`);
    }
  }

  #changed(kind: SimKind, key: string, before: SimObject | undefined, after: SimObject | undefined): void {
    if (kind === 'volume' && after) this.#checkVolume(after as SimVolume, before === undefined);
    this.agent.tell(kind, key, before, after);
  }

  #checkVolume(volume: SimVolume, isNew: boolean): void {
    const { metadata, spec } = volume;
    const path = pathBelow(ROOT, spec.local.path);
    if (path === undefined || !isOnNode(volume, HOSTNAME)) return;
    const isByAgent = ({ metadata: { name } }: SimVolume): boolean => !name.startsWith('foreign');
    const twins = this.volumesAt(path).filter((each) => isByAgent(each) && each.metadata.name !== metadata.name);
    if (isNew && isByAgent(volume) && twins.length > 0) {
      this.broken(`${metadata.name} and ${twins[0]!.metadata.name} are both at ${path}`);
    }
    const claim = spec.claimRef && this.api.claimOf(spec.claimRef);
    if (claim && claim.metadata.uid === spec.claimRef?.uid) this.#bound(path, volume, claim);
  }

  /** From here on a pod may see what is there: what was put there for this volume, or given by a person, is the claim's. */
  #bound(path: VolumePath, { metadata, spec }: SimVolume, claim: SimClaim): void {
    const directory = this.disk.directories.get(path);
    const { uid } = claim.metadata;
    const isGiven =
      this.given.has(uid) ||
      this.given.has(metadata.uid) ||
      claim.metadata.annotations[OURS.adopt] === 'true';
    for (const [index, file] of directory?.files.entries() ?? []) {
      if (isGiven || file === `volume:${metadata.uid}`) directory!.files[index] = uid;
      else if (file !== uid) this.broken(`volume ${metadata.name} shows claim ${keyOf(claim)} (${uid}) the data of ${file}`);
    }
    if (spec.claimRef?.namespace !== path.split('/')[0] && !this.foreignPaths.has(path)) {
      this.broken(`${path} is given to ${keyOf(claim)}`);
    }
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
