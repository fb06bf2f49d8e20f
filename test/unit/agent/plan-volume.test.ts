import { expect } from 'chai';
import { plan } from '../../../src/agent/plan.ts';
import type { LiveLook, PathState } from '../../../src/agent/state.ts';
import { aboutClaim, type Decision, type Step } from '../../../src/agent/step.ts';
import type { VolumeView } from '../../../src/agent/volume-view.ts';
import {
  bound,
  brief,
  claim,
  decided,
  entry,
  foreign,
  found,
  live,
  MINE,
  NAME,
  offered,
  OTHER,
  OWNER,
  PATH,
  storageClass,
  state,
  volume,
  WHERE,
} from './plan-states.ts';

const NOTHING: Decision = { kind: 'steps', steps: [] };
const did = (...steps: Step[]): Decision => ({ kind: 'steps', steps });
const onVolume = (reason: Extract<Step, { do: 'say' }>['reason'], message: string, name = NAME): Step => ({
  do: 'say',
  about: { kind: 'PersistentVolume', name, uid: name === NAME ? 'volume-1' : 'volume-2' },
  reason,
  message,
});
const onClaim = (reason: Extract<Step, { do: 'say' }>['reason'], message: string, who = MINE): Step => ({
  do: 'say',
  about: aboutClaim(who),
  reason,
  message,
});
const gone: LiveLook = { volume: undefined, claim: undefined };

/** A volume of ours in use, with data. */
const served = (over: Partial<PathState> = {}, of: Partial<VolumeView> = {}): PathState =>
  state({ volumes: [volume(of)], claims: [bound()], entry: entry(), found: found('filled'), ...over });

describe('a Bound volume of ours', () => {
  it('needs nothing where everything is as it should be', () => {
    expect(plan(served())).to.deep.equal(NOTHING);
    expect(plan(served({ claims: [] })), 'its claim left the watch').to.deep.equal(NOTHING);
  });

  for (const [name, known] of [
    ['an offer', offered('made', { storageClass: 't-storage-class' })],
    ['something begun', entry('making')],
    ['something on its way out', entry('retiring')],
    ['kept data', entry('kept')],
    ['the data of another claim', entry('made', { claim: OTHER })],
  ] as const) {
    it(`is recorded as its claim's where the ledger has ${name}`, () => {
      expect(plan(served({ entry: known }))).to.deep.equal(did({ do: 'record', entry: entry() }));
    });
  }

  it('has its policy remembered, for when it is made again', () => {
    expect(plan(served({}, { reclaimPolicy: 'Retain' }))).to.deep.equal(
      did({ do: 'record', entry: entry('made', { reclaimPolicy: 'Retain' }) }),
    );
  });

  it('is not made again when its directory is gone', () => {
    expect(plan(served({ found: found('absent') }))).to.deep.equal(
      did(
        onVolume(
          'VolumeDataMissing',
          `${WHERE} is gone from node n1, and is not made again: put the data back there, or delete the claim to begin with an empty directory`,
        ),
      ),
    );
  });

  const FATES: [string, string][] = [
    ['Delete', `its data at ${WHERE} is removed as soon as the claim is deleted`],
    ['Retain', `its data at ${WHERE} is kept, and the volume goes as soon as the claim is deleted`],
  ];
  for (const [reclaimPolicy, fate] of FATES) {
    it(`that is being deleted says what becomes of its data (${reclaimPolicy}), and nothing happens`, () => {
      const given = served({ entry: entry('made', { reclaimPolicy }) }, { isDeleting: true, reclaimPolicy });
      const message = `this volume is being deleted while claim shop/data-cart-0 uses it: ${fate}`;
      expect(plan(given)).to.deep.equal(did(onVolume('VolumeDeleting', message)));
    });
  }

  it('is never served to a claim of another namespace', () => {
    const given = served({ claims: [] }, { claim: { ...MINE, namespace: 'mall' } });
    expect(plan(given)).to.deep.equal(
      did(
        onVolume(
          'VolumeNotOurs',
          `${WHERE} is not of namespace mall, so claim mall/data-cart-0 is not served by this volume, nor its data ever removed; delete the claim`,
        ),
      ),
    );
  });

  it('tells others that the path is taken', () => {
    const given = served({
      claims: [bound(), claim(OTHER), claim({ ...OTHER, way: 'per-node', uid: 'claim-3' })],
    });
    expect(plan(given)).to.deep.equal(
      did(
        onClaim(
          'PathTaken',
          `${WHERE} on node n1 belongs to volume ${NAME}, bound to shop/data-cart-0; delete that volume, or rename the server or volume of one of the two`,
          OTHER,
        ),
      ),
    );
  });
});

