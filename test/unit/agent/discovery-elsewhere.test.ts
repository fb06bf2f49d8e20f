import { expect } from 'chai';
import { elsewhereOf } from '../../../src/agent/discovery/elsewhere.ts';
import type { DiscoveryRecord } from '../../../src/agent/discovery/record.ts';
import type { Recorded } from '../../../src/agent/discovery/records.ts';
import type { Disk, Seen } from '../../../src/agent/os/disk-look.ts';
import { DEVICE, DISK, OTHER, PLACE, record, seen, volume } from './discovery-states.ts';

describe('a disk that was at another place', () => {
  const fileOf = (hash: string): string => `/pool/${hash}.json`;
  const ABSENT: Seen = { kind: 'absent' };
  const TWO = record({ state: 'used', path: '/mnt/disks/two' });
  interface Asked {
    readonly hash?: string;
    readonly disk?: Disk;
    readonly there?: Seen;
    readonly isOffered?: boolean;
  }
  const asked = (
    known: Recorded,
    { hash = 'two', disk = DISK, there = ABSENT, isOffered = true }: Asked = {},
  ) =>
    elsewhereOf(
      { place: PLACE, seen: seen({ disk }), rival: undefined },
      {
        places: [{ place: { ...PLACE, hash: 'two' }, seen: there, rival: undefined }],
        records: new Map([[hash, known]]),
        byPath: new Map(isOffered ? [['/mnt/disks/two', [volume()]]] : []),
        fileOf,
      },
    );

  it('is known by what was written down there', () => {
    const known = { record: TWO, recordFile: '/pool/two.json' };
    expect(asked(TWO)).to.deep.equal({ ...known, isOffered: true });
    expect(asked(TWO, { isOffered: false })).to.deep.equal({ ...known, isOffered: false });
  });

  it('is no other one, nor what is known of it here, nor what cannot be read', () => {
    expect(asked(TWO, { disk: OTHER })).to.equal(undefined);
    expect(asked(TWO, { hash: PLACE.hash })).to.equal(undefined);
    expect(asked({ why: 'it is no JSON' })).to.equal(undefined);
  });

  it('is another one that looks the same where that is still there', () => {
    expect(asked(TWO, { there: seen() })).to.equal(undefined);
    expect(asked(TWO, { there: seen({ disk: OTHER }) })).to.not.equal(undefined);
  });

  it('is known among devices only by a serial or a link', () => {
    const of = (disk: DiscoveryRecord['disk']) => asked({ ...TWO, disk }, { disk });
    expect(of(DEVICE)).to.not.equal(undefined);
    expect(of({ kind: 'block', serial: 'S1', bytes: 2 ** 30 })).to.not.equal(undefined);
    expect(of({ kind: 'block', bytes: 2 ** 30 })).to.equal(undefined);
  });
});
