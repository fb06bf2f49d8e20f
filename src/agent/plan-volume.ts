import type { ClaimView } from './claim-view.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { expansion } from './expand.ts';
import { isSameOwner, ownerText } from './owner.ts';
import { refusalOf } from './refusals.ts';
import { absolutePath, claimText, type LiveLook, type PathState } from './state.ts';
import { aboutClaim, aboutVolume, type Decision, NOTHING, type Step, steps } from './step.ts';
import type { ClaimReference, VolumeView } from './volume-view.ts';

/** What to do where the path has a volume of ours. */
export function planVolume(state: PathState, volume: VolumeView): Decision {
  switch (volume.phase) {
    case 'Bound':
      return serve(state, volume);
    case 'Released':
      return letGo(state, volume);
    case 'Failed':
      return NOTHING;
    default:
      return volume.claim ? awaitBinding(state, volume, volume.claim) : keepOffer(state, volume);
  }
}

/** The ledger's entry of the path, which a volume of ours always has. */
function entryOf({ entry, path }: PathState): LedgerEntry {
  if (!entry) throw new Error(`the ledger has no entry for ${path}`);
  return entry;
}

/** The claim has its volume: keep the ledger and the directory's owner as the claim says. */
function serve(state: PathState, volume: VolumeView): Decision {
  const { claim: bound } = volume;
  if (!bound) return NOTHING;
  const entry = entryOf(state);
  if (!state.path.startsWith(`${bound.namespace}/`)) {
    const message = `${absolutePath(state)} is not of namespace ${bound.namespace}, so claim ${claimText(bound)} is not served by this volume, nor its data ever removed; delete the claim`;
    return steps(warn(volume, 'VolumeNotOurs', message));
  }
  const claim = state.claims.find(({ uid }) => uid === bound.uid);
  const list: Step[] = [];
  const { reclaimPolicy } = volume;
  const known: LedgerEntry = { ...entry, state: 'made', claim: bound, reclaimPolicy };
  const isKnown =
    entry.state === 'made' && entry.claim?.uid === bound.uid && entry.reclaimPolicy === reclaimPolicy;
  if (!isKnown) list.push({ do: 'record', entry: known });
  if (volume.isDeleting) list.push(deleting(state, volume, bound));
  if (state.found.kind === 'absent') list.push(missing(state, volume));
  else if (claim) list.push(...owned(state, claim, known));
  return claim ? expansion(state, { volume, claim, entry: known }, list) : steps(...list);
}

function deleting(state: PathState, volume: VolumeView, claim: ClaimReference): Step {
  const fate =
    volume.reclaimPolicy === 'Delete'
      ? `its data at ${absolutePath(state)} is removed as soon as`
      : `its data at ${absolutePath(state)} is kept, and the volume goes as soon as`;
  const message = `this volume is being deleted while claim ${claimText(claim)} uses it: ${fate} the claim is deleted`;
  return warn(volume, 'VolumeDeleting', message);
}

/** Never made again by itself: a server that starts on an empty directory believes that it is new. */
function missing(state: PathState, volume: VolumeView): Step {
  const message = `${absolutePath(state)} is gone from node ${state.site.node}, and is not made again: put the data back there, or delete the claim to begin with an empty directory`;
  return warn(volume, 'VolumeDataMissing', message);
}

/** Owner and mode of the top directory: applied when the claim asks for others than before, else drift is told. */
function owned({ found, path }: PathState, claim: ClaimView, entry: LedgerEntry): Step[] {
  if ('fault' in claim.wanted || !('owner' in found)) return [];
  const { owner } = claim.wanted;
  // What is seen there may be the owner of what is mounted over it.
  if (found.kind === 'mounted')
    return isSameOwner(owner, entry.owner) ? [] : [unreachable(path, claim, owner)];
  const { adopted = entry.owner, ...known } = entry;
  if (!isSameOwner(owner, entry.owner)) {
    const message = `owner and mode of ${path} are ${ownerText(owner)} now, as the claim's annotations say; they were ${ownerText(adopted)}`;
    // Applied first: while the ledger has the old owner, a crash here is one more change to apply.
    return [
      ...(isSameOwner(owner, found.owner) ? [] : [{ do: 'own', owner } as const]),
      { do: 'record', entry: { ...known, owner } },
      { do: 'say', about: aboutClaim(claim), reason: 'OwnerChanged', message },
    ];
  }
  if (isSameOwner(owner, found.owner) || isSameOwner(adopted, found.owner)) return [];
  const message = `owner and mode of ${path} are ${ownerText(found.owner)}, somebody changed them; the claim says ${ownerText(owner)}, which is applied when its annotations next change`;
  return [{ do: 'say', about: aboutClaim(claim), reason: 'OwnerDrifted', message }];
}

