import { expect } from 'chai';
import { plan } from '../../../src/agent/plan.ts';
import { refusalOf } from '../../../src/agent/refusals.ts';
import type { LiveLook, PathState } from '../../../src/agent/state.ts';
import type { VolumeView } from '../../../src/agent/volume-view.ts';
import {
  brief,
  entry,
  foreign,
  found,
  live,
  MINE,
  NAME,
  offered,
  OTHER,
  PATH,
  pathOf,
  state,
  volume,
  WHERE,
} from './plan-states.ts';

/** The one state in which data may go. */
const SEEN = volume({ phase: 'Released' });
const STATE = state({ volumes: [SEEN], entry: entry(), found: found('filled') });
const LOOK: LiveLook = { volume: SEEN, claim: undefined };

interface Near {
  readonly state?: Partial<PathState>;
  readonly volume?: Partial<VolumeView>;
  readonly look?: Partial<LiveLook>;
}

const refusal = ({ state: over, volume: changed, look }: Near): string | undefined => {
  const now = changed ? volume({ phase: 'Released', ...changed }) : SEEN;
  return refusalOf({ ...STATE, ...over }, SEEN, { ...LOOK, volume: now, ...look });
};

describe('whether data may go', () => {
  it('may, of a Released volume of ours with policy Delete whose claim is gone', () => {
    expect(refusal({})).to.equal(undefined);
  });

  const ALLOWED: [string, Near][] = [
    ['also while the volume is being deleted', { volume: { isDeleting: true } }],
    ['also when the moving was begun', { state: { entry: entry('retiring') } }],
    ['also where the directory is empty', { state: { found: found('empty') } }],
    ['also where it is gone', { state: { found: found('absent') } }],
    ['also when a new claim has the name of the old one', { look: { claim: live({ uid: 'claim-9' }) } }],
    ['also of an offer that was taken while the agent was away', { state: { entry: offered() } }],
  ];
  for (const [name, near] of ALLOWED) {
    it(name, () => {
      expect(refusal(near)).to.equal(undefined);
    });
  }

  // Each is one step from the state in which it may go.
  const REFUSED: [string, Near, string][] = [
    ['the volume is gone', { look: { volume: undefined } }, 'the volume is not the one that was seen before'],
    ['it is another one', { volume: { uid: 'volume-9' } }, 'the volume is not the one that was seen before'],
    ...['Pending', 'Available', 'Bound', 'Failed'].map((phase): [string, Near, string] => [
      `it is ${phase}`,
      { volume: { phase } },
      `its phase is ${phase}`,
    ]),
    ...['Retain', 'Recycle', ''].map((reclaimPolicy): [string, Near, string] => [
      `its policy is "${reclaimPolicy}"`,
      { volume: { reclaimPolicy } },
      `its reclaim policy is ${reclaimPolicy}`,
    ]),
    ['it has no finalizer of ours', { volume: { hasFinalizer: false } }, 'our finalizer is not on it'],
    [
      'it has no pool',
      { volume: { pool: undefined } },
      'its data belongs to pool unknown, and this is pool-1',
    ],
    [
      'it is of another disk',
      { volume: { pool: 'pool-2' } },
      'its data belongs to pool pool-2, and this is pool-1',
    ],
    ['the ledger has no entry', { state: { entry: undefined } }, 'the ledger of this node does not know it'],
    [
      'the ledger has another volume there',
      { state: { entry: entry('made', { volume: 'theirs' }) } },
      'the ledger of this node does not know it',
    ],
    [
      'its path is another',
      { volume: { path: '/pool/shop/Shop.cart/log' } },
      'its path is /pool/shop/Shop.cart/log, which is not where the ledger has its data',
    ],
    ['it has no path', { volume: { path: '' } }, 'its path is , which is not where the ledger has its data'],
    ['it has no claim', { volume: { claim: undefined } }, 'it does not say which claim it was bound to'],
    [
      'its claim has no uid',
      { volume: { claim: { ...MINE, uid: '' } } },
      'it does not say which claim it was bound to',
    ],
    [
      'its claim is of another namespace',
      { volume: { claim: { ...MINE, namespace: 'mall' } } },
      "it was bound to a claim of namespace mall, and its directory is another's",
    ],
    [
      'its namespace only begins like the path',
      { volume: { claim: { ...MINE, namespace: 'sho' } } },
      "it was bound to a claim of namespace sho, and its directory is another's",
    ],
    [
      'it was bound to another claim',
      { volume: { claim: OTHER } },
      'the ledger has its data as that of another claim',
    ],
    [
      'the ledger has it as that of another',
      { state: { entry: entry('made', { claim: OTHER }) } },
      'the ledger has its data as that of another claim',
    ],
    ['its claim is there', { look: { claim: live() } }, 'its claim shop/data-cart-0 is still there'],
    [
      'its claim is being deleted',
      { look: { claim: live({ isDeleting: true, volumeName: NAME }) } },
      'its claim shop/data-cart-0 is still there',
    ],
    [
      'another volume leads there',
      { state: { volumes: [SEEN, foreign()] } },
      'volume theirs leads to the same directory',
    ],
    ['a link is there', { state: { found: found('blocked') } }, `${PATH} is a link`],
    [
      'something is mounted',
      { state: { found: found('mounted') } },
      'something is mounted at or below its directory',
    ],
  ];
  for (const [name, near, why] of REFUSED) {
    it(`may not where ${name}`, () => {
      expect(refusal(near)).to.equal(why);
    });
  }

  it('says the first reason of several', () => {
    expect(refusal({ volume: { uid: 'volume-9', phase: 'Bound' }, state: { entry: undefined } })).to.equal(
      'the volume is not the one that was seen before',
    );
  });

  it('is asked of the path, whatever the volume says', () => {
    expect(refusal({ state: { path: pathOf('shop/Shop.cart/log') } })).to.equal(
      `its path is ${WHERE}, which is not where the ledger has its data`,
    );
  });
});

