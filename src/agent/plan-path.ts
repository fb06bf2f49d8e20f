import type { ClaimView } from './claim-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { provision } from './provision.ts';
import { classFor } from './served-class.ts';
import { absolutePath, claimText, holdsData, isLost, type LiveClaim, type PathState } from './state.ts';
import { madeOf } from './storage.ts';
import { aboutClaim, type Decision, NOTHING, type Step, steps } from './step.ts';

/**
 * What to do where the path has no volume: by what the ledger says, and by what is on the disk. A directory that is
 * there already is served to the claim that the ledger knows it by; an empty one is taken; any other is left alone.
 */
export function planPath(state: PathState): Decision {
  const { entry } = state;
  if (!entry) return begin(state);
  switch (entry.state) {
    case 'making':
    case 'made':
      return goOn(state, entry);
    case 'retiring':
      return finishRetiring(state, entry);
    case 'kept':
      return keep(state, entry);
  }
}

const AWAY_MS = 60_000;
/** The caches will tell. */
const LATER: Decision = { kind: 'steps', steps: [], againMs: 2000 };

/** Claims that wait for a volume here, in the order in which they are served. */
export const waiting = ({ claims }: PathState): ClaimView[] =>
  claims.filter(({ isDeleting, volumeName, phase }) => !isDeleting && !volumeName && phase === 'Pending');

function begin(state: PathState): Decision {
  const claims = waiting(state);
  const isFilled = holdsData(state);
  const claim = (isFilled ? claims.find(({ mayAdopt }) => mayAdopt) : undefined) ?? claims[0];
  if (!claim) return NOTHING;
  const refused = claims
    .filter((other) => other !== claim && other.way === 'on-demand')
    .map((other) => taken(state, other, claim));
  if (isFilled && !claim.mayAdopt) return inTheWay(state, claim, refused);
  const decision = provision(state, claim);
  return decision.kind === 'steps' && refused.length > 0
    ? { ...decision, steps: [...decision.steps, ...refused] }
    : decision;
}

/** Something was begun for a claim, or made and known to the cluster; now there is no volume. */
function goOn(state: PathState, entry: LedgerEntry): Decision {
  const { claim: owner } = entry;
  if (owner === undefined) return goOnOffering(state, entry);
  const known = state.claims.find(({ uid }) => uid === owner.uid);
  if (known && !known.isDeleting && !hasVanished(state, entry, known)) return restore(state, entry, known);
  if (!state.live) return { kind: 'look', volume: entry.volume, claim: owner };
  // The cache is late, or the claim was left out by a filter; the volume comes by the watch.
  if (isKnownOurs(state)) return LATER;
  const { claim } = state.live;
  return claim?.uid === owner.uid ? follow(state, entry, claim, known) : undo(state, entry);
}

/** What was made and is gone may be in use by now, and no empty one is put in its place. */
const hasVanished = ({ found }: PathState, entry: LedgerEntry, claim: ClaimView): boolean =>
  entry.state === 'made' && found.kind === 'absent' && claim.volumeName === undefined;

/** It was for nobody in particular, and may have been somebody's while the agent was away. */
function goOnOffering(state: PathState, entry: LedgerEntry): Decision {
  // It was taken and is gone, all while the agent was away. Lost is what only a claim becomes that was bound.
  const lost = state.claims.find(
    ({ volumeName, phase, isDeleting }) => volumeName === entry.volume && phase === 'Lost' && !isDeleting,
  );
  if (lost) return restore(state, entry, lost);
  const claim = waiting(state).find(({ way }) => way === 'per-node');
  if (claim && entry.state === 'made' && state.found.kind === 'detached') return lookInto(state, entry);
  if (claim && state.found.kind !== 'filled' && isKeptAsAsked(state, claim)) return provision(state, claim);
  if (!state.live) return { kind: 'look', volume: entry.volume, claim: undefined };
  // The cache is late: somebody may be about to take it.
  return isKnownOurs(state) ? LATER : undo(state, entry);
}

/** What its class says now; what is wrong with the class is for whoever provisions to tell. */
function isKeptAsAsked(state: PathState, claim: ClaimView): boolean {
  const served = classFor(state, claim);
  return 'fault' in served || served.storage.backend === state.kept.storage.backend;
}

/** Whether it holds anything is seen once it is in its place. */
const lookInto = ({ kept }: PathState, { owner }: LedgerEntry): Decision => ({
  kind: 'steps',
  steps: [{ do: 'attach', wanted: madeOf(kept.storage, owner) }],
  againMs: 1,
});

