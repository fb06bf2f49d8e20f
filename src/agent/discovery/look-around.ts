import { messageOf } from '../../tars/message-of.ts';
import { Directory } from '../os/directory.ts';
import { lookAtDisk, type Seen } from '../os/disk-look.ts';
import type { VolumeView } from '../volume-view.ts';
import type { DiscoveredClass } from './config.ts';
import { type Place, placeAt, placeOf } from './place.ts';
import type { Recorded } from './records.ts';

/** One place with what is there. */
export interface SeenPlace {
  readonly place: Place;
  readonly seen: Seen;
  /** Another place where the same disk is. */
  readonly rival: Place | undefined;
}

export interface Around {
  readonly classes: readonly DiscoveredClass[];
  readonly node: string;
  /** Of this node, the discovered ones. */
  readonly volumes: readonly VolumeView[];
  readonly records: ReadonlyMap<string, Recorded>;
  /** Whether to ask if a device is in use. */
  readonly asksForUse: (place: Place) => boolean;
}

/** Looks at every place there is: what is in the directories, and what volumes and records speak of. */
export async function lookAround(around: Around): Promise<{
  readonly places: readonly SeenPlace[];
  /** Directories that cannot be looked into, in words. */
  readonly faults: readonly string[];
}> {
  const [places, faults] = [new Map<string, { place: Place; seen: Seen }>(), [] as string[]];
  for (const discovered of around.classes) {
    const known = knownPlaces(discovered, around);
    const { seen, why } = await lookInto(discovered, known, around);
    for (const each of seen) places.set(each.place.hash, each);
    if (why !== undefined) faults.push(why);
  }
  const all = [...places.values()];
  return { places: all.map((each) => ({ ...each, rival: rivalOf(each, all) })), faults };
}

/** Where a volume or a record of the class is, whatever is there now. */
function knownPlaces(discovered: DiscoveredClass, { volumes, records, node }: Around): Place[] {
  const recorded = [...records.values()].flatMap((record) => ('why' in record ? [] : [record]));
  return [...volumes, ...recorded].flatMap((each) => placeAt([discovered], each, node) ?? []);
}

async function lookInto(discovered: DiscoveredClass, known: readonly Place[], { node, asksForUse }: Around) {
  try {
    await using folder = await Directory.openRoot(discovered.mountDir);
    const places = new Map(known.map((place) => [place.hash, place]));
    for await (const { name } of folder.entries()) {
      const text = name.toString();
      // What is not UTF-8 cannot be told to the cluster.
      if (!discovered.names.test(text) || !Buffer.from(text).equals(name)) continue;
      const place = placeOf(discovered, text, node);
      places.set(place.hash, place);
    }
    const seen: { place: Place; seen: Seen }[] = [];
    for (const place of places.values())
      seen.push({ place, seen: await lookAtDisk(folder, place.name, { asksForUse: asksForUse(place) }) });
    return { seen, why: undefined };
  } catch (error) {
    const { mountDir, storageClass } = discovered;
    const why = `${mountDir} of class ${storageClass} cannot be looked into: ${messageOf(error)}; make the directory, or correct mountDir, which is where the agent's pod sees it`;
    const unknown = { kind: 'unknown', why: `cannot be looked at: ${messageOf(error)}` } as const;
    return { seen: known.map((place) => ({ place, seen: unknown })), why };
  }
}

function rivalOf(
  { place, seen }: { readonly place: Place; readonly seen: Seen },
  all: readonly { readonly place: Place; readonly seen: Seen }[],
): Place | undefined {
  if (seen.kind !== 'disk') return undefined;
  return all.find((other) => {
    const isSame = other.seen.kind === 'disk' && other.seen.now === seen.now;
    return isSame && other.place.hash !== place.hash;
  })?.place;
}
