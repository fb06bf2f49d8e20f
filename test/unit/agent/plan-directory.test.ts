import { expect } from 'chai';
import type { ClaimView } from '../../../src/agent/claim-view.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { plan } from '../../../src/agent/plan.ts';
import type { LiveClaim } from '../../../src/agent/state.ts';
import { aboutClaim, type Decision, type Step } from '../../../src/agent/step.ts';
import { persistentVolume } from '../../../src/tars/persistent-volume.ts';
import {
  brief,
  claim,
  decided,
  entry,
  found,
  live,
  MINE,
  NAME,
  offered,
  OTHER,
  OWNER,
  PATH,
  state,
  volume,
  type Way,
  WHERE,
} from './plan-states.ts';

/** Everything that a claim and a directory can be to each other, by what the ledger says of the path. */
const STATES = ['nothing', 'making', 'made', 'retiring', 'kept'] as const;
const KINDS = ['absent', 'empty', 'filled', 'mounted', 'blocked'] as const;

/**
 * A directory that is already there, with no volume that leads to it.
 *
 * new     it is recorded, made, and its volume created        serve   its volume is created
 * take    it is recorded as made, and its volume created      undo    what is empty goes, and its entry
 * keep    it is recorded as kept, for people to decide on     forget  its entry goes
 * again   as new, after a look that shows its claim waiting still
 * data    said: it holds data    mount, link    said: something is in the way     -    nothing
 *
 * Undo and keep come after a look that shows the claim of the ledger gone.
 */
const TABLE = `
                   nothing   making    made      retiring  kept
  absent   same    new       new       again     undo      forget
  absent   other   new       undo      undo      undo      forget
  absent   adopt   new       undo      undo      undo      forget
  absent   nobody  -         undo      undo      undo      forget
  empty    same    new       new       serve     undo      new
  empty    other   new       undo      undo      undo      new
  empty    adopt   new       undo      undo      undo      new
  empty    nobody  -         undo      undo      undo      -
  filled   same    data      data      serve     keep      take
  filled   other   data      keep      keep      keep      data
  filled   adopt   take      keep      keep      keep      take
  filled   nobody  -         keep      keep      keep      -
  mounted  same    mount     mount     mount     keep      mount
  mounted  other   mount     keep      keep      keep      mount
  mounted  adopt   mount     keep      keep      keep      mount
  mounted  nobody  -         keep      keep      keep      -
  blocked  same    link      link      link      keep      link
  blocked  other   link      keep      keep      keep      link
  blocked  adopt   link      keep      keep      keep      link
  blocked  nobody  -         keep      keep      keep      -
`;

interface Row {
  readonly kind: (typeof KINDS)[number];
  readonly who: string;
  readonly known: (typeof STATES)[number];
  readonly code: string;
}

const ROWS: Row[] = TABLE.trim()
  .split('\n')
  .slice(1)
  .flatMap((line) => {
    const [kind = '', who = '', ...codes] = line.trim().split(/\s+/);
    return codes.map((code, index) => ({
      kind: kind as Row['kind'],
      who,
      known: STATES[index]!,
      code,
    }));
  });

const claimOf = (way: Way, who: string): ClaimView =>
  claim({ way, ...(who === 'same' ? MINE : OTHER), mayAdopt: who === 'adopt' });

/** What is made for nobody in particular. */
const isOffer = (way: Way, kind: string): boolean => way === 'per-node' && kind !== 'filled';

function entryFor(way: Way, { kind, who }: Row, over: Partial<LedgerEntry> = {}): LedgerEntry {
  const { namespace, name, uid } = claimOf(way, who);
  const storageClass = way === 'on-demand' ? 't-storage-class' : 'offers';
  return isOffer(way, kind)
    ? offered('made', over)
    : entry('made', {
        storageClass,
        claim: { namespace, name, uid },
        ...(kind === 'filled' && who === 'adopt' ? { adopted: OWNER } : {}),
        ...over,
      });
}

function created(way: Way, { kind, who }: Row): Step {
  const { namespace, name, uid } = claimOf(way, who);
  return {
    do: 'create-volume',
    volume: persistentVolume({
      name: NAME,
      address: { namespace: 'shop', app: 'Shop', server: 'cart', volume: 'data' },
      path: WHERE,
      node: 'n1',
      hostname: 'host-1',
      pool: 'pool-1',
      storageClass: way === 'on-demand' ? 't-storage-class' : 'offers',
      way,
      accessMode: 'ReadWriteOnce',
      size: '5Gi',
      sizeEnforced: false,
      reclaimPolicy: 'Delete',
      ...(isOffer(way, kind) ? {} : { claim: { namespace, name, uid } }),
    }),
  };
}

