import { expect } from 'chai';
import type { ClaimView } from '../../../src/agent/claim-view.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { plan } from '../../../src/agent/plan.ts';
import type { PathState } from '../../../src/agent/state.ts';
import type { Decision, Step } from '../../../src/agent/step.ts';
import type { Storage } from '../../../src/agent/storage.ts';
import {
  bound,
  brief,
  claim,
  decided,
  entry,
  found,
  NAME,
  offered,
  OTHER,
  OWNER,
  state,
  storageClass,
  volume,
} from './plan-states.ts';

/** Volumes that are more than directories: how the plan keeps, brings back and grows them. */

const GI = 2 ** 30;
const LOOP: Storage = { backend: 'loop', size: 2 * GI, options: { fsType: 'ext4', preallocate: false } };
const PARAMETERS = { backend: 'loop', minSize: '2Gi', maxSize: '8Gi' };
const CLASSES = (parameters: Readonly<Record<string, string>> = PARAMETERS) =>
  new Map([['t-storage-class', storageClass('t-storage-class', 'local.tars.io', parameters)]]);

/** A path whose volume is an image, or would be one. */
function kept(over: Partial<PathState> = {}, storage: Storage = LOOP): PathState {
  const traits = { enforcesSize: true, survivesReboot: storage.backend !== 'tmpfs' };
  return state({ classes: CLASSES(), kept: { storage, traits }, found: found('absent'), ...over });
}
const image = (known: LedgerEntry['state'] = 'made', over: Partial<LedgerEntry> = {}): LedgerEntry =>
  entry(known, { version: 2, storage: LOOP, ...over });
const asking = (request: string, bytes: number, over: Partial<ClaimView> = {}): ClaimView =>
  claim({ request, requestBytes: bytes, ...over });

function stepOf<D extends Step['do']>(decision: Decision, kind: D): Extract<Step, { do: D }> {
  const step = decision.kind === 'steps' ? decision.steps.find((each) => each.do === kind) : undefined;
  if (!step) throw new Error(`no step ${kind} in ${brief(decision).join(', ')}`);
  return step as Extract<Step, { do: D }>;
}
const saidBy = (decision: Decision): string => stepOf(decision, 'say').message;

