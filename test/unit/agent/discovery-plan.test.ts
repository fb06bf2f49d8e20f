import { expect } from 'chai';
import { placeOf } from '../../../src/agent/discovery/place.ts';
import { plan } from '../../../src/agent/discovery/plan.ts';
import type { PlaceState } from '../../../src/agent/discovery/state.ts';
import type { Decision, Step } from '../../../src/agent/discovery/step.ts';
import type { Disk } from '../../../src/agent/os/disk-look.ts';
import {
  CLAIM,
  CONFIG,
  DEVICE,
  FILE,
  liveClaim,
  NAME,
  OTHER,
  record,
  seen,
  stateOf,
  USE,
  volume,
} from './discovery-states.ts';

/** A step in a few words; what is said, whole. */
function words(step: Step): string {
  switch (step.do) {
    case 'record':
      return `record ${step.record.state} ${step.record.volumeUid ?? '-'}${step.record.claim ? ` of ${step.record.claim.uid}` : ''}`;
    case 'create-volume':
      return `create ${step.volume.metadata.name}${step.volume.spec.claimRef ? ` for ${step.volume.spec.claimRef.uid}` : ''}`;
    case 'clean':
      return `clean for ${step.record.volumeUid ?? '-'}`;
    case 'release':
      return `release ${step.volume.uid} as ${step.as}`;
    case 'say':
      return `${step.reason}: ${step.message}`;
    case 'forget':
    case 'stop-cleaning':
      return step.do;
  }
}

const shown = (decision: Decision): string[] =>
  decision.kind === 'look'
    ? [`look at ${decision.volume} and ${decision.claim?.uid ?? 'no claim'}`]
    : [...decision.steps.map(words), ...(decision.isSoon ? ['soon'] : [])];

type Row = readonly [name: string, state: Partial<PlaceState>, steps: readonly string[]];

const table = (rows: readonly Row[]) => {
  for (const [name, state, steps] of rows)
    it(name, () => expect(shown(plan(stateOf(state)))).to.deep.equal(steps));
};

const gone = { kind: 'absent' } as const;
const mere = { kind: 'unusable', why: 'is a directory' } as const;
const unknown = { kind: 'unknown', why: 'cannot be looked at: it is too early' } as const;
const released = volume({ phase: 'Released', claim: CLAIM });
const bound = volume({ phase: 'Bound', claim: CLAIM });
const used = record({ state: 'used', ...USE });
const cleaning = record({ state: 'cleaning', ...USE });
const live = { volume: released, claim: undefined };
const nobody = { volume: undefined, claim: undefined };
const OFFERED = [
  'record offered -',
  `create ${NAME}`,
  `VolumeDiscovered: volume ${NAME} is /mnt/disks/one (class disks), 5Gi`,
];
const WITHHELD = 'is not offered again: its volume was removed by force, and it';

