import type { VolumePath } from '../tars/host-path.ts';
import type { Found } from './backends/backend.ts';
import type { Backends } from './backends/backends.ts';
import type { ClaimView } from './claim-view.ts';
import type { ClassView } from './class-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import type { Room } from './room.ts';
import type { PathState } from './state.ts';
import { PLAIN, sourceNameOf, type Storage, storageFor } from './storage.ts';

/** What is asked of a pool about one path. */
export interface KeptIn {
  readonly backends: Pick<Backends, 'get' | 'missing' | 'traitsOf'>;
  readonly room: Pick<Room, 'left'>;
}

/** How the volume at a path is kept, and the room that there is for it. No disk is asked. */
export function keptAt(
  path: VolumePath,
  { backends, room }: KeptIn,
  entry: LedgerEntry | undefined,
  wanted: Storage | undefined,
): Pick<PathState, 'kept' | 'freeBytes'> {
  const storage = entry ? (entry.storage ?? PLAIN) : (wanted ?? PLAIN);
  const { backend } = storage;
  return {
    kept: { storage, traits: backends.traitsOf(backend), missing: backends.missing(backend) },
    freeBytes: room.left(sourceNameOf(storage), path),
  };
}

/**
 * What is found of it there.
 * @throws {BackendMissing} where this node cannot look at what the ledger has there
 */
export async function lookAt(
  { path, kept, entry }: Pick<PathState, 'path' | 'kept' | 'entry'>,
  backends: KeptIn['backends'],
): Promise<Found> {
  const canLook = kept.missing === undefined || entry !== undefined;
  return canLook ? await backends.get(kept.storage.backend).inspect(path) : { kind: 'absent' };
}

/** How the claim that is served first wants its volume to be kept; undefined where its class does not tell. */
export function wantedStorage(
  claims: readonly ClaimView[],
  classes: ReadonlyMap<string, ClassView>,
): Storage | undefined {
  const claim = claims.find(({ isDeleting, volumeName }) => !isDeleting && volumeName === undefined);
  const parameters = claim && classes.get(claim.storageClass)?.parameters;
  return parameters && !('fault' in parameters) ? storageFor(parameters, claim.requestBytes) : undefined;
}

/** How classes want volumes to be kept that need not have any yet. */
export function storagesOf(classes: Iterable<ClassView>): Storage[] {
  return [...classes].flatMap(({ parameters }) => ('fault' in parameters ? [] : [storageFor(parameters, 0)]));
}