function unreachable(path: string, claim: ClaimView, owner: LedgerEntry['owner']): Step {
  const message = `owner and mode of ${path} are not made ${ownerText(owner)}, as the claim's annotations say: something is mounted at or below it; unmount it`;
  return { do: 'say', about: aboutClaim(claim), reason: 'OwnerDrifted', message };
}

/** The claim is gone. */
function letGo(state: PathState, volume: VolumeView): Decision {
  const { live } = state;
  if (!live) return { kind: 'look', volume: volume.name, claim: volume.claim };
  if (!live.volume || live.volume.uid !== volume.uid) return { kind: 'steps', steps: [], againMs: 1000 };
  if (isBoundElsewhere(live)) return dropUnused(state, live.volume);
  // Any other policy than Delete means that somebody wants the data.
  if (live.volume.reclaimPolicy === 'Delete') return reclaim(state, live.volume, live);
  // Who called it Released was wrong: it is not let go while its claim is there.
  const isUsed = live.claim !== undefined && live.claim.uid === live.volume.claim?.uid;
  return isUsed ? { kind: 'steps', steps: [], againMs: 60_000 } : retain(state, live.volume);
}

/** Its claim is there and got another volume: the controller calls this one Released, and nobody ever used it. */
function isBoundElsewhere({ volume, claim }: LiveLook): boolean {
  const bound = claim?.uid === volume?.claim?.uid ? claim?.volumeName : undefined;
  return volume?.phase === 'Released' && bound !== undefined && bound !== volume.name;
}

/** What is in it is not its claim's, so that no policy speaks of it. */
function dropUnused(state: PathState, volume: VolumeView): Decision {
  const { found, path, site } = state;
  const message = `claim ${claimText(volume.claim ?? { namespace: '', name: '' })} has another volume than ${path} on node ${site.node}`;
  const told: Step = { do: 'say', about: aboutVolume(volume), reason: 'VolumeWithdrawn', message };
  const release: Step = { do: 'release', volume, as: 'released' };
  return found.kind === 'empty' || found.kind === 'absent'
    ? steps(release, { do: 'discard' }, { do: 'forget' }, told)
    : steps(
        { do: 'record', entry: { ...entryOf(state), state: 'kept', volumeUid: volume.uid } },
        release,
        told,
      );
}

function reclaim(state: PathState, volume: VolumeView, live: LiveLook): Decision {
  const refusal = refusalOf(state, volume, live);
  if (refusal !== undefined) {
    const message = `its data at ${absolutePath(state)} is not removed: ${refusal}`;
    return { kind: 'steps', steps: [warn(volume, 'ReclaimRefused', message)], againMs: 60_000 };
  }
  const { path } = state;
  return steps(
    { do: 'record', entry: { ...entryOf(state), state: 'retiring', volumeUid: volume.uid } },
    // Also where the directory is gone: a crash may have come after it was moved, and left empty ones above it.
    { do: 'retire', trashName: volume.uid },
    { do: 'release', volume, as: 'released' },
    { do: 'forget' },
    {
      do: 'say',
      about: aboutVolume(volume),
      reason: 'VolumeReclaimed',
      message: `${path} is moved out of the way on node ${state.site.node}, and its data removed in the background`,
    },
  );
}