describe('owner and mode of a served directory', () => {
  const NEW = { uid: 7, gid: 8, mode: 0o711 };
  const wanted = claim().wanted as Exclude<ReturnType<typeof claim>['wanted'], { fault: string }>;
  const asked = bound({ wanted: { ...wanted, owner: NEW } });
  const changed = onClaim(
    'OwnerChanged',
    `owner and mode of ${PATH} are 7:8 711 now, as the claim's annotations say; they were 0:0 755`,
  );

  it('are applied before they are recorded', () => {
    expect(plan(served({ claims: [asked] }))).to.deep.equal(
      did({ do: 'own', owner: NEW }, { do: 'record', entry: entry('made', { owner: NEW }) }, changed),
    );
  });

  it('are only recorded where they are so already, as after a crash', () => {
    expect(plan(served({ claims: [asked], found: found('filled', NEW) }))).to.deep.equal(
      did({ do: 'record', entry: entry('made', { owner: NEW }) }, changed),
    );
  });

  it('stay what adopted data came with, until the claim asks for others', () => {
    const THEIRS = { uid: 999, gid: 998, mode: 0o700 };
    const known = entry('made', { adopted: THEIRS });
    expect(plan(served({ entry: known, found: found('filled', THEIRS) }))).to.deep.equal(NOTHING);
    // What the claim says is no drift either.
    expect(plan(served({ entry: known }))).to.deep.equal(NOTHING);
    expect(brief(plan(served({ entry: known, found: found('filled', NEW) })))).to.deep.equal([
      'say OwnerDrifted',
    ]);
    const decision = plan(served({ entry: known, claims: [asked], found: found('filled', THEIRS) }));
    const message = `owner and mode of ${PATH} are 7:8 711 now, as the claim's annotations say; they were 999:998 700`;
    expect(decision).to.deep.equal(
      did(
        { do: 'own', owner: NEW },
        { do: 'record', entry: entry('made', { owner: NEW }) },
        onClaim('OwnerChanged', message),
      ),
    );
  });

  it('are reported, and left alone, where somebody else has changed them', () => {
    expect(plan(served({ found: found('filled', NEW) }))).to.deep.equal(
      did(
        onClaim(
          'OwnerDrifted',
          `owner and mode of ${PATH} are 7:8 711, somebody changed them; the claim says 0:0 755, which is applied when its annotations next change`,
        ),
      ),
    );
  });

  it('are not touched below a mount, nor is what is mounted called drift', () => {
    expect(plan(served({ claims: [asked], found: found('mounted') }))).to.deep.equal(
      did(
        onClaim(
          'OwnerDrifted',
          `owner and mode of ${PATH} are not made 7:8 711, as the claim's annotations say: something is mounted at or below it; unmount it`,
        ),
      ),
    );
    expect(plan(served({ found: found('mounted', NEW) }))).to.deep.equal(NOTHING);
  });

  it('stay as they are while the annotations have a fault', () => {
    const faulty = bound({ wanted: { fault: 'TLV301 ...' } });
    expect(plan(served({ claims: [faulty], found: found('filled', NEW) }))).to.deep.equal(NOTHING);
  });
});

