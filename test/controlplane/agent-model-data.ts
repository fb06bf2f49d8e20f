import { classAt } from './agent-model-backends.ts';
import { type DiskSeen, imageOf } from './agent-model-disk.ts';
import type { ClaimSeen, View, VolumeSeen } from './agent-model-view.ts';

/** Data that somebody wrote: what must become of it, whatever is done to the cluster. */
export interface Data {
  /** Its claim, by uid; undefined for what nobody asked for. */
  owner: string | undefined;
  readonly node: string;
  readonly path: string;
  readonly lines: readonly string[];
  /** Of its volume, as it was last seen or set. */
  policy: string | undefined;
  /** The same, when everything had come to rest and its agent must have known it. */
  settledPolicy: string | undefined;
  /** Its volume was last seen with this uid. */
  volume: string | undefined;
  /** Its volume was taken away by force while its claim lived and no agent ran: only the ledger knows of it. */
  isCut: boolean;
  /** The same, but the agent may have had its hands on it: nobody can say which was first. */
  isLoose: boolean;
  /** There was a time when its agent could have removed it. */
  isTouched: boolean;
}

export const dataAt = (node: string, path: string, lines: readonly string[], owner?: string): Data => ({
  owner,
  node,
  path,
  lines,
  policy: undefined,
  settledPolicy: undefined,
  volume: undefined,
  isCut: false,
  isLoose: false,
  isTouched: false,
});

/** `unmounted`: it is in an image that nothing shows. */
type Presence = 'same' | 'changed' | 'absent' | 'unmounted';

/** As the disk shows it. Data is moved away as a whole, so any part of it at its place means that it was to stay. */
export function presenceOf(data: Data, { disks }: View): Presence {
  const { node, path, lines } = data;
  const disk = disks.get(node);
  const found = disk?.directories.get(path)?.lines ?? [];
  if (found.length === 0 && disk && isInImage(data, disk)) return 'unmounted';
  if (found.length === lines.length && found.every((line, index) => line === lines[index])) return 'same';
  return lines.some((line) => found.includes(line)) ? 'changed' : 'absent';
}

const isInImage = ({ owner, path }: Data, { mounted, images }: DiskSeen): boolean =>
  owner !== undefined && images.has(imageOf(path)) && !mounted.has(path);

/** It ends with the power of its node. */
export const isInMemory = ({ owner, path }: Data): boolean =>
  owner !== undefined && classAt(path).backend === 'tmpfs';

/** What a model knows of nodes. */
interface Knowledge {
  /** Its agent may have done something. */
  readonly mayWork: (node: string) => boolean;
  /** Something has unmounted it that was no agent. */
  readonly wasUnmounted: (node: string, path: string) => boolean;
}

/** Follows what may happen to the data, and says what must not have. */
export function follow(data: Data, view: View, known: Knowledge): string | undefined {
  const volume = view.volumes.find(({ claim }) => claim === data.owner);
  if (volume && isWeakened(data, volume)) return `${nameOf(data)} was to be kept, and is not any more`;
  if (volume) noteVolume(data, volume);
  const isAlive = view.claims.some(({ uid }) => uid === data.owner);
  if (!isAlive && data.policy === 'Delete' && !data.isCut && known.mayWork(data.node)) data.isTouched = true;
  return damageTo(data, view, isAlive, known);
}

function damageTo(data: Data, view: View, isAlive: boolean, { wasUnmounted }: Knowledge): string | undefined {
  const presence = presenceOf(data, view);
  if (presence === 'changed') return `${nameOf(data)} was changed`;
  if (presence === 'same' || !(isAlive || !mayGo(data))) return undefined;
  if (presence === 'absent') return `${nameOf(data)} is gone`;
  return wasUnmounted(data.node, data.path) ? undefined : `${nameOf(data)} was unmounted`;
}

const nameOf = ({ owner, node, path }: Data): string =>
  `the data of ${owner ?? 'a stranger'} at ${node}:${path}`;

/** Somebody wanted the data to outlive its claim, and a volume that was made again forgot it. */
function isWeakened({ volume, policy, settledPolicy }: Data, now: VolumeSeen): boolean {
  const wasRetain = policy === 'Retain' && settledPolicy === 'Retain';
  return volume !== undefined && volume !== now.uid && wasRetain && now.policy !== 'Retain';
}

function noteVolume(data: Data, { uid, policy }: VolumeSeen): void {
  if (data.volume !== uid) [data.isCut, data.isLoose] = [false, false];
  [data.volume, data.policy] = [uid, policy];
}

function mayGo({ owner, policy, isCut, isTouched }: Data): boolean {
  if (owner === undefined) return false;
  return isTouched || (policy === 'Delete' && !isCut);
}

/** That it is still there is wrong in the long run. */
export function mustGo({ owner, policy, isCut, isLoose }: Data, { claims }: View): boolean {
  if (owner === undefined || claims.some(({ uid }) => uid === owner)) return false;
  return policy === 'Delete' && !isCut && !isLoose;
}

/** A claim that was told to may have it. */
export function inherit(data: Data, view: View): ClaimSeen | undefined {
  const volume = view.volumes.find(({ node, path }) => node === data.node && path === data.path);
  const heir = view.claims.find(({ uid, mayAdopt }) => mayAdopt && uid === volume?.claim);
  if (!heir || heir.uid === data.owner || presenceOf(data, view) !== 'same') return undefined;
  // What was to become of it as another's is over: now its new volume says it.
  Object.assign(data, dataAt(data.node, data.path, data.lines, heir.uid));
  return heir;
}
