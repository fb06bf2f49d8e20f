import type { BeforeEffect } from '../../cluster/effect.ts';
import { DeviceChanged, overwrite } from '../os/block-device.ts';
import { runCleaner } from '../os/cleaner-command.ts';
import { Directory } from '../os/directory.ts';
import { isSameDisk, lookAtDisk } from '../os/disk-look.ts';
import { isProgram } from '../os/key-files.ts';
import type { Pace } from '../trash-item.ts';
import type { Place } from './place.ts';
import type { DiscoveryRecord } from './record.ts';
import { missingText, type SeenDisk } from './state.ts';
import { wipe, WipeRefused } from './wipe.ts';

export interface CleanOptions {
  readonly signal: AbortSignal;
  readonly before?: BeforeEffect | undefined;
  readonly pace: Pace;
  readonly wrote: (bytes: number) => void;
}

/** Those that the static provisioner's image has: what they do, the agent does without them. */
const KNOWN_SCRIPTS = new Set(
  ['blkdiscard', 'dd_zero', 'quick_reset', 'shred'].map((name) => `/scripts/${name}.sh`),
);

/** Removes all data from the disk of a record, and returns when that is confirmed. */
export async function clean(place: Place, record: DiscoveryRecord, options: CleanOptions): Promise<void> {
  const path = `${place.of.mountDir}/${place.name}`;
  if (record.disk.kind === 'filesystem') return await wipe(path, { ...options, disk: record.disk });
  const { now: number, bytes } = await nobodysDevice(place, record);
  const cleaner = await cleanerOf(place);
  const { signal, before, wrote } = options;
  const announced = before ? { before } : {};
  if (cleaner) return await runCleaner({ argv: cleaner, device: path, signal, ...announced });
  return await overwrite(path, { number, bytes, signal, wrote, ...announced });
}

/** The device of the record, which is nobody's at this moment. */
async function nobodysDevice({ of, name, path }: Place, record: DiscoveryRecord): Promise<SeenDisk> {
  await using folder = await Directory.openRoot(of.mountDir);
  const seen = await lookAtDisk(folder, name, { asksForUse: true });
  if (seen.kind !== 'disk') throw new WipeRefused(missingText(seen, path));
  if (!isSameDisk(seen.disk, record.disk)) throw new DeviceChanged(path);
  if (seen.inUse !== undefined) throw new WipeRefused(`${path} ${seen.inUse}`);
  return seen;
}

async function cleanerOf({ of: { cleaner } }: Place): Promise<readonly string[] | undefined> {
  const [program = ''] = cleaner ?? [];
  return KNOWN_SCRIPTS.has(program) && !(await isProgram(program)) ? undefined : cleaner;
}