describe('a Released volume of ours', () => {
  const released = (over: Partial<PathState> = {}, of: Partial<VolumeView> = {}): PathState =>
    served({ claims: [], ...over }, { phase: 'Released', ...of });
  const look = (of: Partial<VolumeView> = {}): LiveLook => ({
    volume: volume({ phase: 'Released', ...of }),
    claim: undefined,
  });

  it('is looked at, with its claim, before anything', () => {
    expect(plan(released())).to.deep.equal({ kind: 'look', volume: NAME, claim: MINE });
  });

  for (const isDeleting of [false, true]) {
    for (const known of ['made', 'retiring'] as const) {
      it(`is taken away, ledger ${known}${isDeleting ? ', and being deleted' : ''}: trash, then cluster, then ledger`, () => {
        const given = released({ entry: entry(known) }, { isDeleting });
        expect(decided(given, look({ isDeleting }))).to.deep.equal(
          did(
            { do: 'record', entry: entry('retiring', { volumeUid: 'volume-1' }) },
            { do: 'retire', trashName: 'volume-1' },
            { do: 'release', volume: volume({ phase: 'Released', isDeleting }), as: 'released' },
            { do: 'forget' },
            onVolume(
              'VolumeReclaimed',
              `${PATH} is moved out of the way on node n1, and its data removed in the background`,
            ),
          ),
        );
      });
    }
  }

  it('stays with policy Retain, and says so', () => {
    const message = `its data stays at ${WHERE} on node n1 (reclaim policy Retain); to have it removed set the policy to Delete, to let another claim have it delete this volume and annotate the claim with local.tars.io/adopt: "true"`;
    const retain = { reclaimPolicy: 'Retain' };
    expect(decided(released({}, retain), look(retain))).to.deep.equal(
      did(onVolume('VolumeRetained', message)),
    );
    expect(decided(released({}), look(retain)), 'changed just now').to.deep.equal(
      did(onVolume('VolumeRetained', message)),
    );
    expect(
      decided(released({ entry: entry('retiring') }), look(retain)),
      'changed while it went',
    ).to.deep.equal(did({ do: 'record', entry: entry() }, onVolume('VolumeRetained', message)));
    const inTrash = released({ entry: entry('retiring'), found: found('absent') });
    expect(decided(inTrash, look(retain)), 'changed when it had gone').to.deep.equal(
      did(onVolume('VolumeRetained', message)),
    );
  });

  it('goes with policy Retain when it is deleted, and its data is kept', () => {
    const of = { reclaimPolicy: 'Retain', isDeleting: true };
    expect(decided(released({}, of), look(of))).to.deep.equal(
      did(
        { do: 'record', entry: entry('kept', { volumeUid: 'volume-1' }) },
        { do: 'release', volume: volume({ phase: 'Released', ...of }), as: 'deleted' },
      ),
    );
  });

  it('is not let go, whatever its phase and policy, while its claim is there', () => {
    const of = { reclaimPolicy: 'Retain', isDeleting: true };
    const used = { ...look(of), claim: live({ phase: 'Bound', volumeName: NAME }) };
    expect(decided(released({}, of), used)).to.deep.equal({ kind: 'steps', steps: [], againMs: 60_000 });
  });

  it('is taken away when the policy becomes Delete', () => {
    expect(brief(decided(released({}, { reclaimPolicy: 'Retain' }), look()))).to.include('retire');
  });

  describe('whose claim is bound to another', () => {
    const elsewhere = { ...look(), claim: live({ volumeName: 'n2-volume' }) };
    const release: Step = { do: 'release', volume: volume({ phase: 'Released' }), as: 'released' };
    const told = onVolume(
      'VolumeWithdrawn',
      `claim shop/data-cart-0 has another volume than ${PATH} on node n1`,
    );
    for (const kind of ['absent', 'empty'] as const) {
      it(`goes, its directory being ${kind}`, () => {
        expect(decided(released({ found: found(kind) }), elsewhere)).to.deep.equal(
          did(release, { do: 'discard' }, { do: 'forget' }, told),
        );
      });
    }
    for (const kind of ['filled', 'mounted', 'blocked'] as const) {
      it(`goes, and what is there is kept: ${kind}`, () => {
        expect(decided(released({ found: found(kind) }), elsewhere)).to.deep.equal(
          did({ do: 'record', entry: entry('kept', { volumeUid: 'volume-1' }) }, release, told),
        );
      });
    }
  });

  it('is looked at again where the cluster has it no more', () => {
    expect(decided(released(), gone)).to.deep.equal({ kind: 'steps', steps: [], againMs: 1000 });
  });
});

