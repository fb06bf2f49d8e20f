import { OURS } from '../tars/vocabulary.ts';
import type { ClaimView } from './claim-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { adoptedText, asAdopted } from './owner.ts';
import { planPath, waiting } from './plan-path.ts';
import { planVolume } from './plan-volume.ts';
import { absolutePath, claimText, type PathState } from './state.ts';
import { aboutClaim, aboutVolume, type Decision, type Step, steps } from './step.ts';
import { madeOf } from './storage.ts';
import type { VolumeView } from './volume-view.ts';

/**
 * What to do next about one path, from all that is known of it. Pure.
 *
 * - Whatever state a crash has left, the plan goes on from there: nothing is remembered but what the state says.
 * - The steps are in the order in which a crash between any two of them loses nothing: the ledger before the disk, the
 *   disk before the cluster; and for taking away, the ledger, then the trash, then the cluster.
 * - What takes something away asks for a live look first.
 */
export function plan(state: PathState): Decision {
  const ours = state.volumes.find((volume) => isOurs(volume, state));
  if (ours && state.found.kind === 'detached' && isServed(ours)) return bringBack(state, ours);
  if (ours) return tellOthers(state, ours, planVolume(state, ours));
  const foreign = state.volumes.find((volume) => !isLettingGo(volume));
  return foreign ? planForeign(state, foreign) : planPath(state);
}

/** Finalizer, pool and ledger say so, all three. */
function isOurs(volume: VolumeView, { site, entry }: PathState): boolean {
  return volume.hasFinalizer && volume.pool === site.pool && entry?.volume === volume.name;
}

/** Somebody has its data, or wants to look at it. */
const isServed = ({ phase, reclaimPolicy }: VolumeView): boolean =>
  phase !== 'Released' || reclaimPolicy !== 'Delete';

/** After a reboot nothing is mounted, and pods may be waiting: this comes before all else. */
function bringBack(state: PathState, volume: VolumeView): Decision {
  const { entry, site, kept } = state;
  if (!entry) return steps();
  const where = `${absolutePath(state)} on node ${site.node}`;
  const told: Step = kept.traits.survivesReboot
    ? {
        do: 'say',
        about: aboutVolume(volume),
        reason: 'VolumeAttached',
        message: `${where} is back in its place`,
      }
    : {
        do: 'say',
        about: aboutVolume(volume),
        reason: 'VolumeDataLost',
        message: `${where} was in memory, which was lost when the node went down; it is there again, and empty`,
      };
  // What else there is to do depends on what is found there then.
  return {
    kind: 'steps',
    steps: [{ do: 'attach', wanted: madeOf(kept.storage, entry.owner) }, told],
    againMs: 1,
  };
}

/** We are done with it, and the API server soon is too; one that is Bound stays for as long as its claim. */
const isLettingGo = ({ isDeleting, hasFinalizer, phase }: VolumeView): boolean =>
  isDeleting && !hasFinalizer && phase !== 'Bound';

/** Whoever else asks for the path of a volume that stays is told. Where it is on its way out, they only have to wait. */
function tellOthers(state: PathState, volume: VolumeView, decision: Decision): Decision {
  if (decision.kind !== 'steps' || decision.steps.some((step) => step.do !== 'say')) return decision;
  const stays =
    volume.phase === 'Released'
      ? decision.steps.length > 0
      : state.claims.some(({ uid }) => uid === volume.claim?.uid);
  return stays ? { ...decision, steps: [...decision.steps, ...pathTaken(state, volume)] } : decision;
}

/** A volume that others made is left alone, unless a person says that it is to be ours. */
function planForeign(state: PathState, volume: VolumeView): Decision {
  const adopter = state.claims.find((claim) => claim.mayAdopt && claim.volumeName === volume.name);
  if (adopter && !volume.isDeleting && volume.claim?.uid === adopter.uid) {
    return adopt(state, volume, adopter);
  }
  const said = [...suspicions(state, volume), ...pathTaken(state, volume)];
  if (said.length === 0) return steps();
  // A cache that is late shows what we have just let go as if it were another's.
  if (!state.live) return { kind: 'look', volume: volume.name, claim: undefined };
  const { volume: current } = state.live;
  if (!current || isLettingGo(current)) return { kind: 'steps', steps: [], againMs: 1000 };
  return steps(...said);
}

function adopt(state: PathState, volume: VolumeView, claim: ClaimView): Decision {
  const { found } = state;
  if ('fault' in claim.wanted || (found.kind !== 'empty' && found.kind !== 'filled')) {
    const why = found.kind === 'blocked' ? found.why : `its directory is ${found.kind}`;
    const message = `volume ${volume.name} cannot be adopted: ${why}`;
    return steps({ do: 'say', about: aboutClaim(claim), reason: 'ProvisioningFailed', message });
  }
  const { namespace, name, uid } = claim;
  return steps(
    {
      do: 'record',
      entry: {
        ...asKept(state),
        state: 'made',
        path: state.path,
        volume: volume.name,
        volumeUid: volume.uid,
        storageClass: claim.storageClass,
        claim: { namespace, name, uid },
        ...asAdopted(found.owner, claim.wanted.owner),
      },
    },
    { do: 'take-over', volume },
    {
      do: 'say',
      about: aboutClaim(claim),
      reason: 'VolumeAdopted',
      message: `volume ${volume.name} and its data at ${absolutePath(state)} are kept and reclaimed by this agent from now on${adoptedText(found.owner, claim.wanted.owner)}`,
    },
  );
}

/** What the ledger knew of it already: a volume of its own is no plain directory because its name is another. */
const asKept = ({ entry }: PathState): Pick<LedgerEntry, 'version' | 'storage'> =>
  entry?.storage ? { version: 2, storage: entry.storage } : { version: 1 };

/** It looks like ours, and is not. */
function suspicions(state: PathState, volume: VolumeView): Step[] {
  if (!volume.hasFinalizer && volume.pool === undefined) return [];
  const { site, entry } = state;
  const known = entry === undefined ? 'nothing' : `volume ${entry.volume}`;
  const message =
    volume.pool === site.pool
      ? `this node's ledger knows ${known} at ${absolutePath(state)}, so this volume is neither served nor reclaimed; annotate the claim that is bound to it with ${OURS.adopt}: "true" to take it over`
      : `its data belongs to pool ${volume.pool ?? 'unknown'}, and this node has pool ${site.pool}: it is neither served nor reclaimed; bring that disk back, or remove the finalizer if its data is gone for good`;
  return [{ do: 'say', about: aboutVolume(volume), reason: 'VolumeNotOurs', message }];
}

function pathTaken(state: PathState, volume: VolumeView): Step[] {
  return waiting(state)
    .filter(({ way, uid }) => way === 'on-demand' && uid !== volume.claim?.uid)
    .map((claim) => ({
      do: 'say',
      about: aboutClaim(claim),
      reason: 'PathTaken',
      message: `${absolutePath(state)} on node ${state.site.node} belongs to volume ${volume.name}${
        volume.claim ? `, bound to ${claimText(volume.claim)}` : ''
      }; delete that volume, or rename the server or volume of one of the two`,
    }));
}
