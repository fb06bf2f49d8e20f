import { directorySize, persistentVolume, persistentVolumeName } from '../tars/persistent-volume.ts';
import { quantityOf } from '../tars/quantity.ts';
import type { ClaimView, Wanted } from './claim-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { adoptedText, asAdopted } from './owner.ts';
import { classFor, placeFault } from './served-class.ts';
import { absolutePath, holdsData, isLost, type PathState } from './state.ts';
import { aboutClaim, type Decision, type Step, steps } from './step.ts';
import { madeOf, sourceNameOf, type Storage } from './storage.ts';

/** A claim that can be served here, and how its volume is to be kept. */
interface Order {
  readonly claim: ClaimView;
  readonly wanted: Wanted;
  readonly storage: Storage;
  readonly reclaimPolicy: string;
}

/**
 * Makes, or goes on making, the volume that a claim waits for: on demand for that claim, else as an offer.
 * The ledger has it before the disk, and the disk before the cluster.
 */
export function provision(state: PathState, claim: ClaimView): Decision {
  const { wanted } = claim;
  if ('fault' in wanted) return fail(claim, wanted.fault);
  const storageClass = classFor(state, claim);
  if ('fault' in storageClass) return fail(claim, storageClass.fault);
  const fault = placeFault(state, claim, storageClass.storage);
  if (fault !== undefined) return fail(claim, fault);
  const { storage: here, missing } = state.kept;
  if (missing !== undefined) return elsewhere(state, claim, `cannot keep its volume: ${missing}`);
  const storage = { ...here, size: sizeFor(state, claim, storageClass.storage) };
  if (isFull(state, storage.size)) return elsewhere(state, claim, noRoom(state, claim, storage.size));
  const order: Order = { claim, wanted, storage, reclaimPolicy: policyFor(state, claim, storageClass) };
  const entry = entryFor(state, order);
  return steps(
    ...making(state, order, entry),
    { do: 'create-volume', volume: volumeFor(state, order, entry.volume) },
    told(state, order, entry.volume),
  );
}

/** One that was bound comes back as large as it is: whether it can grow is the next question, and no reason to wait. */
function sizeFor(state: PathState, { volumeName }: ClaimView, asked: Storage): number {
  const { size } = state.kept.storage;
  return volumeName !== undefined && isHere(state) ? size : Math.max(size, asked.size);
}

/** What is there has its room already. */
function isFull(state: PathState, size: number): boolean {
  const { entry, freeBytes, kept } = state;
  const isEnough = !kept.traits.enforcesSize || size <= kept.storage.size;
  return freeBytes < size && !((isHere(state) || entry?.state === 'made') && isEnough);
}

/** The volume on the disk, and what the ledger has of it. */
function making(state: PathState, order: Order, entry: LedgerEntry): Step[] {
  if (isHere(state)) return takingOver(state, order, entry);
  return [
    { do: 'record', entry: { ...entry, state: 'making' } },
    { do: 'make', wanted: madeOf(order.storage, order.wanted.owner) },
    { do: 'record', entry: { ...entry, state: 'made' } },
  ];
}

/** What the ledger calls made may be in use already, although it is empty. */
function isHere(state: PathState): boolean {
  const { found, entry } = state;
  if (found.kind === 'empty' || isLost(state)) return entry?.state === 'made';
  return found.kind === 'filled' || isDetached(found, entry);
}

/** One that was just being made when the agent died was never in its place. */
const isDetached = (found: PathState['found'], entry: PathState['entry']): boolean =>
  found.kind === 'detached' && entry?.state !== 'making';

/**
 * It stays as it is: brought into its place, written down as its claim's, and as large as it is promised. That it is so
 * large already is not known: an agent may have died before it grew, or somebody else have made what is there.
 */
function takingOver(state: PathState, order: Order, entry: LedgerEntry): Step[] {
  const { found, entry: known, kept } = state;
  const { size } = order.storage;
  const owned = ownerHere(state, order);
  const attach: Step = { do: 'attach', wanted: madeOf(kept.storage, owned.owner) };
  const record: Step = { do: 'record', entry: { ...entry, state: 'made', ...owned } };
  const attached = isDetached(found, known) ? [attach] : [];
  const recorded = isWrittenDown(state, order, entry) ? [] : [record];
  const grown: Step[] = kept.traits.enforcesSize ? [{ do: 'grow', size }] : [];
  // Nothing says that it was ever given a limit: the backend sees to that, or refuses it before it is anybody's.
  const isStrange = known === undefined || known.state === 'making';
  return isStrange ? [...attached, ...grown, ...recorded] : [...attached, ...recorded, ...grown];
}

/** As this claim's, and as large as it is to be. */
function isWrittenDown(
  { entry: known, kept }: PathState,
  { storage }: Order,
  { claim }: LedgerEntry,
): boolean {
  const isPromised = known?.storage === undefined || storage.size <= kept.storage.size;
  return known?.state === 'made' && known.claim?.uid === claim?.uid && isPromised;
}

/** What is there keeps its owner until the claim asks for another: then the ledger shows a difference. */
function ownerHere(state: PathState, { claim, wanted }: Order): Pick<LedgerEntry, 'owner' | 'adopted'> {
  const { entry, found } = state;
  if (found.kind === 'filled' && isNewTo(state, claim)) return asAdopted(found.owner, wanted.owner);
  if (!entry) return { owner: wanted.owner };
  const { owner, adopted } = entry;
  return adopted ? { owner, adopted } : { owner };
}