describe('a volume of ours that nobody is bound to yet', () => {
  for (const phase of ['Pending', 'Available'] as const) {
    it(`${phase}: waits for the binder`, () => {
      expect(plan(served({ claims: [claim()] }, { phase }))).to.deep.equal(NOTHING);
      const byName = { phase, claim: { ...MINE, uid: '' } };
      expect(plan(served({ claims: [claim()] }, byName)), 'a person wrote it').to.deep.equal(NOTHING);
    });

    it(`${phase}: an offer that was taken is recorded as that claim's`, () => {
      const given = served({ entry: offered(), claims: [] }, { phase });
      expect(plan(given)).to.deep.equal(
        did({ do: 'record', entry: entry('made', { storageClass: 'offers' }) }),
      );
    });

    it(`${phase}: being deleted it goes, and comes back from the ledger`, () => {
      const of = { phase, isDeleting: true };
      const given = served({ claims: [claim()] }, of);
      expect(plan(given)).to.deep.equal({ kind: 'look', volume: NAME, claim: MINE });
      expect(decided(given, { volume: volume(of), claim: live() })).to.deep.equal(
        did({ do: 'release', volume: volume(of), as: 'deleted' }),
      );
    });

    it(`${phase}: being deleted it stays where the binder was faster`, () => {
      const given = served({ claims: [claim()] }, { phase, isDeleting: true });
      const volumes = [
        volume({ phase: 'Bound', isDeleting: true }),
        volume({ phase: 'Released', isDeleting: true }),
        volume({ phase, uid: 'volume-9', isDeleting: true }),
        undefined,
      ];
      for (const each of volumes) {
        expect(decided(given, { volume: each, claim: live() })).to.deep.equal(NOTHING);
      }
      const bind = { volume: volume({ phase, isDeleting: true }), claim: live({ volumeName: NAME }) };
      expect(decided(given, bind)).to.deep.equal(NOTHING);
    });
  }

  it('Failed: is left to people', () => {
    expect(plan(served({}, { phase: 'Failed' }))).to.deep.equal(NOTHING);
  });
});

describe('an offer', () => {
  const OFFER = { phase: 'Available', claim: undefined, storageClass: 'offers' };
  const offer = (over: Partial<PathState> = {}, of: Partial<VolumeView> = {}): PathState =>
    state({ volumes: [volume({ ...OFFER, ...of })], entry: offered(), ...over });
  const idle = (idleMs: number) => ({ offer: { idleMs, ttlMs: 600_000 } });
  const look = (of: Partial<VolumeView> = {}): LiveLook => ({
    volume: volume({ ...OFFER, ...of }),
    claim: undefined,
  });
  const withdrawn: Step[] = [
    { do: 'release', volume: volume(OFFER), as: 'unbound' },
    { do: 'discard' },
    { do: 'forget' },
    onVolume('VolumeWithdrawn', `no claim waited for ${PATH} on node n1 any more`),
  ];

  it('stands while a claim waits', () => {
    const given = offer({ claims: [claim({ way: 'per-node' })], ...idle(10 ** 9) });
    expect(plan(given)).to.deep.equal(NOTHING);
  });

  it('stands for a while after that', () => {
    expect(plan(offer(idle(0)))).to.deep.equal({ kind: 'steps', steps: [], againMs: 600_000 });
    expect(plan(offer(idle(599_999)))).to.deep.equal({ kind: 'steps', steps: [], againMs: 1 });
  });

  it('is not wanted by claims that are bound, or made on demand', () => {
    const claims = [bound({ way: 'per-node' }), claim(OTHER)];
    expect(brief(decided(offer({ claims, ...idle(600_000) }), look()))).to.include('release unbound');
  });

  it('goes then, its directory after it', () => {
    expect(plan(offer(idle(600_000)))).to.deep.equal({ kind: 'look', volume: NAME, claim: undefined });
    expect(decided(offer(idle(600_000)), look())).to.deep.equal(did(...withdrawn));
  });

  it('stays where somebody has just taken it, or it is gone', () => {
    for (const each of [look({ claim: MINE }), look({ uid: 'volume-9' }), gone]) {
      expect(decided(offer(idle(600_000)), each)).to.deep.equal(NOTHING);
    }
  });

  it('goes at once where it is being deleted, also while it is wanted', () => {
    const of = { isDeleting: true };
    const given = offer({ claims: [claim({ way: 'per-node' })] }, of);
    expect(decided(given, look(of))).to.deep.equal(
      did({ do: 'release', volume: volume({ ...OFFER, ...of }), as: 'unbound' }, ...withdrawn.slice(1)),
    );
  });

  it('that a binder took and gave back is one again, where it is empty', () => {
    const known = entry('made', { storageClass: 'offers' });
    expect(plan(offer({ entry: known }))).to.deep.equal(did({ do: 'record', entry: offered() }));
    expect(plan(offer({ entry: known, found: found('filled'), ...idle(10 ** 9) }))).to.deep.equal(NOTHING);
  });

  it('of data that a person offers is kept when it is deleted', () => {
    const of = { isDeleting: true };
    const known = entry('made', { storageClass: 'offers' });
    expect(decided(offer({ entry: known, found: found('filled') }, of), look(of))).to.deep.equal(
      did(
        { do: 'record', entry: { ...known, state: 'kept', volumeUid: 'volume-1' } },
        { do: 'release', volume: volume({ ...OFFER, ...of }), as: 'unbound' },
      ),
    );
  });

  it('that holds data, whosever it was, stays, and is kept when it is deleted', () => {
    const filled = { found: found('filled'), ...idle(10 ** 9) };
    expect(plan(offer(filled))).to.deep.equal(NOTHING);
    const of = { isDeleting: true };
    expect(decided(offer(filled, of), look(of))).to.deep.equal(
      did(
        { do: 'record', entry: offered('kept', { volumeUid: 'volume-1' }) },
        { do: 'release', volume: volume({ ...OFFER, ...of }), as: 'unbound' },
      ),
    );
  });

  it('that something is mounted over, or a link stands for, is not forgotten as it goes', () => {
    for (const kind of ['mounted', 'blocked', 'detached'] as const) {
      expect(brief(decided(offer({ found: found(kind), ...idle(600_000) }), look())), kind).to.deep.equal(
        kind === 'detached' ? ['attach', 'say VolumeAttached'] : ['record kept', 'release unbound'],
      );
    }
  });

  it('that was begun is not undone while the cluster has it', () => {
    const later = { kind: 'steps', steps: [], againMs: 2000 };
    expect(plan(state({ entry: offered() }))).to.deep.equal({ kind: 'look', volume: NAME, claim: undefined });
    expect(decided(state({ entry: offered() }), look())).to.deep.equal(later);
    expect(decided(state({ entry: offered() }), gone)).to.deep.equal(
      did({ do: 'discard' }, { do: 'forget' }),
    );
  });
});

