import type { DiscoveryModel, DiskModel } from './agent-discovery-model-state.ts';
import { PLACES } from './agent-discovery-model-state.ts';
import type { DiskName } from './agent-discovery-model-disks.ts';
import type { DiskVolume } from './agent-discovery-model-view.ts';

/** What the agent says that it does not offer: how many of these, and the words that it has said. */
export interface Told {
  readonly refused: number;
  readonly words: readonly string[];
}

/** What is not as it has to be when nothing is under way, in words; nothing where all is well. */
export function complaints(model: DiscoveryModel, told: Told | undefined): string[] {
  return [
    ...model.view.claims.flatMap((claim) => unserved(model, claim.uid)),
    ...(told ? PLACES.flatMap((place) => atPlace(model, place)) : []),
    ...(told ? untold(model, told) : []),
  ];
}

function atPlace(model: DiscoveryModel, place: string): string[] {
  const volume = model.volumeAt(place);
  if (volume) return ofVolume(model, volume);
  const disk = model.at(place);
  return disk && !awaits(model, place, disk) ? [`${disk[0]} at ${place} is not offered`] : [];
}

function ofVolume(model: DiscoveryModel, volume: DiskVolume): string[] {
  const { name, place, phase, policy, claim, isDeleting } = volume;
  const disk = model.diskOf(volume);
  const what = `${name} at ${place}`;
  if (claim === undefined) {
    if (!disk) return [`${what} is offered without its disk`];
    return phase === 'Available' && !isDeleting ? [] : [`${what} is ${phase}, and nobody's`];
  }
  if (model.claim(claim))
    return phase === 'Bound' ? [] : [`${what} is ${phase}, and claim ${claim} is there`];
  if (phase !== 'Released') return [`${what} is ${phase}, and claim ${claim} is gone`];
  if (isDeleting) return [`${what} is being deleted, and stays`];
  return policy === 'Delete' && disk ? [`${what} is Released, and stays`] : [];
}

/** It is not offered, which is right: it has data that is not known to be free to go, or another disk is awaited. */
function awaits(model: DiscoveryModel, place: string, [name, disk]: [DiskName, DiskModel]): boolean {
  const awaited = model.recorded.get(place);
  if (awaited !== undefined && awaited !== name) return true;
  if ([...disk.former].some((where) => !model.at(where) && model.volumeAt(where)?.claim !== undefined))
    return true;
  const { data } = disk;
  if (!data) return false;
  const isFree = data.policy === 'Delete' && data.settledPolicy === 'Delete';
  const isAlive = model.claim(data.owner) !== undefined;
  return data.place !== place || !isFree || isAlive;
}

/** A claim that had its volume has it again, where its disk is. */
function unserved(model: DiscoveryModel, uid: string): string[] {
  const claim = model.claim(uid)!;
  const [name, disk] = [...model.disks].find(([, { data }]) => data?.owner === uid) ?? [];
  if (claim.phase !== 'Lost' || !model.hasAgent || !disk?.data?.settledPolicy) return [];
  if (disk.at !== disk.data.place || model.recorded.get(disk.at) !== name) return [];
  return [`claim ${claim.name} is Lost, and its disk ${name} is at ${disk.at}`];
}

/** Whatever is mounted and not offered is told of. */
function untold(model: DiscoveryModel, { refused, words }: Told): string[] {
  const waiting = PLACES.filter((place) => model.at(place) && !model.volumeAt(place));
  const silent = waiting.filter((place) => !words.some((text) => text.includes(`/${place} `)));
  if (silent.length > 0) return [`nobody was told why ${silent.join(', ')} is not offered`];
  return refused < waiting.length ? [`${refused} are told of, and ${waiting.length} wait`] : [];
}