/** The claim lives, and the caches do not have it, or not as it is now. */
function follow(state: PathState, entry: LedgerEntry, claim: LiveClaim, known?: ClaimView): Decision {
  if (known && claim.volumeName === undefined && !claim.isDeleting) return restore(state, entry, known);
  if (claim.volumeName === entry.volume && claim.view) return restore(state, entry, claim.view);
  // It comes back to this path when it is mended.
  if (claim.view && 'fault' in claim.view.wanted && !claim.isDeleting) return NOTHING;
  const isComing = claim.volumeName === undefined && claim.selectedNode === state.site.node;
  return isComing && !claim.isDeleting ? LATER : undo(state, entry);
}

/** The ledger has this claim's data here. */
function restore(state: PathState, entry: LedgerEntry, claim: ClaimView): Decision {
  const { found } = state;
  const isBound = claim.volumeName !== undefined;
  if (isBound && claim.volumeName !== entry.volume) return undo(state, entry);
  if (isBound && found.kind === 'absent') {
    const message = `volume ${entry.volume} and ${absolutePath(state)} on node ${state.site.node} are gone, and an empty directory is not served in their place: put the data back there, or delete the claim to begin anew`;
    return steps({ do: 'say', about: aboutClaim(claim), reason: 'VolumeDataMissing', message });
  }
  // While it was being made nobody could have written to it but somebody else.
  if (entry.state === 'making' && found.kind === 'filled' && !claim.mayAdopt) {
    return inTheWay(state, claim);
  }
  return provision(state, claim);
}

const isKnownOurs = ({ live, site }: PathState): boolean => live?.volume?.pool === site.pool;

/** Its claim does not come back. What is empty goes; data stays, for people to decide on. */
function undo(state: PathState, entry: LedgerEntry): Decision {
  const { found } = state;
  // Where it is absent, a crash may have left empty directories above it.
  const isUnused = isLost(state) || (found.kind === 'detached' && entry.state === 'making');
  const { claim: _begunFor, ...nobodys } = entry;
  // While it was being made, only somebody else can have put anything there.
  const known = entry.state === 'making' ? nobodys : entry;
  return found.kind === 'empty' || found.kind === 'absent' || isUnused
    ? steps({ do: 'discard' }, { do: 'forget' })
    : steps({ do: 'record', entry: { ...known, state: 'kept' } });
}

/** The volume is gone: whether its data was moved away before, the disk tells. */
function finishRetiring(state: PathState, entry: LedgerEntry): Decision {
  if (!state.live) return { kind: 'look', volume: entry.volume, claim: entry.claim };
  // Nothing says any more that data which is still there may go.
  return state.live.volume ? LATER : undo(state, entry);
}

/** Kept data is served to the claim that it is of, or that a person gave it to. */
function keep(state: PathState, entry: LedgerEntry): Decision {
  const { found } = state;
  if (found.kind === 'absent' && !entry.storage) return steps({ do: 'forget' });
  // Its place may be left, where nothing but a mount could ever be put.
  if (found.kind === 'absent' || isLost(state)) return steps({ do: 'discard' }, { do: 'forget' });
  const claims = waiting(state);
  const heir = claims.find((claim) => claim.uid === entry.claim?.uid || claim.mayAdopt);
  if (heir) return provision(state, heir);
  const [claim] = claims;
  if (!claim) return NOTHING;
  // What is in the way is told of as such.
  if (holdsData(state)) return inTheWay(state, claim);
  // Whoever comes may want it kept in another way.
  const isInAnotherWay = entry.storage !== undefined || !isKeptAsAsked(state, claim);
  return found.kind === 'empty' && isInAnotherWay
    ? steps({ do: 'discard' }, { do: 'forget' })
    : provision(state, claim);
}

/** Nobody tells when people have taken the data away, so it is looked at again now and then. */
function inTheWay(state: PathState, claim: ClaimView, more: readonly Step[] = []): Decision {
  return { kind: 'steps', steps: [notEmpty(state, claim), ...more], againMs: AWAY_MS };
}

function notEmpty(state: PathState, claim: ClaimView): Step {
  const { entry, site } = state;
  const owner =
    entry?.claim && entry.state !== 'making'
      ? `the data of claim ${claimText(entry.claim)} (uid ${entry.claim.uid})`
      : 'data';
  return {
    do: 'say',
    about: aboutClaim(claim),
    reason: 'DirectoryNotEmpty',
    message: `${absolutePath(state)} on node ${site.node} holds ${owner}, and is neither served nor removed: to serve it as it is annotate the claim with local.tars.io/adopt: "true", to begin with an empty directory run tlv orphans purge ${state.path} on that node`,
  };
}

function taken(state: PathState, claim: ClaimView, first: ClaimView): Step {
  return {
    do: 'say',
    about: aboutClaim(claim),
    reason: 'PathTaken',
    message: `${absolutePath(state)} on node ${state.site.node} is asked for by claim ${claimText(first)} too, which came first; rename the server or volume of one of the two`,
  };
}