describe('a volume that was deleted by hand', () => {
  const lost = bound({ phase: 'Lost' });

  for (const kind of ['filled', 'empty'] as const) {
    it(`is made again for its claim, the data untouched: ${kind}`, () => {
      const decision = plan(state({ claims: [lost], entry: entry(), found: found(kind) }));
      expect(brief(decision)).to.deep.equal(['create-volume', 'say VolumeRestored']);
      const [create, told] = decision.kind === 'steps' ? decision.steps : [];
      expect(create).to.have.nested.property('volume.metadata.name', NAME);
      expect(create).to.have.deep.nested.property('volume.spec.claimRef', {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        ...MINE,
      });
      const message = `volume ${NAME} was gone and is made again; its data at ${WHERE} on node n1 was not touched`;
      expect(told).to.deep.equal(onClaim('VolumeRestored', message));
    });
  }

  it('is made again with its own name, whatever the name would be today', () => {
    const known = entry('made', { volume: 'old-name' });
    const decision = plan(
      state({ claims: [bound({ volumeName: 'old-name' })], entry: known, found: found('filled') }),
    );
    const [create] = decision.kind === 'steps' ? decision.steps : [];
    expect(create).to.have.nested.property('volume.metadata.name', 'old-name');
  });

  it('is made again with the policy that people gave it', () => {
    const known = entry('made', { reclaimPolicy: 'Retain' });
    const decision = plan(state({ claims: [lost], entry: known, found: found('filled') }));
    const [create] = decision.kind === 'steps' ? decision.steps : [];
    expect(create).to.have.nested.property('volume.spec.persistentVolumeReclaimPolicy', 'Retain');
  });

  it('is made again for an offer that was bound, for that claim only', () => {
    const known = entry('made', { storageClass: 'offers' });
    const claims = [bound({ way: 'per-node', phase: 'Lost' }), claim({ ...OTHER, way: 'per-node' })];
    const decision = plan(state({ claims, entry: known }));
    const [create] = decision.kind === 'steps' ? decision.steps : [];
    expect(create).to.have.nested.property('volume.spec.claimRef.uid', 'claim-1');
  });

  it('is made again also where the ledger never heard that the offer was bound', () => {
    const taker = bound({ way: 'per-node', phase: 'Lost' });
    for (const kind of ['filled', 'empty'] as const) {
      const decision = plan(state({ claims: [taker], entry: offered(), found: found(kind) }));
      expect(brief(decision)).to.deep.equal(['record made', 'create-volume', 'say VolumeRestored']);
      const [record] = decision.kind === 'steps' ? decision.steps : [];
      expect(record).to.have.deep.nested.property('entry.claim', MINE);
    }
    // A claim can name a volume by hand; then it is Pending.
    const given = state({ claims: [bound({ way: 'per-node', phase: 'Pending' })], entry: offered() });
    expect(brief(decided(given, gone))).to.not.include('create-volume');
  });

  it('is made again also where the caches have lost its claim', () => {
    const look = { volume: undefined, claim: live({ volumeName: NAME, view: lost }) };
    const given = state({ entry: entry(), found: found('filled') });
    expect(brief(decided(given, look))).to.deep.equal(['create-volume', 'say VolumeRestored']);
  });

  it('is made again on a full node', () => {
    const given = state({ claims: [lost], entry: entry(), found: found('filled'), freeBytes: 0 });
    expect(brief(plan(given))).to.deep.equal(['create-volume', 'say VolumeRestored']);
  });

  it('is not made again, nor its directory, where that is gone too', () => {
    expect(plan(state({ claims: [lost], entry: entry(), found: found('absent') }))).to.deep.equal(
      did(
        onClaim(
          'VolumeDataMissing',
          `volume ${NAME} and ${WHERE} on node n1 are gone, and an empty directory is not served in their place: put the data back there, or delete the claim to begin anew`,
        ),
      ),
    );
  });

  it('while it was being moved away: what is still there is kept', () => {
    const given = state({ entry: entry('retiring'), found: found('filled') });
    expect(plan(given)).to.deep.equal({ kind: 'look', volume: NAME, claim: MINE });
    expect(decided(given, gone)).to.deep.equal(did({ do: 'record', entry: entry('kept') }));
    expect(decided(given, { volume: volume(), claim: undefined }), 'the cache is late').to.deep.equal({
      kind: 'steps',
      steps: [],
      againMs: 2000,
    });
  });
});