describe('the plan for a disk', () => {
  describe('that is new', () => {
    table([
      ['is offered', {}, OFFERED],
      ['with nothing there is left alone', { seen: gone }, []],
      ['and none says what it is', { seen: mere }, ['DiscoveryRefused: /mnt/disks/one is a directory']],
      [
        'and cannot be looked at is not guessed at',
        { seen: unknown },
        ['DiscoveryRefused: /mnt/disks/one cannot be looked at: it is too early'],
      ],
      [
        'waits for its class',
        { storageClass: { fault: 'there is no StorageClass disks; make it' } },
        ['DiscoveryRefused: /mnt/disks/one is not offered: there is no StorageClass disks; make it'],
      ],
      [
        'and found twice is offered to neither',
        { rival: placeOf({ ...CONFIG.classes[0]!, storageClass: 'fast' }, 'two', 'n1') },
        [
          "DiscoveryRefused: /mnt/disks/one (class disks) is the same disk as /mnt/disks/two (class fast), so it is offered for neither; give each class a directory of its own, or a namePattern that leaves out what is the other's",
        ],
      ],
      [
        'and in use is left to whoever has it',
        { seen: seen({ disk: DEVICE, inUse: 'is a block device in use; take it out' }) },
        ['DiscoveryRefused: /mnt/disks/one is a block device in use; take it out'],
      ],
      [
        'and read-only could not be cleaned',
        { seen: seen({ isReadOnly: true }) },
        [
          'DiscoveryRefused: /mnt/disks/one is read-only, so it could be neither used nor cleaned; mount it for writing',
        ],
      ],
      [
        'with a filesystem is nothing for mode Block',
        { place: placeOf({ ...CONFIG.classes[0]!, volumeMode: 'Block' }, 'one', 'n1') },
        [
          'DiscoveryRefused: /mnt/disks/one has a filesystem, and class disks is for volumes of mode Block; put a link to the device there, or set volumeMode: Filesystem',
        ],
      ],
      [
        'and a claim has at another place is not offered here as well',
        {
          elsewhere: {
            record: record({ ...USE, state: 'used', path: '/mnt/disks/two' }),
            recordFile: '/f',
            isOffered: true,
          },
        },
        [
          'DiscoveryRefused: /mnt/disks/one (class disks) is not offered: it is the disk that was at /mnt/disks/two, where claim shop/data has, or had, it; mount it there again, or remove /f on the node to have it offered here as it is',
        ],
      ],
      [
        'and whose volume at another place is not gone yet waits for that',
        { elsewhere: { record: record({ path: '/mnt/disks/two' }), recordFile: '/f', isOffered: true } },
        ['soon'],
      ],
      [
        'and of whose volume at another place nothing is known is not offered',
        { elsewhere: { record: record({ path: '/mnt/disks/two' }), recordFile: '/f', isOffered: false } },
        [
          'DiscoveryRefused: /mnt/disks/one (class disks) is not offered: it is the disk that was at /mnt/disks/two, where a claim may have used it; mount it there again, or remove /f on the node to have it offered here as it is',
        ],
      ],
      ['and has a volume of somebody else is left alone', { volumes: [volume({ hasFinalizer: false })] }, []],
      [
        'and has a volume of another pool says so',
        { volumes: [volume({ pool: 'pool-2' })] },
        [
          "VolumeNotOurs: it was offered by pool pool-2, and this node has pool pool-1: it is neither served nor cleaned; bring that pool's disk back, or set the annotation to this pool if it is meant to be this node's",
        ],
      ],
      [
        'with a record that nobody can read stays as it is',
        { record: { why: 'no JSON' } },
        [
          `DiscoveryRefused: /mnt/disks/one (class disks) is left as it is: its record ${FILE} cannot be read (no JSON); restore it from a copy, or move it away: the disk then counts as one that nobody knows`,
        ],
      ],
    ]);
  });

  describe('that is offered', () => {
    const volumes = [volume()];
    const withdrawn = (why: string) => [
      'record withdrawing volume-1',
      'release volume-1 as unbound',
      'forget',
      `VolumeWithdrawn: nobody uses it, and ${why}; node n1 offers the disk again when it is there`,
    ];
    table([
      [
        'is known by its uid from then on',
        { volumes, record: record({ volumeUid: undefined }) },
        ['record offered volume-1'],
      ],
      ['and known needs nothing', { volumes, record: record() }, []],
      ['and made ours by a person is written down', { volumes }, ['record offered volume-1']],
      ['waits while the binder is at it', { volumes: [volume({ claim: CLAIM })], record: record() }, []],
      [
        'goes when its mount is gone',
        { volumes, record: record(), seen: mere },
        withdrawn('/mnt/disks/one is a directory'),
      ],
      [
        'goes when its link is gone',
        { volumes, record: record(), seen: gone },
        withdrawn('there is no /mnt/disks/one'),
      ],
      ['stays where nothing can be seen', { volumes, record: record(), seen: unknown }, []],
      [
        'goes when another disk is there',
        { volumes, record: record(), seen: seen({ disk: OTHER }) },
        withdrawn('another disk is at /mnt/disks/one'),
      ],
      [
        'goes when it is deleted',
        { volumes: [volume({ isDeleting: true })], record: record() },
        withdrawn('it is being deleted'),
      ],
      [
        'and was used before is not forgotten',
        { volumes: [volume({ isDeleting: true })], record: used },
        [
          'release volume-1 as unbound',
          'VolumeWithdrawn: nobody uses it, and it is being deleted; node n1 offers the disk again when it is there',
        ],
      ],
      [
        'is cleaned no more when a person has taken its claim out',
        { volumes, record: cleaning, cleaning: { kind: 'running', volumeUid: 'volume-1' } },
        ['stop-cleaning'],
      ],
      [
        'and has the name of one that was cleaned is none that was cleaned',
        { volumes, record: { ...cleaning, state: 'clean', volumeUid: 'volume-0' } },
        ['record offered volume-1'],
      ],
      [
        'was to be withdrawn, and is not, is offered',
        { volumes, record: record({ state: 'withdrawing' }) },
        ['record offered volume-1'],
      ],
    ]);
  });

  describe('that a claim has', () => {
    const volumes = [bound];
    table([
      ['is written down as its', { volumes, record: record() }, ['record used volume-1 of claim-1']],
      ['and known as its needs nothing', { volumes, record: used }, []],
      ['without a record gets one', { volumes }, ['record used volume-1 of claim-1']],
      [
        'and whose policy was changed is written down anew',
        { volumes: [{ ...bound, reclaimPolicy: 'Retain' }], record: used },
        ['record used volume-1 of claim-1'],
      ],
      [
        'is never cleaned',
        { volumes, record: cleaning, cleaning: { kind: 'running', volumeUid: 'volume-1' } },
        ['stop-cleaning', 'record used volume-1 of claim-1'],
      ],
      [
        'and is gone is told, and nothing deleted',
        { volumes, record: used, seen: gone },
        [
          'VolumeDataMissing: the disk of this volume is not at /mnt/disks/one on node n1: there is no /mnt/disks/one; mount it there again, or delete the claim and this volume if it is gone for good',
        ],
      ],
      [
        'and is another one is told',
        { volumes, record: used, seen: seen({ disk: OTHER }) },
        [
          'VolumeDataMissing: the disk of this volume is not at /mnt/disks/one on node n1: ext4 bb is there, and it was ext4 aa; nothing on it is ever removed; mount the right one',
        ],
      ],
      [
        'and is being deleted says what becomes of it',
        { volumes: [{ ...bound, isDeleting: true }], record: used },
        [
          'VolumeDeleting: this volume is being deleted while claim shop/data uses it: its data is removed as soon as the claim is deleted',
        ],
      ],
    ]);
  });

  describe('that is released', () => {
    const volumes = [released];
    const asked = { volumes, record: used, live };
    const removing =
      'VolumeCleaning: its data at /mnt/disks/one on node n1 is being removed; it is offered again when nothing of it is left';
    const task = (parts: object) => ({ volumeUid: 'volume-1', ...parts }) as PlaceState['cleaning'];
    const retained =
      'VolumeRetained: its data stays at /mnt/disks/one on node n1 (reclaim policy Retain); to have it removed and the disk offered again set the policy to Delete, or empty it by hand and delete this volume';
    const kept = { ...released, reclaimPolicy: 'Retain' };
    table([
      ['is looked at first', { volumes, record: used }, [`look at ${NAME} and claim-1`]],
      [
        'and is another volume by now waits for the cache',
        { ...asked, live: { volume: { ...released, uid: 'volume-2' }, claim: undefined } },
        ['soon'],
      ],
      ['is cleaned', asked, ['record cleaning volume-1 of claim-1', 'clean for volume-1', removing]],
      ['is gone on with after a crash', { ...asked, record: cleaning }, ['clean for volume-1', removing]],
      ['waits while it is cleaned', { ...asked, record: cleaning, cleaning: task({ kind: 'running' }) }, []],
      [
        'and was cleaned for an earlier volume of the name is cleaned anew',
        { ...asked, record: { ...cleaning, state: 'clean', volumeUid: 'volume-0' } },
        ['record cleaning volume-1 of claim-1', 'clean for volume-1', removing],
      ],
      [
        'is offered again once that is confirmed',
        { ...asked, record: cleaning, cleaning: task({ kind: 'done' }) },
        [
          'record clean volume-1 of claim-1',
          'release volume-1 as released',
          'forget',
          'VolumeReclaimed: all data at /mnt/disks/one on node n1 is removed',
        ],
      ],
      [
        'is let go where a crash came after that',
        { ...asked, record: { ...cleaning, state: 'clean' } },
        [
          'release volume-1 as released',
          'forget',
          'VolumeReclaimed: all data at /mnt/disks/one on node n1 is removed',
        ],
      ],
      [
        'stays where it cannot be cleaned',
        { ...asked, record: cleaning, cleaning: task({ kind: 'failed', why: 'no luck', isDue: false }) },
        [
          'CleaningFailed: its data at /mnt/disks/one on node n1 cannot be removed, which is tried again: no luck',
        ],
      ],
      [
        'is tried again after a while',
        { ...asked, record: cleaning, cleaning: task({ kind: 'failed', why: 'no luck', isDue: true }) },
        [
          'clean for volume-1',
          'CleaningFailed: its data at /mnt/disks/one on node n1 cannot be removed, which is tried again: no luck',
        ],
      ],
      [
        'of policy Retain stays',
        {
          volumes: [kept],
          record: { ...used, reclaimPolicy: 'Retain' },
          live: { volume: kept, claim: undefined },
        },
        [retained],
      ],
      [
        'of policy Retain goes when a person deletes it, and its data stays known',
        {
          volumes: [kept],
          record: record(),
          live: { volume: { ...kept, isDeleting: true }, claim: undefined },
        },
        ['record used volume-1 of claim-1', 'release volume-1 as deleted'],
      ],
      [
        'of policy Retain is not let go while its claim is there',
        {
          volumes: [kept],
          record: used,
          live: { volume: { ...kept, isDeleting: true }, claim: liveClaim() },
        },
        ['soon'],
      ],
      [
        'and never used, for its claim has another volume, is free',
        { ...asked, record: record(), live: { volume: released, claim: liveClaim({ volumeName: 'other' }) } },
        [
          'record withdrawing volume-1',
          'release volume-1 as released',
          'forget',
          'VolumeWithdrawn: claim shop/data has another volume; node n1 offers this disk again',
        ],
      ],
      [
        'and is gone is not called clean',
        { ...asked, seen: gone },
        [
          'ReclaimRefused: its data at /mnt/disks/one on node n1 is not removed: there is no /mnt/disks/one; mount it there again to have it cleaned, or delete this volume if it is gone for good',
        ],
      ],
      [
        'and is gone for good lets its volume go, and is cleaned should it come back',
        {
          ...asked,
          volumes: [{ ...released, isDeleting: true }],
          live: { volume: { ...released, isDeleting: true }, claim: undefined },
          seen: gone,
        },
        [
          'ReclaimRefused: its data at /mnt/disks/one on node n1 is not removed: there is no /mnt/disks/one; mount it there again to have it cleaned, or delete this volume if it is gone for good',
          'release volume-1 as deleted',
        ],
      ],
      [
        'without a record is not cleaned',
        { volumes, live },
        [
          'ReclaimRefused: its data at /mnt/disks/one on node n1 is not removed: there is no record of it on this node; empty the disk by hand and delete this volume to have it offered again',
        ],
      ],
      [
        'without a record goes when a person deletes it, and is not cleaned even then',
        { volumes, live: { volume: { ...released, isDeleting: true }, claim: undefined } },
        ['record used volume-1 of claim-1', 'release volume-1 as deleted'],
      ],
      ['that failed is nobody’s business', { volumes: [{ ...released, phase: 'Failed' }], record: used }, []],
    ]);

    const SWAPPABLE: Disk = { kind: 'block', link: '/dev/vdb', bytes: 2 ** 30 };
    const REFUSALS: readonly [why: string, state: Partial<PlaceState>][] = [
      ['its phase is Bound', { live: { volume: bound, claim: undefined } }],
      [
        'our finalizer is not on it',
        { live: { volume: { ...released, hasFinalizer: false }, claim: undefined } },
      ],
      [
        'it was offered by pool pool-2, and this is pool-1',
        { live: { volume: { ...released, pool: 'pool-2' }, claim: undefined } },
      ],
      ['its path is /etc', { live: { volume: { ...released, path: '/etc' }, claim: undefined } }],
      ['the record of this node is of volume local-pv-x', { record: { ...used, volume: 'local-pv-x' } }],
      [
        'it does not say which claim it was bound to',
        { live: { volume: { ...released, claim: undefined }, claim: undefined } },
      ],
      [
        'the record of this node has its data as that of another claim',
        { record: { ...used, claim: { ...CLAIM, uid: 'claim-0' } } },
      ],
      ['its claim shop/data is still there', { live: { volume: released, claim: liveClaim() } }],
      [
        `volume local-pv-x leads to the same disk`,
        { volumes: [released, volume({ name: 'local-pv-x', hasFinalizer: false })] },
      ],
      [
        'class fast has the same disk',
        { rival: placeOf({ ...CONFIG.classes[0]!, storageClass: 'fast' }, 'two', 'n1') },
      ],
      ['another disk is there now: ext4 bb in place of ext4 aa', { seen: seen({ disk: OTHER }) }],
      [
        'nothing tells it from another device of its size: the kernel knows no serial of it, and /dev/vdb may lead to another one after a reboot; link it by /dev/disk/by-id, or clean it by hand and delete the volume',
        { record: { ...used, disk: SWAPPABLE }, seen: seen({ disk: SWAPPABLE }) },
      ],
      ['it is read-only', { seen: seen({ isReadOnly: true }) }],
      ['it is in use', { seen: seen({ inUse: 'is in use' }) }],
    ];
    for (const [why, state] of REFUSALS) {
      it(`is not cleaned where ${why}`, () => {
        const steps = shown(plan(stateOf({ ...asked, ...state })));
        const message = `ReclaimRefused: its data at /mnt/disks/one on node n1 is not removed: ${why}`;
        expect(steps).to.include(message);
        expect(steps.filter((step) => /^(clean|release|forget)/.test(step))).to.deep.equal([]);
      });
    }
  });

  describe('whose volume has vanished', () => {
    const failed = (parts: Partial<PlaceState>) => ({ live: nobody, ...parts });
    table([
      ['is looked at first', { record: used }, [`look at ${NAME} and claim-1`]],
      ['is only late', { record: used, live: { volume: bound, claim: undefined } }, ['soon']],
      [
        'after it was withdrawn is free',
        failed({ record: record({ state: 'withdrawing' }) }),
        ['forget', 'soon'],
      ],
      ['after it was cleaned is free', failed({ record: record({ state: 'clean' }) }), ['forget', 'soon']],
      ['and with it the disk waits', failed({ record: used, seen: gone }), []],
      [
        'before the cluster was seen to know it is offered',
        failed({ record: record({ volumeUid: undefined, wasEmpty: false }) }),
        OFFERED,
      ],
      ['and is empty is offered', failed({ record: record(), seen: seen({ isEmpty: true }) }), OFFERED],
      [
        'and is another disk by now is offered',
        failed({ record: record(), seen: seen({ disk: OTHER }) }),
        OFFERED,
      ],
      [
        'and may have been used is not offered',
        failed({ record: record() }),
        [
          `DiscoveryRefused: /mnt/disks/one (class disks) ${WITHHELD} may have been used by a claim; empty it if nobody needs the data, or remove ${FILE} on the node to have it offered as it is`,
        ],
      ],
      [
        'and is a device that may have been used is not offered',
        failed({ record: record({ disk: DEVICE, wasEmpty: false }), seen: seen({ disk: DEVICE }) }),
        [
          `DiscoveryRefused: /mnt/disks/one (class disks) ${WITHHELD} may have been used by a claim; overwrite the device if nobody needs it, then remove ${FILE} on the node`,
        ],
      ],
      [
        'is made again while its claim lives',
        { record: used, live: { volume: undefined, claim: liveClaim() } },
        [
          `create ${NAME} for claim-1`,
          `VolumeRestored: volume ${NAME} was gone and is made again; the data at /mnt/disks/one on node n1 was not touched`,
        ],
      ],
      [
        'is cleaned when its claim is gone too',
        failed({ record: used }),
        [
          'record cleaning volume-1 of claim-1',
          'clean for volume-1',
          'VolumeCleaning: its data at /mnt/disks/one on node n1 is being removed; it is offered again when nothing of it is left',
        ],
      ],
      [
        'while it was cleaned is waited for',
        failed({ record: cleaning, cleaning: { kind: 'running', volumeUid: 'volume-1' } }),
        [],
      ],
      [
        'while it was cleaned is offered when that is confirmed',
        failed({ record: cleaning, cleaning: { kind: 'done', volumeUid: 'volume-1' } }),
        [
          'record clean volume-1 of claim-1',
          'forget',
          'VolumeReclaimed: all data at /mnt/disks/one on node n1 is removed',
        ],
      ],
      [
        'of policy Retain is not offered with its data',
        failed({ record: { ...used, reclaimPolicy: 'Retain' } }),
        [
          `DiscoveryRefused: /mnt/disks/one (class disks) ${WITHHELD} has data of claim shop/data, which is not removed: the reclaim policy of its volume was Retain; empty it if nobody needs the data, or remove ${FILE} on the node to have it offered as it is`,
        ],
      ],
      [
        'of policy Retain is free when it was emptied',
        failed({ record: { ...used, reclaimPolicy: 'Retain' }, seen: seen({ isEmpty: true }) }),
        ['forget', 'soon'],
      ],
      [
        'and is another disk than the one that was used is not offered',
        failed({ record: used, seen: seen({ disk: OTHER }) }),
        [
          `DiscoveryRefused: /mnt/disks/one (class disks) is not offered: it was ext4 aa, which a claim has used, and is ext4 bb now; mount the other one there, or remove ${FILE} on the node if it is gone for good`,
        ],
      ],
    ]);
  });
});