function told(way: Way, row: Row): Step {
  const about = aboutClaim(claimOf(way, row.who));
  const say = (reason: 'VolumeOffered' | 'VolumeAdopted' | 'VolumeProvisioned', message: string): Step => ({
    do: 'say',
    about,
    reason,
    message,
  });
  if (isOffer(way, row.kind)) return say('VolumeOffered', `volume ${NAME} is offered: ${WHERE} on node n1`);
  const isAdopted = row.kind === 'filled' && row.who === 'adopt';
  return isAdopted
    ? say('VolumeAdopted', `volume ${NAME} has the data at ${WHERE} on node n1`)
    : say('VolumeProvisioned', `volume ${NAME} is ${WHERE} on node n1`);
}

function holdsData({ known }: Row, way: Way, who: string): Step {
  // What is there while nothing was made yet is somebody else's, whatever was begun.
  const whose = known === 'kept' ? 'the data of claim shop/data-cart-0 (uid claim-1)' : 'data';
  return {
    do: 'say',
    about: aboutClaim(claimOf(way, who)),
    reason: 'DirectoryNotEmpty',
    message: `${WHERE} on node n1 holds ${whose}, and is neither served nor removed: to serve it as it is annotate the claim with local.tars.io/adopt: "true", to begin with an empty directory run tlv orphans purge ${PATH} on that node`,
  };
}

/** While it was being made, only somebody else can have put anything there. */
function nobodys(): LedgerEntry {
  const { claim: _begunFor, ...rest } = entry('kept');
  return rest;
}

const failed = (way: Way, who: string, message: string): Step => ({
  do: 'say',
  about: aboutClaim(claimOf(way, who)),
  reason: 'ProvisioningFailed',
  message,
});

const EXPECTED: Record<string, (way: Way, row: Row) => Step[]> = {
  '-': () => [],
  new: (way, row) => [
    { do: 'record', entry: entryFor(way, row, { state: 'making' }) },
    { do: 'make', wanted: { owner: OWNER, size: 10 ** 9 } },
    { do: 'record', entry: entryFor(way, row) },
    created(way, row),
    told(way, row),
  ],
  again: (way, row) => EXPECTED.new!(way, row),
  take: (way, row) => [{ do: 'record', entry: entryFor(way, row) }, created(way, row), told(way, row)],
  // What the ledger has of one claim is not offered before the ledger has it as an offer.
  serve: (way, row) => [
    ...(isOffer(way, row.kind) ? [{ do: 'record', entry: entryFor(way, row) } as const] : []),
    created(way, row),
    told(way, row),
  ],
  undo: () => [{ do: 'discard' }, { do: 'forget' }],
  keep: (_way, { known }) => [{ do: 'record', entry: known === 'making' ? nobodys() : entry('kept') }],
  forget: () => [{ do: 'forget' }],
  data: (way, row) => [holdsData(row, way, row.who)],
  mount: (way, { who }) => [
    failed(
      way,
      who,
      `something is mounted at or below ${WHERE} on node n1; unmount it, or rename the volume`,
    ),
  ],
  link: (way, { who }) => [failed(way, who, `${PATH} is a link`)],
};

describe('a directory without a volume', () => {
  it('has a row for everything that it can be', () => {
    expect(ROWS.length).to.equal(KINDS.length * 4 * STATES.length);
    expect(new Set(ROWS.map(({ kind, who, known }) => `${kind} ${who} ${known}`)).size).to.equal(ROWS.length);
  });

  for (const way of ['on-demand', 'per-node'] as const) {
    for (const row of ROWS) {
      const { kind, who, known, code } = row;
      it(`${way}: ${kind}, the ledger has ${known}, claim ${who}: ${code}`, () => {
        const given = state({
          claims: who === 'nobody' ? [] : [claimOf(way, who)],
          entry: known === 'nothing' ? undefined : entry(known),
          found: found(kind),
        });
        const look = { volume: undefined, claim: code === 'again' ? live() : undefined };
        expect(plan(given).kind).to.equal(['undo', 'keep', 'again'].includes(code) ? 'look' : 'steps');
        const again = code === 'data' ? { againMs: 60_000 } : {};
        expect(decided(given, look)).to.deep.equal({
          kind: 'steps',
          steps: EXPECTED[code]!(way, row),
          ...again,
        });
      });
    }
  }
});