describe('two claims for one path', () => {
  it('are served in their order, and the second is told', () => {
    const decision = plan(state({ claims: [claim(), claim(OTHER)], found: found('absent') }));
    const told = decision.kind === 'steps' ? decision.steps.at(-1) : undefined;
    expect(brief(decision)).to.deep.equal([
      'record making',
      'make',
      'record made',
      'create-volume',
      'say VolumeProvisioned',
      'say PathTaken',
    ]);
    expect(told).to.deep.equal(
      onClaim(
        'PathTaken',
        `${WHERE} on node n1 is asked for by claim shop/data-cart-0 too, which came first; rename the server or volume of one of the two`,
        OTHER,
      ),
    );
  });

  it('are served where the later one may have the data that is there', () => {
    const claims = [claim(), claim({ ...OTHER, mayAdopt: true })];
    const decision = plan(state({ claims, found: found('filled') }));
    expect(brief(decision)).to.deep.equal([
      'record made',
      'create-volume',
      'say VolumeAdopted',
      'say PathTaken',
    ]);
    const [record] = decision.kind === 'steps' ? decision.steps : [];
    expect(record).to.have.deep.nested.property('entry.claim', OTHER);
  });

  it('that are being deleted, bound or Lost are not served', () => {
    const claims = [claim({ isDeleting: true }), bound({ ...OTHER, phase: 'Lost' })];
    expect(plan(state({ claims, found: found('absent') }))).to.deep.equal(NOTHING);
  });
});

