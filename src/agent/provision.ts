import type { ClassParameters } from '../tars/class-parameters.ts';
import { directorySize, persistentVolume, persistentVolumeName } from '../tars/persistent-volume.ts';
import { quantityOf } from '../tars/quantity.ts';
import { PROVISIONER } from '../tars/vocabulary.ts';
import type { ClaimView, Wanted } from './claim-view.ts';
import type { ClassView } from './class-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { absolutePath, type PathState } from './state.ts';
import { aboutClaim, type Decision, type Step, steps } from './step.ts';
import { madeOf, sourceNameOf, type Storage, storageFor } from './storage.ts';

/** Of classes whose volumes are offered before anybody has chosen one. */
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

/**
 * Makes, or goes on making, the volume that a claim waits for: on demand for that claim, else as an offer.
 * The ledger has it before the disk, and the disk before the cluster.
 */
export function provision(state: PathState, claim: ClaimView): Decision {
  const { wanted } = claim;
  if ('fault' in wanted) return fail(claim, wanted.fault);
  const storageClass = classFor(state, claim);
  if ('fault' in storageClass) return fail(claim, storageClass.fault);
  const fault = placeFault(state) ?? keptOtherwise(state, claim, storageClass.storage);
  if (fault !== undefined) return fail(claim, fault);
  const { storage: here, missing } = state.kept;
  if (missing !== undefined)
    return elsewhere(state, claim, `cannot keep volumes by backend ${here.backend}: ${missing}`);
  const storage = { ...here, size: Math.max(here.size, storageClass.storage.size) };
  if (isFull(state, storage.size)) return elsewhere(state, claim, noRoom(state, claim, storage.size));
  const entry = entryFor(state, claim, wanted, { ...storageClass, storage });
  return steps(
    ...making(state, wanted, entry, storage),
    { do: 'create-volume', volume: volumeFor(state, claim, wanted, { ...entry, storage }) },
    told(state, claim, entry.volume),
  );
}

/** What is there has its room already. */
function isFull(state: PathState, size: number): boolean {
  const { entry, freeBytes, kept } = state;
  const isEnough = !kept.traits.enforcesSize || size <= kept.storage.size;
  return freeBytes < size && !((isHere(state) || entry?.state === 'made') && isEnough);
}

/** The volume on the disk, and what the ledger has of it. */
function making(state: PathState, wanted: Wanted, entry: LedgerEntry, storage: Storage): Step[] {
  if (isHere(state)) return takingOver(state, wanted, entry, storage);
  return [
    { do: 'record', entry: { ...entry, state: 'making' } },
    { do: 'make', wanted: madeOf(storage, wanted.owner) },
    { do: 'record', entry: { ...entry, state: 'made' } },
  ];
}

/** What the ledger calls made may be in use already, although it is empty. */
function isHere({ found, entry }: PathState): boolean {
  if (found.kind === 'empty') return entry?.state === 'made';
  return found.kind === 'filled' || isDetached(found, entry);
}

/** One that was just being made when the agent died was never in its place. */
const isDetached = (found: PathState['found'], entry: PathState['entry']): boolean =>
  found.kind === 'detached' && entry?.state !== 'making';

/** It stays as it is: brought into its place, written down as its claim's, and as large as that asks. */
function takingOver(state: PathState, wanted: Wanted, entry: LedgerEntry, storage: Storage): Step[] {
  const { found, entry: known, kept } = state;
  const owner = ownerHere(state, wanted);
  const grows = known?.storage !== undefined && storage.size > kept.storage.size;
  const isKnown = known?.state === 'made' && known.claim?.uid === entry.claim?.uid && !grows;
  const list: Step[] = [];
  if (isDetached(found, known)) list.push({ do: 'attach', wanted: madeOf(kept.storage, owner) });
  if (!isKnown) list.push({ do: 'record', entry: { ...entry, state: 'made', owner } });
  if (grows) list.push({ do: 'grow', size: storage.size });
  return list;
}

/** What is there keeps its owner until the claim asks for another: then the ledger shows a difference. */
function ownerHere(state: PathState, wanted: Wanted): LedgerEntry['owner'] {
  if (state.entry) return state.entry.owner;
  return 'owner' in state.found ? state.found.owner : wanted.owner;
}

type NewEntry = LedgerEntry & { readonly reclaimPolicy: string };

