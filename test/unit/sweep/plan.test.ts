import { expect } from 'chai';
import { Patience } from '../../../src/sweep/patience.ts';
import { plan } from '../../../src/sweep/plan.ts';
import { FINALIZER } from '../../../src/tars/vocabulary.ts';
import {
  capacityOf,
  claimOf,
  DELAY_MS,
  inHost,
  leaseOf,
  nodeOf,
  type Objects,
  planned,
  plannedAfterDelay,
  volumeOf,
  worldOf,
} from './world.ts';

const LATER = DELAY_MS + 1;
/** A node that lives, so that the cluster is none without nodes. */
const other = nodeOf('other');
const fresh = (node: string) => leaseOf(node, '2026-03-01T10:05:00.000000Z');
const CLAIM = { namespace: 'shop', name: 'data-cart-0', uid: 'claim-1' };
const LONG = `${'n'.repeat(60)}.${'m'.repeat(60)}.example`;

describe('sweep plan', () => {
  const ROWS: readonly (readonly [what: string, world: Objects, steps: readonly string[]])[] = [
    ['a claim for a node that is gone', { claims: [claimOf('n')] }, ['free-claim data-n']],
    [
      'a claim for a node whose agent has no Lease',
      { nodes: [nodeOf('n')], claims: [claimOf('n')] },
      ['free-claim data-n'],
    ],
    [
      'a claim for a node whose Lease is not renewed',
      { nodes: [nodeOf('n')], claims: [claimOf('n')], leases: [leaseOf('n')] },
      ['free-claim data-n'],
    ],
    [
      'a claim for a node with a long name that is gone',
      { claims: [claimOf(LONG)] },
      [`free-claim data-${LONG}`],
    ],
    ['a claim with a volume', { claims: [claimOf('n', { spec: { volumeName: 'v' } })] }, []],
    ['a claim that is bound', { claims: [claimOf('n', { phase: 'Bound' })] }, []],
    ['a claim that lost its volume', { claims: [claimOf('n', { phase: 'Lost' })] }, []],
    [
      'a claim that is being deleted',
      { claims: [claimOf('n', { metadata: { deletionTimestamp: 'now' } })] },
      [],
    ],
    ['a claim of another class', { claims: [claimOf('n', { spec: { storageClassName: 'ssd' } })] }, []],
    ['a claim without a node', { claims: [claimOf('n', { metadata: { annotations: {} } })] }, []],
    [
      'a claim that a volume is reserved for',
      {
        claims: [claimOf('n')],
        volumes: [
          volumeOf('other', {
            phase: 'Available',
            spec: { claimRef: { namespace: 'shop', name: 'data-n', uid: 'uid-data-n' } },
          }),
        ],
      },
      [],
    ],

    ['capacity of a node that is gone', { capacities: [capacityOf('n')] }, ['remove-capacity capacity-n']],
    [
      'capacity of an agent that is silent',
      { nodes: [nodeOf('n')], capacities: [capacityOf('n')], leases: [leaseOf('n')] },
      ['remove-capacity capacity-n'],
    ],
    ['the Lease of a node that is gone', { leases: [leaseOf('n')] }, ['remove-lease t-local-volume-agent-n']],
    ['the Lease of a silent agent', { nodes: [nodeOf('n')], leases: [leaseOf('n')] }, []],

    ['a Released volume of a node that is gone', { volumes: [volumeOf('n')] }, ['delete-volume volume-n']],
    ['a Failed one', { volumes: [volumeOf('n', { phase: 'Failed' })] }, ['delete-volume volume-n']],
    [
      'a Released one to be retained',
      { volumes: [volumeOf('n', { spec: { persistentVolumeReclaimPolicy: 'Retain' } })] },
      [],
    ],
    [
      'a Released one of a disk that was discovered, which may come back with its data and nothing else',
      { volumes: [volumeOf('n', { metadata: { annotations: { 'local.tars.io/discovered': 'true' } } })] },
      [],
    ],
    [
      'a Terminating one of such a disk',
      {
        volumes: [
          volumeOf('n', {
            metadata: { annotations: { 'local.tars.io/discovered': 'true' }, deletionTimestamp: 'now' },
          }),
        ],
      },
      ['let-go-volume volume-n'],
    ],
    [
      'a Bound one, whose claim is told',
      { volumes: [volumeOf('n', { spec: { claimRef: CLAIM }, phase: 'Bound' })] },
      ['tell-claim volume-n'],
    ],
    [
      'a Bound one of a node that is there',
      { nodes: [nodeOf('n')], volumes: [volumeOf('n', { spec: { claimRef: CLAIM }, phase: 'Bound' })] },
      [],
    ],
    ['an Available one', { volumes: [volumeOf('n', { phase: 'Available' })] }, []],
    [
      'a Terminating one, whatever its policy',
      {
        volumes: [
          volumeOf('n', {
            metadata: { deletionTimestamp: 'now' },
            spec: { persistentVolumeReclaimPolicy: 'Retain' },
          }),
        ],
      },
      ['let-go-volume volume-n'],
    ],
    [
      'a Terminating one that is still bound',
      { volumes: [volumeOf('n', { metadata: { deletionTimestamp: 'now' }, phase: 'Bound' })] },
      [],
    ],
    ['one without our finalizer', { volumes: [volumeOf('n', { metadata: { finalizers: ['x'] } })] }, []],
    ['one of a node by its hostname', { nodes: [nodeOf('x', 'n')], volumes: [volumeOf('n')] }, []],
    ['one of a node by its name', { nodes: [nodeOf('n', 'x')], volumes: [volumeOf('n')] }, []],
    ['one of a silent agent', { nodes: [nodeOf('n')], volumes: [volumeOf('n')] }, []],
    [
      'one that several nodes may use',
      {
        volumes: [
          volumeOf('n', {
            spec: {
              nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [inHost('n', 'm')] }] } },
            },
          }),
        ],
      },
      [],
    ],
    [
      'one of either of two nodes',
      {
        volumes: [
          volumeOf('n', {
            spec: {
              nodeAffinity: {
                required: {
                  nodeSelectorTerms: [
                    { matchExpressions: [inHost('n')] },
                    { matchExpressions: [inHost('m')] },
                  ],
                },
              },
            },
          }),
        ],
      },
      [],
    ],
    ['one for everywhere', { volumes: [volumeOf('n', { spec: { nodeAffinity: undefined } })] }, []],
  ];
  for (const [what, world, steps] of ROWS) {
    const all = { ...world, nodes: [other, ...(world.nodes ?? [])] };
    it(`${steps.length === 0 ? 'leaves' : 'has a step for'} ${what}`, () => {
      expect(plannedAfterDelay(all)).to.deep.equal(steps);
    });
    it(`leaves ${what} before the delay`, () => {
      expect(planned([0, all])).to.deep.equal([]);
      expect(planned([0, all], [DELAY_MS, all])).to.deep.equal([]);
    });
  }

  const LIVES = {
    nodes: [nodeOf('n')],
    claims: [claimOf('n')],
    capacities: [capacityOf('n')],
    volumes: [volumeOf('n')],
  };

  it('leaves what an agent that lives will see to', () => {
    const at = (renewals: number) => ({ ...LIVES, leases: [leaseOf('n', `renewed ${renewals} times`)] });
    expect(planned([0, at(0)], [DELAY_MS, at(1)], [2 * DELAY_MS, at(2)])).to.deep.equal([]);
  });

  it('counts from the last renewal that it saw, whatever time that names', () => {
    const old = { ...LIVES, leases: [leaseOf('n', '1999-01-01T00:00:00.000000Z')] };
    const renewed = { ...LIVES, leases: [leaseOf('n', '1999-01-01T00:00:10.000000Z')] };
    expect(planned([0, old], [LATER - 1, renewed], [LATER + DELAY_MS - 1, renewed])).to.deep.equal([]);
    expect(planned([0, old], [LATER - 1, renewed], [LATER + DELAY_MS, renewed])).to.have.lengthOf(2);
  });

  it('never counts less than the Lease says that it lasts', () => {
    const world = { ...LIVES, leases: [leaseOf('n', 'then', (2 * DELAY_MS) / 1000)] };
    expect(planned([0, world], [2 * DELAY_MS, world])).to.deep.equal([]);
    expect(planned([0, world], [2 * DELAY_MS + 1, world])).to.have.lengthOf(2);
  });

  it('counts anew when the node has been back', () => {
    const gone = { nodes: [other], claims: [claimOf('n')], volumes: [volumeOf('n')] };
    const back = { ...gone, nodes: [other, nodeOf('n')], leases: [leaseOf('n')] };
    const moments = [
      [0, gone],
      [1000, back],
      [LATER, { ...gone, leases: [fresh('n')] }],
    ] as const;
    expect(planned(...moments)).to.deep.equal([]);
  });

  it('begins to count when a claim comes', () => {
    const before = { nodes: [nodeOf('n')] };
    const after = { ...before, claims: [claimOf('n')] };
    expect(planned([0, before], [LATER, after])).to.deep.equal([]);
    expect(planned([0, before], [LATER, after], [2 * LATER, after])).to.deep.equal(['free-claim data-n']);
  });

  it('does nothing in a cluster without nodes', () => {
    const world = {
      claims: [claimOf('n')],
      volumes: [volumeOf('n')],
      leases: [leaseOf('n')],
      capacities: [capacityOf('n')],
    };
    expect(plannedAfterDelay(world)).to.deep.equal([]);
  });

  it('says why, so that it can be looked at once more', () => {
    const patience = new Patience(DELAY_MS);
    const world = worldOf({
      nodes: [other, nodeOf('late')],
      claims: [claimOf('gone'), claimOf('late')],
      volumes: [volumeOf('gone')],
      leases: [leaseOf('late', 'then'), leaseOf('gone', 'earlier')],
      capacities: [capacityOf('other')],
    });
    patience.observe(world, 0);
    patience.observe(world, LATER);
    expect(plan(world, patience).map(({ kind, because }) => [kind, ...because])).to.deep.equal([
      ['free-claim', { kind: 'node-gone', node: 'gone' }],
      ['free-claim', { kind: 'agent-silent', leaseName: 't-local-volume-agent-late', renewTime: 'then' }],
      ['remove-capacity', { kind: 'agent-silent', leaseName: 't-local-volume-agent-other', renewTime: '' }],
      ['delete-volume', { kind: 'host-gone', hostname: 'gone' }],
      [
        'remove-lease',
        { kind: 'node-gone', node: 'gone' },
        { kind: 'agent-silent', leaseName: 't-local-volume-agent-gone', renewTime: 'earlier' },
      ],
    ]);
  });

  it('knows where our finalizer is among others', () => {
    const [volume] = worldOf({ volumes: [volumeOf('n')] }).volumes;
    expect(volume?.finalizerIndex).to.equal(1);
    expect(
      worldOf({ volumes: [volumeOf('n', { metadata: { finalizers: [FINALIZER] } })] }).volumes[0]
        ?.finalizerIndex,
    ).to.equal(0);
  });
});