describe('a claim that cannot be served', () => {
  const only = (over: Partial<PathState>) =>
    plan(state({ claims: [claim()], found: found('absent'), ...over }));

  it('goes back to the scheduler where the node is full', () => {
    const message = `node n1 has 953Mi to give at /pool, less than the 1G asked for; the scheduler looks for another node`;
    const back: Step[] = [{ do: 'hand-back', claim: claim() }, onClaim('ClaimHandedBack', message)];
    expect(only({ freeBytes: 10 ** 9 - 1 })).to.deep.equal(did(...back));
    expect(only({ freeBytes: 10 ** 9 - 1, entry: entry('making') }), 'begun').to.deep.equal(
      did({ do: 'discard' }, { do: 'forget' }, ...back),
    );
    expect(brief(only({ freeBytes: 10 ** 9 }))).to.include('make');
  });

  it('waits for room where it would be an offer', () => {
    const claims = [claim({ way: 'per-node' })];
    expect(only({ claims, freeBytes: 0 })).to.deep.equal({ kind: 'steps', steps: [], againMs: 30_000 });
  });

  it('is told of its fault, its class, and a class of another way', () => {
    const says = (message: string): Decision => did(onClaim('ProvisioningFailed', message));
    expect(only({ claims: [claim({ wanted: { fault: 'TLV301 x' } })] })).to.deep.equal(says('TLV301 x'));
    expect(only({ classes: new Map() })).to.deep.equal(
      says('there is no StorageClass t-storage-class; make it, or delete the claim'),
    );
    const name = 't-storage-class';
    const provisioner = 'kubernetes.io/no-provisioner';
    expect(only({ classes: new Map([[name, storageClass(name, provisioner)]]) })).to.deep.equal(
      says(
        'StorageClass t-storage-class has provisioner kubernetes.io/no-provisioner, and the agent is told that it is on-demand, which means local.tars.io; set --classes of webhook and agents to what the class is',
      ),
    );
  });
});