describe('the plan, one step from where data may go', () => {
  const after = (look: LiveLook, over: Partial<PathState> = {}) => plan({ ...STATE, ...over, live: look });

  it('moves it only there', () => {
    expect(brief(after(LOOK))).to.deep.equal([
      'record retiring',
      'retire',
      'release released',
      'forget',
      'say VolumeReclaimed',
    ]);
  });

  // What the cache has is as it may be; what the look has decides.
  const LOOKS: [string, LiveLook][] = [
    ['is gone', { volume: undefined, claim: undefined }],
    ['is a new one', { volume: volume({ phase: 'Released', uid: 'volume-9' }), claim: undefined }],
    ...(['Pending', 'Available', 'Bound', 'Failed'] as const).map((phase): [string, LiveLook] => [
      `is ${phase} now`,
      { volume: volume({ phase }), claim: undefined },
    ]),
    [
      'is to be retained now',
      { volume: volume({ phase: 'Released', reclaimPolicy: 'Retain' }), claim: undefined },
    ],
    [
      'has lost our finalizer',
      { volume: volume({ phase: 'Released', hasFinalizer: false }), claim: undefined },
    ],
    ['is of another pool', { volume: volume({ phase: 'Released', pool: 'pool-2' }), claim: undefined }],
    ['has its claim still', { volume: SEEN, claim: live() }],
    ['has its claim, bound to it', { volume: SEEN, claim: live({ volumeName: NAME }) }],
    ['has its claim, bound elsewhere', { volume: SEEN, claim: live({ volumeName: 'n2-volume' }) }],
  ];
  for (const [name, look] of LOOKS) {
    it(`does not where the volume ${name}`, () => {
      expect(brief(after(look))).to.not.include('retire');
    });
  }

  for (const kind of ['mounted', 'blocked'] as const) {
    it(`does not where the directory is ${kind}, and looks again in a minute`, () => {
      const decision = after(LOOK, { found: found(kind) });
      const why = kind === 'blocked' ? `${PATH} is a link` : 'something is mounted at or below its directory';
      expect(decision).to.deep.equal({
        kind: 'steps',
        steps: [
          {
            do: 'say',
            about: { kind: 'PersistentVolume', name: NAME, uid: 'volume-1' },
            reason: 'ReclaimRefused',
            message: `its data at ${WHERE} is not removed: ${why}`,
          },
        ],
        againMs: 60_000,
      });
    });
  }

  // Without all three signs it is not even asked.
  const NOT_OURS: [string, Partial<PathState>][] = [
    ['no finalizer', { volumes: [volume({ phase: 'Released', hasFinalizer: false })] }],
    ['another pool', { volumes: [volume({ phase: 'Released', pool: 'pool-2' })] }],
    ['no pool', { volumes: [volume({ phase: 'Released', pool: undefined })] }],
    ['no entry', { entry: undefined }],
    ['the entry of another volume', { entry: entry('made', { volume: 'theirs' }) }],
  ];
  for (const [name, over] of NOT_OURS) {
    it(`does nothing to it with ${name}`, () => {
      const [seen] = over.volumes ?? [SEEN];
      const did = brief(after({ volume: seen, claim: undefined }, over));
      expect(did.filter((step) => !step.startsWith('say'))).to.deep.equal([]);
    });
  }
});