/** What is there is not its data, as far as the ledger knows. */
const isNewTo = ({ entry }: PathState, { uid, volumeName }: ClaimView): boolean =>
  volumeName === undefined && (entry?.claim?.uid !== uid || entry.state === 'making');

/** A volume that is made again for its claim has the policy that people gave it. */
function policyFor(
  { entry }: PathState,
  { uid }: ClaimView,
  { reclaimPolicy }: { readonly reclaimPolicy: string },
) {
  const known = entry?.claim?.uid === uid && entry.state !== 'making' ? entry.reclaimPolicy : undefined;
  return known ?? reclaimPolicy;
}

function entryFor(state: PathState, { claim, wanted, storage, reclaimPolicy }: Order): LedgerEntry {
  const { namespace, name, uid } = claim;
  const isPlain = storage.backend === 'directory';
  return {
    version: isPlain ? 1 : 2,
    state: 'making',
    path: state.path,
    // A claim that was bound before gets the volume that it names.
    volume: claim.volumeName ?? persistentVolumeName(wanted.address, state.site.node, absolutePath(state)),
    storageClass: claim.storageClass,
    reclaimPolicy,
    ...(isOffer(state, claim) ? {} : { claim: { namespace, name, uid } }),
    owner: wanted.owner,
    ...(isPlain ? {} : { storage }),
  };
}

/** For any claim that fits. What holds data already is for nobody but the claim that has a right to it. */
function isOffer({ found }: PathState, { way, volumeName }: ClaimView): boolean {
  return (
    way === 'per-node' && volumeName === undefined && found.kind !== 'filled' && found.kind !== 'detached'
  );
}

function volumeFor(state: PathState, { claim, wanted, storage, reclaimPolicy }: Order, volume: string) {
  const { enforcesSize } = state.kept.traits;
  const { namespace, name: claimName, uid, way } = claim;
  return persistentVolume({
    name: volume,
    address: wanted.address,
    path: absolutePath(state),
    node: state.site.node,
    hostname: state.site.hostname,
    pool: state.site.pool,
    storageClass: claim.storageClass,
    way,
    accessMode: claim.accessMode,
    size: enforcesSize ? sizeText(storage.size, claim) : directorySize(claim.request),
    sizeEnforced: enforcesSize,
    reclaimPolicy,
    ...(isOffer(state, claim) ? {} : { claim: { namespace, name: claimName, uid } }),
  });
}

/** As people wrote it, where that is what it holds. */
const sizeText = (size: number, { request, requestBytes }: ClaimView): string =>
  size === requestBytes ? request : quantityOf(size);

function told(state: PathState, { claim, wanted }: Order, volume: string): Step {
  const where = `${absolutePath(state)} on node ${state.site.node}`;
  const about = aboutClaim(claim);
  if (claim.volumeName !== undefined) {
    if (isLost(state)) {
      const message = `volume ${volume} was gone and is made again; ${where} was in memory, which was lost when the node went down, and is empty`;
      return { do: 'say', about, reason: 'VolumeDataLost', message };
    }
    const message = `volume ${volume} was gone and is made again; its data at ${where} was not touched`;
    return { do: 'say', about, reason: 'VolumeRestored', message };
  }
  if (isOffer(state, claim)) {
    return { do: 'say', about, reason: 'VolumeOffered', message: `volume ${volume} is offered: ${where}` };
  }
  const { found } = state;
  if (holdsData(state) && isNewTo(state, claim)) {
    const whose = 'owner' in found ? adoptedText(found.owner, wanted.owner) : '';
    const message = `volume ${volume} has the data at ${where}${whose}`;
    return { do: 'say', about, reason: 'VolumeAdopted', message };
  }
  return { do: 'say', about, reason: 'VolumeProvisioned', message: `volume ${volume} is ${where}` };
}

function fail(claim: ClaimView, message: string): Decision {
  return steps({ do: 'say', about: aboutClaim(claim), reason: 'ProvisioningFailed', message });
}

/** A fault of the node: on demand the scheduler tries another one. An offer is made when the node can again. */
function elsewhere(state: PathState, claim: ClaimView, why: string): Decision {
  if (claim.way !== 'on-demand' || claim.volumeName !== undefined) {
    return { kind: 'steps', steps: [], againMs: 30_000 };
  }
  const message = `node ${state.site.node} ${why}; the scheduler looks for another node`;
  const undo: Step[] = isUnused(state) ? [{ do: 'discard' }, { do: 'forget' }] : [];
  return steps(...undo, { do: 'hand-back', claim }, say(claim, message));
}

/** It was begun, and nobody has anything in it. What holds data stays whose it is, and what cannot be looked at too. */
function isUnused(state: PathState): boolean {
  const { entry, kept } = state;
  if (!entry || kept.missing !== undefined) return false;
  return entry.state === 'making' || !holdsData(state);
}

function noRoom({ freeBytes, kept, site }: PathState, claim: ClaimView, size: number): string {
  const source = sourceNameOf(kept.storage);
  const where = source === 'pool' ? `at ${site.root}` : `of its ${source}`;
  return `has ${Math.floor(freeBytes / 2 ** 20)}Mi to give ${where}, less than ${wantedText(size, claim)}`;
}

function wantedText(size: number, { request, requestBytes, storageClass }: ClaimView): string {
  if (size === requestBytes) return `the ${request} asked for`;
  return `the ${quantityOf(size)} that class ${storageClass} makes of the ${request} asked for`;
}

function say(claim: ClaimView, message: string): Step {
  return { do: 'say', about: aboutClaim(claim), reason: 'ClaimHandedBack', message };
}