describe('a volume with a size', () => {
  it('is promised in the ledger, made with what its class says, and told with its size', () => {
    const decision = plan(kept({ claims: [asking('3Gi', 3 * GI)] }, { ...LOOP, size: 3 * GI }));
    expect(brief(decision)).to.deep.equal([
      'record making',
      'make',
      'record made',
      'create-volume',
      'say VolumeProvisioned',
    ]);
    const storage = { ...LOOP, size: 3 * GI };
    expect(stepOf(decision, 'record').entry).to.deep.include({ version: 2, storage });
    expect(stepOf(decision, 'make').wanted).to.deep.equal({
      owner: OWNER,
      size: 3 * GI,
      options: { fsType: 'ext4', preallocate: false },
    });
    const { metadata, spec } = stepOf(decision, 'create-volume').volume;
    expect(spec.capacity).to.deep.equal({ storage: '3Gi' });
    expect(metadata.annotations['local.tars.io/size-enforced']).to.equal('true');
  });

  it('is as large as its class wants it at least, and says so', () => {
    const decision = plan(kept({ claims: [claim()] }));
    expect(stepOf(decision, 'make').wanted.size).to.equal(2 * GI);
    expect(stepOf(decision, 'create-volume').volume.spec.capacity).to.deep.equal({ storage: '2Gi' });
  });

  it('is not made larger than its class allows', () => {
    const decision = plan(kept({ claims: [asking('9Gi', 9 * GI)] }));
    expect(brief(decision)).to.deep.equal(['say ProvisioningFailed']);
    expect(saidBy(decision)).to.equal(
      'spec.resources.requests.storage: 9Gi is more than the 8Gi that StorageClass t-storage-class allows (parameter maxSize); ask for less, or use another class',
    );
  });

  it('goes elsewhere where there is no room for it', () => {
    const decision = plan(kept({ claims: [claim()], freeBytes: 2 * GI - 1 }));
    expect(brief(decision)).to.deep.equal(['hand-back', 'say ClaimHandedBack']);
    expect(saidBy(decision)).to.equal(
      'node n1 has 2047Mi to give at /pool, less than the 2Gi that class t-storage-class makes of the 1G asked for; the scheduler looks for another node',
    );
  });

  it('names what it would have been made from', () => {
    const inMemory: Storage = { backend: 'tmpfs', size: 2 * GI };
    const memory = CLASSES({ backend: 'tmpfs' });
    const decision = plan(kept({ claims: [claim()], freeBytes: 0, classes: memory }, inMemory));
    expect(saidBy(decision)).to.contain(
      'node n1 has 0Mi to give of its memory, less than the 2Gi that class t-storage-class makes of',
    );
  });

  it('forgets what was begun of it then, and never what holds data', () => {
    const heir = asking('4Gi', 4 * GI, { ...OTHER, mayAdopt: true });
    const full = (known: LedgerEntry['state'], kind: 'absent' | 'filled' | 'detached') =>
      brief(plan(kept({ claims: [heir], entry: image(known), found: found(kind), freeBytes: GI })));
    const back = ['hand-back', 'say ClaimHandedBack'];
    const own = { claims: [asking('4Gi', 4 * GI)], entry: image('making'), freeBytes: GI };
    expect(brief(plan(kept(own)))).to.deep.equal(['discard', 'forget', ...back]);
    for (const kind of ['filled', 'detached'] as const) expect(full('kept', kind)).to.deep.equal(back);
  });

  it('goes elsewhere where the node cannot keep it so', () => {
    const { kept: how } = kept();
    const missing = 'backend loop needs losetup, which this node lacks; install there: mount';
    const decision = plan(kept({ claims: [claim()], kept: { ...how, missing } }));
    expect(brief(decision)).to.deep.equal(['hand-back', 'say ClaimHandedBack']);
    expect(saidBy(decision)).to.equal(
      `node n1 cannot keep its volume: ${missing}; the scheduler looks for another node`,
    );
    // What was begun is not looked at before the node can again.
    const begun = plan(kept({ claims: [claim()], entry: image('making'), kept: { ...how, missing } }));
    expect(brief(begun)).to.deep.equal(brief(decision));
  });

  it('is not guessed at: a parameter that is wrong is told', () => {
    const decision = plan(kept({ claims: [claim()], classes: CLASSES({ backend: 'loop', size: '1Gi' }) }));
    expect(brief(decision)).to.deep.equal(['say ProvisioningFailed']);
    expect(saidBy(decision)).to.equal(
      'StorageClass t-storage-class: parameter size is not known here; there are backend, root, scope, minSize, maxSize, fsType, preallocate, inodes, volumeGroup',
    );
  });

  it('takes over no data that is kept in another way', () => {
    const adopter = claim({ mayAdopt: true });
    const plain: Storage = { backend: 'directory', size: 0 };
    const decision = plan(
      kept({ claims: [adopter], entry: entry('kept', { claim: OTHER }), found: found('filled') }, plain),
    );
    expect(saidBy(decision)).to.equal(
      'what is there is kept by backend directory, and StorageClass t-storage-class says loop; use a class of backend directory, or move the data',
    );
  });
});

describe('what was begun and is undone', () => {
  it('is not the data of whom it was begun for, where somebody put some into it', () => {
    const { claim: _begunFor, ...nobodys } = entry('kept');
    const decision = decided(state({ entry: entry('making'), found: found('filled') }));
    expect(stepOf(decision, 'record').entry).to.deep.equal(nobodys);
    const back = plan(state({ entry: nobodys, found: found('filled'), claims: [claim()] }));
    expect(brief(back)).to.deep.equal(['say DirectoryNotEmpty']);
  });
});

describe('data that nobody is known to have given a limit', () => {
  const adopter = claim({ mayAdopt: true });
  const ENFORCED = ['grow', 'record made', 'create-volume', 'say VolumeAdopted'];

  it('gets one, or is refused by its backend, before it is anybody’s', () => {
    for (const known of [undefined, image('making')]) {
      const given = { claims: [adopter], entry: known, found: found('filled') };
      const decision = decided(kept(given));
      expect(brief(decision)).to.deep.equal(ENFORCED);
      expect(stepOf(decision, 'grow').size).to.equal(LOOP.size);
    }
  });

  it('is brought into its place before, where it is not', () => {
    const decision = plan(kept({ claims: [adopter], found: found('detached') }));
    expect(brief(decision)).to.deep.equal(['attach', ...ENFORCED]);
  });

  it('needs none where there is none to be had', () => {
    const given = state({ claims: [adopter], entry: undefined, found: found('filled') });
    expect(brief(decided(given))).to.deep.equal(ENFORCED.slice(1));
  });
});