function entryFor(state: PathState, claim: ClaimView, wanted: Wanted, served: Served): NewEntry {
  const { namespace, name, uid } = claim;
  const { storage } = served;
  const isPlain = storage.backend === 'directory';
  // A volume that is made again for its claim has the policy that people gave it.
  const { entry } = state;
  const known = entry?.claim?.uid === uid && entry.state !== 'making' ? entry.reclaimPolicy : undefined;
  return {
    version: isPlain ? 1 : 2,
    state: 'making',
    path: state.path,
    // A claim that was bound before gets the volume that it names.
    volume: claim.volumeName ?? persistentVolumeName(wanted.address, state.site.node, absolutePath(state)),
    storageClass: claim.storageClass,
    reclaimPolicy: known ?? served.reclaimPolicy,
    ...(isOffer(state, claim) ? {} : { claim: { namespace, name, uid } }),
    owner: wanted.owner,
    ...(isPlain ? {} : { storage }),
  };
}

/** For any claim that fits. What holds data already is for nobody but the claim that has a right to it. */
function isOffer({ found }: PathState, { way, volumeName }: ClaimView): boolean {
  return way === 'per-node' && volumeName === undefined && found.kind !== 'filled';
}

function volumeFor(
  state: PathState,
  claim: ClaimView,
  { address }: Wanted,
  { volume, reclaimPolicy, storage }: NewEntry & { readonly storage: Storage },
) {
  const { enforcesSize } = state.kept.traits;
  const { namespace, name: claimName, uid, way } = claim;
  return persistentVolume({
    name: volume,
    address,
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

function told(state: PathState, claim: ClaimView, volume: string): Step {
  const where = `${absolutePath(state)} on node ${state.site.node}`;
  const about = aboutClaim(claim);
  if (claim.volumeName !== undefined) {
    const message = `volume ${volume} was gone and is made again; its data at ${where} was not touched`;
    return { do: 'say', about, reason: 'VolumeRestored', message };
  }
  if (isOffer(state, claim)) {
    return { do: 'say', about, reason: 'VolumeOffered', message: `volume ${volume} is offered: ${where}` };
  }
  const isOwn = state.entry?.claim?.uid === claim.uid && state.entry.state !== 'making';
  const filled = (state.found.kind === 'filled' || state.found.kind === 'detached') && !isOwn;
  return filled
    ? { do: 'say', about, reason: 'VolumeAdopted', message: `volume ${volume} has the data at ${where}` }
    : { do: 'say', about, reason: 'VolumeProvisioned', message: `volume ${volume} is ${where}` };
}

/** The class, or why it cannot be served: a fault that no other node could mend, so the claim stays as it is. */
function classFor(state: PathState, claim: ClaimView): Served | { readonly fault: string } {
  const storageClass = state.classes.get(claim.storageClass);
  if (!storageClass)
    return { fault: `there is no StorageClass ${claim.storageClass}; make it, or delete the claim` };
  const { name, parameters } = storageClass;
  const provisioner = claim.way === 'on-demand' ? PROVISIONER : NO_PROVISIONER;
  if (storageClass.provisioner !== provisioner) {
    return {
      fault: `StorageClass ${name} has provisioner ${storageClass.provisioner}, and the agent is told that it is ${claim.way}, which means ${provisioner}; set --classes of webhook and agents to what the class is`,
    };
  }
  if ('fault' in parameters) return { fault: `StorageClass ${name}: ${parameters.fault}` };
  return (
    sizeFault(claim, parameters) ?? { ...storageClass, storage: storageFor(parameters, claim.requestBytes) }
  );
}

/** A class, and how it wants the volume of this claim to be kept. */
type Served = ClassView & { readonly storage: Storage };

function sizeFault(
  { request, requestBytes, storageClass }: ClaimView,
  { maxBytes }: ClassParameters,
): { readonly fault: string } | undefined {
  if (requestBytes <= maxBytes) return undefined;
  return {
    fault: `spec.resources.requests.storage: ${request} is more than the ${quantityOf(maxBytes)} that StorageClass ${storageClass} allows (parameter maxSize); ask for less, or use another class`,
  };
}

/** Data stays as it is kept: whoever takes it over has to want it so. */
function keptOtherwise({ entry, kept }: PathState, claim: ClaimView, wanted: Storage): string | undefined {
  const { backend } = kept.storage;
  if (backend === wanted.backend || entry?.claim?.uid === claim.uid) return undefined;
  return `what is there is kept by backend ${backend}, and StorageClass ${claim.storageClass} says ${wanted.backend}; use a class of backend ${backend}, or move the data`;
}

/** Something is in the way at the path: what it is stays, and so does the claim. */
function placeFault(state: PathState): string | undefined {
  const { found } = state;
  if (found.kind === 'blocked') return found.why;
  if (found.kind !== 'mounted') return undefined;
  return `something is mounted at or below ${absolutePath(state)} on node ${state.site.node}; unmount it, or rename the volume`;
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
  const undo: Step[] = state.entry ? [{ do: 'discard' }, { do: 'forget' }] : [];
  return steps(...undo, { do: 'hand-back', claim }, say(claim, message));
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