function retain(state: PathState, volume: VolumeView): Decision {
  const entry = entryOf(state);
  const where = `${absolutePath(state)} on node ${state.site.node}`;
  if (!volume.isDeleting) {
    const message = `its data stays at ${where} (reclaim policy ${volume.reclaimPolicy}); to have it removed set the policy to Delete, to let another claim have it delete this volume and annotate the claim with local.tars.io/adopt: "true"`;
    const said: Step = { do: 'say', about: aboutVolume(volume), reason: 'VolumeRetained', message };
    // What was begun under another policy is not gone on with; what is in the trash already has no room any more.
    const undo: Step[] =
      entry.state === 'retiring' && state.found.kind !== 'absent'
        ? [{ do: 'record', entry: { ...entry, state: 'made' } }]
        : [];
    return steps(...undo, said);
  }
  return steps(
    { do: 'record', entry: { ...entry, state: 'kept', volumeUid: volume.uid } },
    { do: 'release', volume, as: 'deleted' },
  );
}

/** Made for a claim that the binder has not come to yet. */
function awaitBinding(state: PathState, volume: VolumeView, claim: ClaimReference): Decision {
  const entry = entryOf(state);
  const isCurrent = entry.state === 'made' && (claim.uid === '' || entry.claim?.uid === claim.uid);
  const whose = claim.uid === '' ? entry.claim : claim;
  const recorded: Step[] = isCurrent
    ? []
    : [{ do: 'record', entry: { ...entry, state: 'made', claim: whose } }];
  return volume.isDeleting ? remake(state, volume, claim, recorded) : steps(...recorded);
}

/** A volume that is being deleted is never bound: it goes, and comes back from the ledger. */
function remake(
  state: PathState,
  volume: VolumeView,
  claim: ClaimReference,
  recorded: readonly Step[],
): Decision {
  const { live } = state;
  if (!live) return { kind: 'look', volume: volume.name, claim };
  // Released already is for reclaiming, once the caches know.
  const isUnbound = live.volume?.uid === volume.uid && ['Pending', 'Available'].includes(live.volume.phase);
  return isUnbound && live.claim?.volumeName !== volume.name
    ? steps(...recorded, { do: 'release', volume: live.volume, as: 'deleted' })
    : NOTHING;
}

/** Nobody is bound to it: an offer stands while a claim waits, and some time longer. */
function keepOffer(state: PathState, volume: VolumeView): Decision {
  const { offer, claims } = state;
  const { claim, ...unbound } = entryOf(state);
  if (volume.isDeleting) return withdraw(state, volume);
  // A binder that changed its mind leaves it empty. Where there is data, a person took the claim out of it.
  if (state.found.kind === 'filled') return NOTHING;
  if (claim !== undefined) {
    return state.found.kind === 'empty' ? steps({ do: 'record', entry: unbound }) : NOTHING;
  }
  const isWanted = claims.some(({ way, volumeName }) => way === 'per-node' && volumeName === undefined);
  if (isWanted) return NOTHING;
  const restMs = offer.ttlMs - offer.idleMs;
  return restMs > 0 ? { kind: 'steps', steps: [], againMs: restMs } : withdraw(state, volume);
}

/** A bind in flight wins: the volume goes only as it is seen now, with no claim in it. */
function withdraw(state: PathState, volume: VolumeView): Decision {
  const { live, path, site, found } = state;
  if (!live) return { kind: 'look', volume: volume.name, claim: undefined };
  if (!live.volume || live.volume.claim || live.volume.uid !== volume.uid) return NOTHING;
  const entry = entryOf(state);
  const release: Step = { do: 'release', volume: live.volume, as: 'unbound' };
  // What is under something else cannot be taken away now, and has its room until it is.
  const isUnused = found.kind === 'empty' || found.kind === 'absent';
  if (entry.claim !== undefined || !isUnused) {
    return steps({ do: 'record', entry: { ...entry, state: 'kept', volumeUid: volume.uid } }, release);
  }
  const message = `no claim waited for ${path} on node ${site.node} any more`;
  return steps(
    release,
    { do: 'discard' },
    { do: 'forget' },
    { do: 'say', about: aboutVolume(volume), reason: 'VolumeWithdrawn', message },
  );
}

function warn(
  volume: VolumeView,
  reason: 'VolumeDeleting' | 'VolumeDataMissing' | 'VolumeNotOurs' | 'ReclaimRefused',
  message: string,
): Step {
  return { do: 'say', about: aboutVolume(volume), reason, message };
}