describe('a volume that is not in its place', () => {
  const detached = found('detached');
  const wanted = { owner: OWNER, size: LOOP.size, options: LOOP.options };

  it('is brought back before all else, and looked at again', () => {
    const decision = plan(kept({ claims: [bound()], volumes: [volume()], entry: image(), found: detached }));
    expect(brief(decision)).to.deep.equal(['attach', 'say VolumeAttached']);
    expect(stepOf(decision, 'attach').wanted).to.deep.equal(wanted);
    expect(decision).to.deep.include({ againMs: 1 });
  });

  it('says that it is empty where it was in memory', () => {
    const storage: Storage = { backend: 'tmpfs', size: GI };
    const decision = plan(
      kept(
        { claims: [bound()], volumes: [volume()], entry: image('made', { storage }), found: detached },
        storage,
      ),
    );
    expect(brief(decision)).to.deep.equal(['attach', 'say VolumeDataLost']);
    expect(saidBy(decision)).to.equal(
      '/pool/shop/Shop.cart/data on node n1 was in memory, which was lost when the node went down; it is there again, and empty',
    );
  });

  describe('and was in memory', () => {
    const memory: Storage = { backend: 'tmpfs', size: GI };
    const lost = (known: LedgerEntry['state'], over: Partial<PathState>) =>
      kept(
        {
          classes: CLASSES({ backend: 'tmpfs' }),
          entry: image(known, { storage: memory }),
          found: detached,
          ...over,
        },
        memory,
      );

    it('is in nobody’s way, whatever was to be kept of it', () => {
      const waits = [claim(OTHER)];
      const gone = ['discard', 'forget'];
      expect(brief(plan(lost('kept', { claims: waits })))).to.deep.equal(gone);
      expect(brief(decided(lost('made', {})))).to.deep.equal(gone);
      const unknown = lost('made', { claims: waits, entry: undefined });
      const made = ['record making', 'make', 'record made', 'create-volume', 'say VolumeProvisioned'];
      expect(brief(plan(unknown))).to.deep.equal(made);
    });

    it('is forgotten before it is made anew for whom it was given to, who is not told of any data', () => {
      const heir = claim({ ...OTHER, mayAdopt: true });
      expect(brief(plan(lost('kept', { claims: [heir] })))).to.deep.equal(['discard', 'forget']);
    });

    it('says so to the claim whose volume is gone as well', () => {
      const decision = plan(lost('made', { claims: [bound({ phase: 'Lost' })] }));
      expect(brief(decision)).to.deep.equal(['attach', 'grow', 'create-volume', 'say VolumeDataLost']);
      expect(saidBy(decision)).to.equal(
        `volume ${NAME} was gone and is made again; /pool/shop/Shop.cart/data on node n1 was in memory, which was lost when the node went down, and is empty`,
      );
    });
  });

  it('is brought back for people to look at where it is retained, and not where it goes', () => {
    const released = (reclaimPolicy: string) =>
      kept({ volumes: [volume({ phase: 'Released', reclaimPolicy })], entry: image(), found: detached });
    expect(brief(plan(released('Retain')))).to.deep.equal(['attach', 'say VolumeAttached']);
    const gone = { volume: volume({ phase: 'Released' }), claim: undefined };
    expect(brief(decided(released('Delete'), gone))).to.deep.equal([
      'record retiring',
      'retire',
      'release released',
      'forget',
      'say VolumeReclaimed',
    ]);
  });

  it('is brought back before the cluster is told of it', () => {
    const decision = plan(kept({ claims: [claim()], entry: image(), found: detached }));
    expect(brief(decision)).to.deep.equal(['attach', 'grow', 'create-volume', 'say VolumeProvisioned']);
  });

  it('is gone on with where the agent died while it was made', () => {
    const decision = plan(kept({ claims: [claim()], entry: image('making'), found: detached }));
    expect(brief(decision).slice(0, 3)).to.deep.equal(['record making', 'make', 'record made']);
  });

  it('is thrown away where it was never made to the end and nobody waits for it', () => {
    expect(brief(decided(kept({ entry: image('making'), found: detached })))).to.deep.equal([
      'discard',
      'forget',
    ]);
  });

  it('is data, and stays, where it was made', () => {
    expect(brief(decided(kept({ entry: image('made'), found: detached })))).to.deep.equal(['record kept']);
  });

  it('is nothing any more where it was in memory, and in the way of nobody', () => {
    const storage: Storage = { backend: 'tmpfs', size: GI };
    for (const known of ['made', 'kept'] as const) {
      const lost = { entry: image(known, { storage }), found: detached };
      expect(brief(decided(kept(lost, storage))), known).to.deep.equal(['discard', 'forget']);
      const waits = [claim(OTHER)];
      expect(brief(decided(kept({ ...lost, claims: waits }, storage))), known).to.deep.equal([
        'discard',
        'forget',
      ]);
    }
  });

  it('is looked into before it is offered again: whoever took it may have left data there', () => {
    const waits = claim({ ...OTHER, way: 'per-node' });
    const offer = offered('made', { version: 2, storage: LOOP });
    const classes = new Map([['offers', storageClass('offers', 'kubernetes.io/no-provisioner', PARAMETERS)]]);
    const decision = decided(kept({ claims: [waits], entry: offer, found: detached, classes }));
    expect(brief(decision)).to.deep.equal(['attach']);
    expect(stepOf(decision, 'attach').wanted).to.deep.equal(wanted);
    expect(decision).to.deep.include({ againMs: 1 });
  });

  it('is in the way of whoever it is not of', () => {
    const waits = claim(OTHER);
    expect(brief(plan(kept({ claims: [waits], entry: image('kept'), found: detached })))).to.deep.equal([
      'say DirectoryNotEmpty',
    ]);
    expect(brief(plan(kept({ claims: [waits], found: detached })))).to.deep.equal(['say DirectoryNotEmpty']);
  });

  it('is had by whom a person gave it to, as large as that asks', () => {
    const heir = asking('4Gi', 4 * GI, { ...OTHER, mayAdopt: true });
    const decision = plan(kept({ claims: [heir], entry: image('kept'), found: detached }));
    expect(brief(decision)).to.deep.equal([
      'attach',
      'record made',
      'grow',
      'create-volume',
      'say VolumeAdopted',
    ]);
    expect(stepOf(decision, 'attach').wanted).to.deep.equal(wanted);
    expect(stepOf(decision, 'record').entry.storage?.size).to.equal(4 * GI);
    expect(stepOf(decision, 'create-volume').volume.spec.capacity).to.deep.equal({ storage: '4Gi' });
  });

  it('holds what it was promised before it is told with that: it may have died before it grew', () => {
    const promised = image('made', { storage: { ...LOOP, size: 4 * GI } });
    const lost = bound({ phase: 'Lost', request: '4Gi', requestBytes: 4 * GI });
    const decision = plan(
      kept({ claims: [lost], entry: promised, found: found('filled') }, promised.storage),
    );
    expect(brief(decision)).to.deep.equal(['grow', 'create-volume', 'say VolumeRestored']);
    expect(stepOf(decision, 'grow').size).to.equal(4 * GI);
  });

  it('comes back to a claim that asks for more than there is, or than its class allows, as large as it was', () => {
    const lost = (request: string, bytes: number) =>
      bound({ phase: 'Lost', request, requestBytes: bytes, capacityBytes: 2 * GI });
    for (const asker of [lost('4Gi', 4 * GI), lost('9Gi', 9 * GI)]) {
      const decision = plan(
        kept({ claims: [asker], entry: image(), found: found('filled'), freeBytes: 2 * GI }),
      );
      expect(brief(decision)).to.deep.equal(['grow', 'create-volume', 'say VolumeRestored']);
      expect(stepOf(decision, 'grow').size).to.equal(2 * GI);
      expect(stepOf(decision, 'create-volume').volume.spec.capacity).to.deep.equal({ storage: '2Gi' });
    }
  });

  it('is not believed to be limited because its class says so', () => {
    const adopter = claim({ mayAdopt: true });
    const limited: Storage = { backend: 'quota', size: 2 * GI };
    const classes = CLASSES({ backend: 'quota', minSize: '2Gi' });
    const decision = plan(kept({ claims: [adopter], found: found('filled'), classes }, limited));
    expect(brief(decision).slice(0, 3)).to.deep.equal(['grow', 'record made', 'create-volume']);
  });

  it('makes way as an offer too, where its class has become another before anybody was told of it', () => {
    const waits = claim({ way: 'per-node' });
    const classes = new Map([['offers', storageClass('offers', 'kubernetes.io/no-provisioner', PARAMETERS)]]);
    for (const kind of ['absent', 'empty'] as const) {
      const begun = { claims: [waits], entry: offered('making'), found: found(kind), classes };
      const plain: Storage = { backend: 'directory', size: 0 };
      expect(brief(decided(kept(begun, plain))), kind).to.deep.equal(['discard', 'forget']);
    }
  });

  it('leaves no bare directory behind where its data is gone', () => {
    expect(brief(plan(kept({ entry: image('kept'), found: found('absent') })))).to.deep.equal([
      'discard',
      'forget',
    ]);
  });

  it('makes way, empty, for what is kept in another way', () => {
    const empty = { claims: [claim(OTHER)], found: found('empty') };
    expect(brief(plan(kept({ ...empty, entry: image('kept') })))).to.deep.equal(['discard', 'forget']);
    const plain: Storage = { backend: 'directory', size: 0 };
    expect(brief(plan(kept({ ...empty, entry: entry('kept') }, plain)))).to.deep.equal(['discard', 'forget']);
  });
});

