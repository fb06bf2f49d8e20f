import { Broken } from './agent-model-state.ts';
import type { DiskName } from './agent-discovery-model-disks.ts';
import type { DiskClaim, DiskVolume, DiskView } from './agent-discovery-model-view.ts';

/** What a claim has put on a disk. */
interface DiskData {
  /** Uid of the claim. */
  readonly owner: string;
  readonly place: string;
  lines: readonly string[];
  /** Of its volume, as the cluster has or had it. */
  policy: string;
  /** The same, as the agent has to know it; undefined until it has to know of the claim at all. */
  settledPolicy?: string;
}

export interface DiskModel {
  /** Where it is mounted. */
  at?: string;
  data?: DiskData;
  /** Where it was last, and the uids of volumes that were there before it: they are not its own. */
  last?: { readonly place: string; readonly before: ReadonlySet<string> };
  /** Wherever else it was: a claim may have taken it there at the last moment. */
  readonly former: Set<string>;
}

export const PLACES = ['one', 'two', 'three'] as const;

/**
 * What has to be there, as far as is known of what was done.
 *
 * - Nobody is offered a disk with data of a claim on it, nor does a claim see what is another's.
 * - What a living claim has, or a volume that is retained, is on its disk, whatever becomes of mounts and volumes.
 * - A mere directory stays as it is, and no volume is made of it.
 * - One place has one volume.
 */
export class DiscoveryModel {
  readonly disks = new Map<DiskName, DiskModel>();
  /** The disk whose data a place had last, as its agent has it written down. */
  readonly recorded = new Map<string, DiskName>();
  /** What people have put into directories that are no mount points. */
  readonly mere = new Map<string, readonly string[]>();
  hasAgent = true;
  #view: DiskView | undefined;
  /** The agent may have done something since things were looked at last. */
  #ran = true;

  get view(): DiskView {
    if (!this.#view) throw new Error('nothing was looked at yet');
    return this.#view;
  }

  at(place: string): [DiskName, DiskModel] | undefined {
    return [...this.disks].find(([, { at }]) => at === place);
  }

  volumeAt(place: string): DiskVolume | undefined {
    return this.view.volumes.find((volume) => volume.place === place);
  }

  claim(uid: string | undefined): DiskClaim | undefined {
    return this.view.claims.find((claim) => claim.uid === uid);
  }

  /** The disk that a volume is of, where that is mounted. */
  diskOf({ uid, place }: DiskVolume): [DiskName, DiskModel] | undefined {
    const found = this.at(place);
    return found && !found[1].last?.before.has(uid) ? found : undefined;
  }

  mounted(disk: DiskName, place: string, volumes: ReadonlySet<string>): void {
    const model = this.disks.get(disk)!;
    const isBack =
      model.last?.place === place &&
      ![...this.disks.values()].some((other) => other !== model && other.last?.place === place);
    if (!isBack) {
      if (model.last) model.former.add(model.last.place);
      model.last = { place, before: volumes };
    }
    model.former.delete(place);
    for (const other of this.disks.values())
      if (other !== model && other.last?.place === place) delete other.last;
    model.at = place;
  }

  /** @throws {Broken} */
  see(view: DiskView): void {
    const known = new Set(this.#view?.volumes.map(({ uid }) => uid));
    this.#view = view;
    const faults = [...this.#shared(), ...this.#mereFaults(known), ...this.#offerFaults()];
    for (const [name, disk] of this.disks) faults.push(...this.#follow(name, disk));
    if (faults.length > 0) throw new Broken(faults.join('\n'));
    this.#ran = this.hasAgent;
  }

  /** Everything has come to rest. */
  rest(): void {
    if (!this.hasAgent) return;
    for (const [name, { data, at }] of this.disks) {
      if (!data || at !== data.place) continue;
      data.settledPolicy = data.policy;
      this.recorded.set(data.place, name);
    }
    for (const { place, claim } of this.view.volumes) if (claim === undefined) this.recorded.delete(place);
  }

  /** For people who look for the cause. */
  portrait(): string[] {
    const { claims, volumes, mere } = this.view;
    return [
      ...[...this.disks].map(([name, disk]) => `${name}: ${JSON.stringify(disk)}`),
      ...[...claims, ...volumes, ...mere, ...this.recorded].map((each) => JSON.stringify(each)),
    ];
  }

  *#shared(): Iterable<string> {
    for (const [place, all] of Map.groupBy(this.view.volumes, (volume) => volume.place)) {
      if (all.length > 1) yield `${all.map(({ name }) => name).join(' and ')} both lead to ${place}`;
    }
  }

  *#mereFaults(known: ReadonlySet<string>): Iterable<string> {
    for (const [place, lines] of this.view.mere) {
      const wanted = this.mere.get(place) ?? [];
      if (wanted.join() !== lines.join()) {
        yield `the mere directory ${place} holds ${lines.join(', ')} in place of ${wanted.join(', ')}`;
      }
      const volume = this.view.volumes.find((each) => each.place === place && !known.has(each.uid));
      const isDiskGone = [...this.disks.values()].some(({ last }) => last?.place === place);
      if (volume && !isDiskGone) yield `${volume.name} is of the mere directory ${place}`;
    }
  }

  /** Whoever takes an offer, or has a volume, sees nothing of others. */
  *#offerFaults(): Iterable<string> {
    for (const volume of this.view.volumes) {
      const [name, disk] = this.diskOf(volume) ?? [];
      const owner = disk?.data?.owner;
      if (owner === undefined || owner === volume.claim) continue;
      const isSeen = volume.claim === undefined || this.claim(volume.claim) !== undefined;
      if (isSeen) {
        yield `${volume.name} at ${volume.place} shows ${volume.claim ?? 'everybody'} the data of ${owner} on ${name}`;
      }
    }
  }

  *#follow(name: DiskName, disk: DiskModel): Iterable<string> {
    const lines = this.view.content.get(name) ?? [];
    const { data } = disk;
    if (!data) {
      if (lines.length > 0) yield `${name} holds ${lines.join(', ')}, which nobody wrote`;
      return;
    }
    const volume = this.view.volumes.find(({ claim }) => claim === data.owner);
    if (volume) data.policy = volume.policy;
    const mayGo =
      !this.claim(data.owner) && this.#ran && [data.policy, data.settledPolicy].includes('Delete');
    if (!mayGo && lines.join() !== data.lines.join()) {
      yield `${name} holds ${lines.join(', ')} in place of ${data.lines.join(', ')}, of claim ${data.owner}`;
    }
    data.lines = lines;
    if (lines.length === 0) delete disk.data;
  }
}