describe('a volume that others made', () => {
  const theirs = (of: Partial<VolumeView> = {}, over: Partial<PathState> = {}): PathState =>
    state({ volumes: [foreign(of)], found: found('filled'), ...over });
  const look = (of: Partial<VolumeView> = {}): LiveLook => ({ volume: foreign(of), claim: undefined });
  const HAND_MADE: [string, Partial<VolumeView>][] = [
    ['as TarsK8S or a person makes it', {}],
    ['Released, with policy Delete', { phase: 'Released' }],
    ['Available', { phase: 'Available', claim: undefined }],
    ['being deleted', { isDeleting: true }],
  ];
  for (const [name, of] of HAND_MADE) {
    it(`is left alone: ${name}`, () => {
      for (const known of [undefined, entry(), entry('kept'), entry('retiring')]) {
        expect(decided(theirs(of, { entry: known }), look(of))).to.deep.equal(NOTHING);
      }
    });
  }

  it('keeps others from its path also while it is being deleted, for as long as it is bound', () => {
    const given = theirs({ isDeleting: true }, { claims: [claim(OTHER)], found: found('empty') });
    expect(brief(decided(given, look({ isDeleting: true })))).to.deep.equal(['say PathTaken']);
  });

  it('keeps others from its path', () => {
    const given = theirs({}, { claims: [claim(OTHER)] });
    expect(decided(given, look())).to.deep.equal(
      did(
        onClaim(
          'PathTaken',
          `${WHERE} on node n1 belongs to volume theirs, bound to shop/data-cart-0; delete that volume, or rename the server or volume of one of the two`,
          OTHER,
        ),
      ),
    );
  });

  it('is theirs also with the name that our ledger has, where the pool is another', () => {
    const of = { phase: 'Released', pool: 'pool-2' };
    const given = state({ volumes: [volume(of)], entry: entry(), found: found('filled') });
    const message =
      'its data belongs to pool pool-2, and this node has pool pool-1: it is neither served nor reclaimed; bring that disk back, or remove the finalizer if its data is gone for good';
    expect(decided(given, { volume: volume(of), claim: undefined })).to.deep.equal(
      did(onVolume('VolumeNotOurs', message)),
    );
  });

  it('with our finalizer and another pool is named', () => {
    const of = { hasFinalizer: true, pool: 'pool-2', phase: 'Released' };
    const message =
      'its data belongs to pool pool-2, and this node has pool pool-1: it is neither served nor reclaimed; bring that disk back, or remove the finalizer if its data is gone for good';
    expect(decided(theirs(of), look(of))).to.deep.equal(did(onVolume('VolumeNotOurs', message, 'theirs')));
  });

  for (const [known, words] of [
    [undefined, 'nothing'],
    [entry(), `volume ${NAME}`],
  ] as const) {
    it(`with our finalizer and pool, where the ledger knows ${words}, is named`, () => {
      const of = { hasFinalizer: true, pool: 'pool-1', phase: 'Released' };
      const message = `this node's ledger knows ${words} at ${WHERE}, so this volume is neither served nor reclaimed; annotate the claim that is bound to it with local.tars.io/adopt: "true" to take it over`;
      expect(decided(theirs(of, { entry: known }), look(of))).to.deep.equal(
        did(onVolume('VolumeNotOurs', message, 'theirs')),
      );
    });
  }

  it('of which nothing is left but the cache is waited for', () => {
    const of = { hasFinalizer: true, pool: 'pool-1' };
    const again = { kind: 'steps', steps: [], againMs: 1000 };
    expect(decided(theirs(of), gone)).to.deep.equal(again);
    expect(decided(theirs(of), look({ isDeleting: true, phase: 'Released' }))).to.deep.equal(again);
  });

  it('that only waits for the API server to let it go is as good as gone', () => {
    const of = { isDeleting: true, phase: 'Released' };
    const given = theirs(of, { claims: [claim()], found: found('absent') });
    expect(brief(plan(given))).to.include('create-volume');
  });

  describe('and that its claim adopts', () => {
    const adopter = bound({ volumeName: 'theirs', mayAdopt: true });

    for (const kind of ['filled', 'empty'] as const) {
      it(`is taken over: ledger, then volume (${kind})`, () => {
        expect(plan(theirs({}, { claims: [adopter], found: found(kind) }))).to.deep.equal(
          did(
            {
              do: 'record',
              entry: {
                version: 1,
                state: 'made',
                path: PATH,
                volume: 'theirs',
                volumeUid: 'volume-2',
                storageClass: 't-storage-class',
                claim: MINE,
                owner: OWNER,
                adopted: OWNER,
              },
            },
            { do: 'take-over', volume: foreign() },
            onClaim(
              'VolumeAdopted',
              `volume theirs and its data at ${WHERE} are kept and reclaimed by this agent from now on`,
            ),
          ),
        );
      });
    }

    it('is kept as the ledger says that what is there is kept', () => {
      const storage = { backend: 'quota', size: 10 ** 9 } as const;
      const begun = entry('making', { version: 2, storage });
      const decision = plan(theirs({}, { claims: [adopter], entry: begun, found: found('empty') }));
      const [step] = decision.kind === 'steps' ? decision.steps : [];
      expect(step?.do === 'record' && step.entry).to.deep.include({ version: 2, storage, volume: 'theirs' });
    });

    it('keeps owner and mode of its directory, and says so', () => {
      const theirOwner = { uid: 999, gid: 998, mode: 0o700 };
      const decision = plan(theirs({}, { claims: [adopter], found: found('filled', theirOwner) }));
      const [record, , said] = decision.kind === 'steps' ? decision.steps : [];
      expect(record).to.have.deep.nested.property('entry.owner', OWNER);
      expect(record).to.have.deep.nested.property('entry.adopted', theirOwner);
      const message = `volume theirs and its data at ${WHERE} are kept and reclaimed by this agent from now on, whose owner and mode stay 999:998 700 until the claim asks for others than 0:0 755`;
      expect(said).to.deep.equal(onClaim('VolumeAdopted', message));
    });

    for (const [kind, why] of [
      ['absent', 'its directory is absent'],
      ['mounted', 'its directory is mounted'],
      ['blocked', `${PATH} is a link`],
    ] as const) {
      it(`is not where it is ${kind}`, () => {
        expect(plan(theirs({}, { claims: [adopter], found: found(kind) }))).to.deep.equal(
          did(onClaim('ProvisioningFailed', `volume theirs cannot be adopted: ${why}`)),
        );
      });
    }

    const NEAR: [string, Partial<VolumeView>, Partial<PathState>][] = [
      ['nobody said so', {}, { claims: [bound({ volumeName: 'theirs' })] }],
      ['it is bound to another claim', { claim: OTHER }, { claims: [adopter] }],
      ['the claim names another volume', {}, { claims: [bound({ mayAdopt: true })] }],
      ['it is being deleted', { isDeleting: true }, { claims: [adopter] }],
    ];
    for (const [name, of, over] of NEAR) {
      it(`is not where ${name}`, () => {
        expect(brief(decided(theirs(of, over), look(of)))).to.not.include('take-over');
      });
    }
  });
});
