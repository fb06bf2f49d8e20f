import { directorySize, persistentVolume, persistentVolumeName } from '../tars/persistent-volume.ts';
import { PROVISIONER } from '../tars/vocabulary.ts';
import type { ClaimView, Wanted } from './claim-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { adoptedText, asAdopted } from './owner.ts';
import { absolutePath, type ClassView, type PathState } from './state.ts';
import { aboutClaim, type Decision, type Step, steps } from './step.ts';

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
  const fault = placeFault(state);
  if (fault !== undefined) return fail(claim, fault);
  const isMade = state.entry?.state === 'made';
  const isFull = state.freeBytes < claim.requestBytes;
  if (isFull && !isMade && state.found.kind !== 'filled') return full(state, claim);
  const entry = entryFor(state, claim, wanted, storageClass);
  return steps(
    ...making(state, claim, wanted, entry),
    { do: 'create-volume', volume: volumeFor(state, claim, wanted, entry) },
    told(state, claim, wanted, entry.volume),
  );
}

/** The directory, and what the ledger has of it. */
function making(state: PathState, claim: ClaimView, wanted: Wanted, entry: LedgerEntry): Step[] {
  const { found, entry: known } = state;
  const isMade = known?.state === 'made';
  // What the ledger calls made may be in use already, although it is empty.
  const isHere = found.kind === 'filled' || (found.kind === 'empty' && isMade);
  if (isHere && isMade && known.claim?.uid === entry.claim?.uid) return [];
  if (isHere)
    return [{ do: 'record', entry: { ...entry, state: 'made', ...ownerHere(state, claim, wanted) } }];
  return [
    { do: 'record', entry: { ...entry, state: 'making' } },
    { do: 'make', wanted: { owner: wanted.owner, size: claim.requestBytes } },
    { do: 'record', entry: { ...entry, state: 'made' } },
  ];
}

/** What is there keeps its owner until the claim asks for another: then the ledger shows a difference. */
function ownerHere(
  state: PathState,
  claim: ClaimView,
  wanted: Wanted,
): Pick<LedgerEntry, 'owner' | 'adopted'> {
  const { entry, found } = state;
  if (found.kind === 'filled' && isNewTo(state, claim)) return asAdopted(found.owner, wanted.owner);
  if (!entry) return { owner: wanted.owner };
  const { owner, adopted } = entry;
  return adopted ? { owner, adopted } : { owner };
}

/** What is there is not its data, as far as the ledger knows. */
const isNewTo = ({ entry }: PathState, { uid, volumeName }: ClaimView): boolean =>
  volumeName === undefined && (entry?.claim?.uid !== uid || entry.state === 'making');

type NewEntry = LedgerEntry & { readonly reclaimPolicy: string };

function entryFor(state: PathState, claim: ClaimView, wanted: Wanted, storageClass: ClassView): NewEntry {
  const { namespace, name, uid } = claim;
  // A volume that is made again for its claim has the policy that people gave it.
  const { entry } = state;
  const known = entry?.claim?.uid === uid && entry.state !== 'making' ? entry.reclaimPolicy : undefined;
  return {
    version: 1,
    state: 'making',
    path: state.path,
    // A claim that was bound before gets the volume that it names.
    volume: claim.volumeName ?? persistentVolumeName(wanted.address, state.site.node, absolutePath(state)),
    storageClass: claim.storageClass,
    reclaimPolicy: known ?? storageClass.reclaimPolicy,
    ...(isOffer(state, claim) ? {} : { claim: { namespace, name, uid } }),
    owner: wanted.owner,
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
  { volume, reclaimPolicy }: NewEntry,
) {
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
    size: directorySize(claim.request),
    sizeEnforced: false,
    reclaimPolicy,
    ...(isOffer(state, claim) ? {} : { claim: { namespace, name: claimName, uid } }),
  });
}

function told(state: PathState, claim: ClaimView, wanted: Wanted, volume: string): Step {
  const where = `${absolutePath(state)} on node ${state.site.node}`;
  const about = aboutClaim(claim);
  if (claim.volumeName !== undefined) {
    const message = `volume ${volume} was gone and is made again; its data at ${where} was not touched`;
    return { do: 'say', about, reason: 'VolumeRestored', message };
  }
  if (isOffer(state, claim)) {
    return { do: 'say', about, reason: 'VolumeOffered', message: `volume ${volume} is offered: ${where}` };
  }
  const { found } = state;
  if (found.kind === 'filled' && isNewTo(state, claim)) {
    const message = `volume ${volume} has the data at ${where}${adoptedText(found.owner, wanted.owner)}`;
    return { do: 'say', about, reason: 'VolumeAdopted', message };
  }
  return { do: 'say', about, reason: 'VolumeProvisioned', message: `volume ${volume} is ${where}` };
}

/** The class, or why it cannot be served: a fault that no other node could mend, so the claim stays as it is. */
function classFor(state: PathState, claim: ClaimView): ClassView | { readonly fault: string } {
  const storageClass = state.classes.get(claim.storageClass);
  if (!storageClass)
    return { fault: `there is no StorageClass ${claim.storageClass}; make it, or delete the claim` };
  const provisioner = claim.way === 'on-demand' ? PROVISIONER : NO_PROVISIONER;
  if (storageClass.provisioner === provisioner) return storageClass;
  return {
    fault: `StorageClass ${storageClass.name} has provisioner ${storageClass.provisioner}, and the agent is told that it is ${claim.way}, which means ${provisioner}; set --classes of webhook and agents to what the class is`,
  };
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

/** A fault of the node: on demand the scheduler tries another one. An offer is made when there is room again. */
function full(state: PathState, claim: ClaimView): Decision {
  if (claim.way !== 'on-demand' || claim.volumeName !== undefined) {
    return { kind: 'steps', steps: [], againMs: 30_000 };
  }
  const message = `node ${state.site.node} has ${Math.floor(state.freeBytes / 2 ** 20)}Mi to give at ${state.site.root}, less than the ${claim.request} asked for; the scheduler looks for another node`;
  const undo: Step[] = state.entry ? [{ do: 'discard' }, { do: 'forget' }] : [];
  return steps(...undo, { do: 'hand-back', claim }, say(claim, message));
}

function say(claim: ClaimView, message: string): Step {
  return { do: 'say', about: aboutClaim(claim), reason: 'ClaimHandedBack', message };
}