describe('what was begun, while the caches say nothing', () => {
  const look = { kind: 'look', volume: NAME, claim: MINE };
  const later: Decision = { kind: 'steps', steps: [], againMs: 2000 };
  const undone: Step[] = [{ do: 'discard' }, { do: 'forget' }];
  const faulty = claim({ wanted: { fault: 'TLV301' } });
  const CASES: [string, LiveClaim | undefined, Decision][] = [
    ['its claim waits for this node: it comes', live(), later],
    ['its claim is gone', undefined, { kind: 'steps', steps: undone }],
    ['another claim has its name', live({ uid: 'claim-9' }), { kind: 'steps', steps: undone }],
    ['its claim is being deleted', live({ isDeleting: true }), { kind: 'steps', steps: undone }],
    ['its claim went to another node', live({ selectedNode: 'n2' }), { kind: 'steps', steps: undone }],
    ['its claim has a volume elsewhere', live({ volumeName: 'n2-volume' }), { kind: 'steps', steps: undone }],
    ['its claim has a fault now: no hurry', live({ view: faulty }), { kind: 'steps', steps: [] }],
  ];
  for (const [name, of, expected] of CASES) {
    it(name, () => {
      for (const known of ['making', 'made'] as const) {
        const given = state({ entry: entry(known) });
        expect(plan(given)).to.deep.equal(look);
        expect(decided(given, { volume: undefined, claim: of })).to.deep.equal(expected);
      }
    });
  }

  it('its directory was made and is gone: no empty one takes its place where it is in use', () => {
    const given = state({ claims: [claim()], entry: entry(), found: found('absent') });
    expect(plan(given)).to.deep.equal(look);
    expect(decided(given, { volume: volume(), claim: live({ volumeName: NAME }) })).to.deep.equal(later);
    const view = claim({ phase: 'Lost', volumeName: NAME });
    const lost = { volume: undefined, claim: live({ phase: 'Lost', volumeName: NAME, view }) };
    expect(brief(decided(given, lost))).to.deep.equal(['say VolumeDataMissing']);
    expect(brief(decided(given, { volume: undefined, claim: live() }))).to.include('make');
  });

  it('its volume is in the cluster: the caches are late', () => {
    for (const known of ['making', 'made'] as const) {
      const given = state({ entry: entry(known) });
      expect(decided(given, { volume: volume(), claim: undefined })).to.deep.equal(later);
      // What has its name by chance is no reason to wait.
      const other = { volume: volume({ pool: 'pool-2' }), claim: undefined };
      expect(decided(given, other)).to.deep.equal({ kind: 'steps', steps: undone });
    }
  });
});

describe('data that is adopted', () => {
  const THEIRS = { uid: 999, gid: 998, mode: 0o700 };
  const adopter = claim({ ...OTHER, mayAdopt: true });

  for (const known of [undefined, entry('kept', { owner: { uid: 1, gid: 1, mode: 0o711 } })]) {
    it(`has owner and mode as they are, and says so (${known ? 'kept' : 'nobody knows it'})`, () => {
      const given = state({ claims: [adopter], entry: known, found: found('filled', THEIRS) });
      const row: Row = { kind: 'filled', who: 'adopt', known: 'nothing', code: 'take' };
      expect(plan(given)).to.deep.equal({
        kind: 'steps',
        steps: [
          { do: 'record', entry: entryFor('on-demand', row, { adopted: THEIRS }) },
          created('on-demand', row),
          {
            do: 'say',
            about: aboutClaim(adopter),
            reason: 'VolumeAdopted',
            message: `volume ${NAME} has the data at ${WHERE} on node n1, whose owner and mode stay 999:998 700 until the claim asks for others than 0:0 755`,
          },
        ],
      });
    });
  }

  it('keeps what it came with when its own claim waits for it again', () => {
    const known = entry('kept', { adopted: THEIRS });
    const given = state({ claims: [claim()], entry: known, found: found('filled', THEIRS) });
    const decision = plan(given);
    expect(decision)
      .to.have.property('steps')
      .that.deep.includes({ do: 'record', entry: entry('made', { adopted: THEIRS }) });
  });
});

describe('data that came while a directory was being made', () => {
  it('is served where a person gives it to the claim, as the message says', () => {
    const adopter = claim({ mayAdopt: true });
    const row: Row = { kind: 'filled', who: 'same', known: 'making', code: 'take' };
    const decision = decided(state({ claims: [adopter], entry: entry('making'), found: found('filled') }));
    expect(decision).to.deep.equal({
      kind: 'steps',
      steps: [
        { do: 'record', entry: entryFor('on-demand', row, { adopted: OWNER }) },
        created('on-demand', row),
        {
          do: 'say',
          about: aboutClaim(adopter),
          reason: 'VolumeAdopted',
          message: `volume ${NAME} has the data at ${WHERE} on node n1`,
        },
      ],
    });
  });
});