describe('a claim that asks for more', () => {
  const grown = (over: Partial<PathState> = {}, storage: Storage = LOOP) =>
    kept(
      {
        claims: [bound({ request: '4Gi', requestBytes: 4 * GI, capacityBytes: 2 * GI })],
        volumes: [volume({ capacityBytes: 2 * GI })],
        entry: image('made', { storage }),
        found: found('filled'),
        ...over,
      },
      storage,
    );
  const refused = (over: Partial<PathState>): string => {
    const decision = plan(grown(over));
    expect(brief(decision)).to.deep.equal(['say ExpansionFailed']);
    expect(decision).to.deep.include({ againMs: 60_000 });
    return saidBy(decision);
  };
  const BEGIN = `volume ${NAME} stays at 2Gi, and the claim asks for 4Gi: `;

  it('is promised it, gets it, and is told', () => {
    const decision = plan(grown());
    expect(brief(decision)).to.deep.equal(['record made', 'grow', 'resize', 'say VolumeExpanded']);
    expect(stepOf(decision, 'record').entry.storage?.size).to.equal(4 * GI);
    expect(stepOf(decision, 'grow').size).to.equal(4 * GI);
    expect(stepOf(decision, 'resize').capacity).to.equal('4Gi');
    expect(saidBy(decision)).to.equal(`volume ${NAME} holds 4Gi now`);
  });

  it('is gone on with after a crash anywhere', () => {
    const promised = { ...LOOP, size: 4 * GI };
    expect(brief(plan(grown({}, promised)))).to.deep.equal(['grow', 'resize', 'say VolumeExpanded']);
    const told = [volume({ capacityBytes: 4 * GI })];
    expect(brief(plan(grown({ volumes: told }, promised)))).to.deep.equal([
      'grow',
      'resize',
      'say VolumeExpanded',
    ]);
    const claims = [bound({ request: '4Gi', requestBytes: 4 * GI, capacityBytes: 4 * GI })];
    expect(brief(plan(grown({ volumes: told, claims }, promised)))).to.deep.equal([]);
  });

  it('gets no more than there is', () => {
    expect(refused({ freeBytes: 3 * GI })).to.equal(
      `${BEGIN}node n1 can give it 3Gi at most; make room there`,
    );
  });

  it('gets nothing of a class that does not let it, nor more than it allows', () => {
    const fixed = { ...storageClass('t-storage-class', 'local.tars.io', PARAMETERS), allowsExpansion: false };
    expect(refused({ classes: new Map([['t-storage-class', fixed]]) })).to.equal(
      `${BEGIN}StorageClass t-storage-class does not allow it; set allowVolumeExpansion: true there`,
    );
    expect(refused({ classes: CLASSES({ backend: 'loop', maxSize: '3Gi' }) })).to.equal(
      `${BEGIN}StorageClass t-storage-class allows 3Gi (parameter maxSize); move the data to a claim of another class`,
    );
  });

  it('waits while its volume is not in its place', () => {
    const owner = OWNER;
    expect(refused({ found: { kind: 'mounted', owner } })).to.contain(
      '/pool/shop/Shop.cart/data on node n1 is mounted; the Events of the volume say more',
    );
  });

  it('has only to be told so where nothing stops it anyway', () => {
    const plain: Storage = { backend: 'directory', size: 0 };
    const traits = { enforcesSize: false, survivesReboot: true };
    const decision = plan(grown({ entry: entry(), kept: { storage: plain, traits }, freeBytes: 0 }, plain));
    expect(brief(decision)).to.deep.equal(['resize', 'say VolumeExpanded']);
  });

  it('has enough in what a directory says that it holds', () => {
    const claims = [bound({ request: '4Gi', requestBytes: 4 * GI, capacityBytes: 5 * GI })];
    expect(
      brief(plan(state({ claims, volumes: [volume()], entry: entry(), found: found('filled') }))),
    ).to.deep.equal([]);
  });
});
