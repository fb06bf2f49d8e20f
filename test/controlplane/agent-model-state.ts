import { type Data, follow, inherit, isInMemory, presenceOf } from './agent-model-data.ts';
import { uncovered, writtenBelow } from './agent-model-exposed.ts';
import type { ClaimSeen, PodSeen, View, VolumeSeen } from './agent-model-view.ts';

export type Kind = 'Node' | 'Pod' | 'pinned';

export interface SetModel {
  readonly kind: Kind;
  replicas: number;
}

/** What must never be, was. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** What has to be there, as far as commands and what became of them say. */
export class Model {
  readonly sets = new Map<string, SetModel>();
  /** Uids of claims that have to go as soon as no pod uses them. */
  readonly doomedClaims = new Set<string>();
  readonly absentNodes = new Set<string>();
  readonly closedNodes = new Set<string>();
  readonly downAgents = new Set<string>();
  readonly lostDisks = new Set<string>();
  /** `node:path` of what was unmounted by something that was no agent, and was not seen in its place since. */
  readonly #unmounted = new Set<string>();
  readonly nodes: readonly string[];
  data: Data[] = [];
  #view: View | undefined;
  /** Agents that ran when things were looked at last: they may have done something since. */
  #ran = new Set<string>();

  constructor(nodes: readonly string[]) {
    this.nodes = nodes;
  }

  /** As it was seen last. */
  get view(): View {
    if (!this.#view) throw new Error('nothing was looked at yet');
    return this.#view;
  }

  isServed(node: string): boolean {
    return this.hasAgent(node) && this.isMounted(node);
  }

  hasAgent(node: string): boolean {
    return !this.absentNodes.has(node) && !this.downAgents.has(node);
  }

  isMounted(node: string): boolean {
    return !this.lostDisks.has(node);
  }

  /** @throws {Broken} */
  see(view: View): void {
    this.#view = view;
    this.#noteMounts(view);
    const known = {
      mayWork: (node: string) => this.#ran.has(node) || this.isServed(node),
      wasUnmounted: (node: string, path: string) => this.#unmounted.has(`${node}:${path}`),
    };
    const faults = [
      ...sharedPaths(view),
      ...uncovered(view, known.wasUnmounted),
      ...writtenBelow(view, this.data),
    ];
    for (const data of this.data) {
      inherit(data, view);
      const fault = follow(data, view, known);
      if (fault !== undefined) faults.push(fault);
    }
    if (faults.length > 0) throw new Broken(faults.join('\n'));
    this.data = this.data.filter((data) => !isOver(data, view));
    this.#ran = new Set(this.nodes.filter((node) => this.isServed(node)));
  }

  /** It happened to what is at these paths, as it does when the power fails: what was in memory is lost. */
  unmount(node: string, paths: readonly string[]): void {
    for (const path of paths) this.#unmounted.add(`${node}:${path}`);
    this.data = this.data.filter(
      (data) => !(data.node === node && paths.includes(data.path) && isInMemory(data)),
    );
  }

  /** What is there is the volume, and not the directory below it. */
  canWrite(node: string, path: string): boolean {
    return this.isMounted(node) && !this.#unmounted.has(`${node}:${path}`);
  }

  /** By what the disks showed: at the end of the look it may have been brought back, and its data was not seen yet. */
  #noteMounts({ disks }: View): void {
    for (const place of this.#unmounted) {
      const [node = '', path = ''] = place.split(':');
      const disk = disks.get(node);
      if (!disk?.directories.has(path) || disk.mounted.has(path)) this.#unmounted.delete(place);
    }
  }

  /** Everything has come to rest: agents that run know all that there is. */
  rest(): void {
    for (const data of this.data) {
      if (this.isServed(data.node)) data.settledPolicy = data.policy;
    }
  }

  /** What an index of a command stands for, whatever there is. */
  pick<T>(list: readonly T[], at: number): T {
    return list[at % list.length]!;
  }

  get setNames(): string[] {
    return [...this.sets.keys()].toSorted();
  }

  volumeOf(claim: ClaimSeen): VolumeSeen | undefined {
    return this.view.volumes.find(({ claim: uid, name }) => uid === claim.uid && name === claim.volume);
  }

  /** Where a bound claim's data is, also when its volume is not there. */
  nodeOf(claim: ClaimSeen): string {
    const data = this.data.find(({ owner }) => owner === claim.uid);
    return this.volumeOf(claim)?.node ?? data?.node ?? claim.selectedNode ?? '';
  }

  claimsOf(pod: PodSeen): (ClaimSeen | undefined)[] {
    return pod.claims.map((name) => this.view.claims.find((claim) => claim.name === name));
  }

  dataAt(node: string, path: string): Data | undefined {
    return this.data.find((data) => data.node === node && data.path === path);
  }
}

/** Nobody will ever ask for it again. */
function isOver(data: Data, view: View): boolean {
  const isKnown =
    view.claims.some(({ uid }) => uid === data.owner) ||
    view.volumes.some(({ claim }) => claim === data.owner);
  return data.owner !== undefined && !isKnown && presenceOf(data, view) === 'absent';
}

function* sharedPaths({ volumes }: View): Iterable<string> {
  for (const [place, all] of Map.groupBy(volumes, ({ node, path }) => `${node}:${path}`)) {
    if (all.length > 1) yield `${all.map(({ name }) => name).join(' and ')} both lead to ${place}`;
  }
}
