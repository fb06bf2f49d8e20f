import { type Disk, isSameDisk } from '../os/disk-look.ts';
import type { VolumeView } from '../volume-view.ts';
import type { SeenPlace } from './look-around.ts';
import type { DiscoveryRecord } from './record.ts';
import type { Recorded } from './records.ts';

/** What was written down of the same disk when it was at another place. */
export interface Elsewhere {
  readonly record: DiscoveryRecord;
  readonly recordFile: string;
  /** A volume leads there still. */
  readonly isOffered: boolean;
}

/** What a look has shown, and what is known beside. */
export interface Around {
  readonly places: readonly SeenPlace[];
  readonly records: ReadonlyMap<string, Recorded>;
  readonly byPath: ReadonlyMap<string, readonly VolumeView[]>;
  readonly fileOf: (hash: string) => string;
}

/** What this node knows of it that is here now, and was somewhere else before; undefined where it knows nothing. */
export function elsewhereOf(
  { place, seen }: SeenPlace,
  { places, records, byPath, fileOf }: Around,
): Elsewhere | undefined {
  if (seen.kind !== 'disk' || !isUnique(seen.disk)) return undefined;
  for (const [hash, record] of records) {
    if (hash === place.hash || 'why' in record || !isSameDisk(seen.disk, record.disk)) continue;
    // Two that cannot be told from each other are two, where both are there.
    const there = places.find((each) => each.place.hash === hash)?.seen;
    if (there?.kind === 'disk' && isSameDisk(there.disk, record.disk)) continue;
    return { record, recordFile: fileOf(hash), isOffered: (byPath.get(record.path) ?? []).length > 0 };
  }
  return undefined;
}

/** Devices without a serial and a link are all the same, as far as their sizes are. */
const isUnique = (disk: Disk): boolean =>
  disk.kind === 'filesystem' || disk.serial !== undefined || disk.link !== undefined;
