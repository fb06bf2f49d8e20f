import { storageClass } from './plan-states.ts';
import type { DiscoveryConfig } from '../../../src/agent/discovery/config.ts';
import { readDiscoveryConfig } from '../../../src/agent/discovery/config.ts';
import { placeOf, volumeNameOf } from '../../../src/agent/discovery/place.ts';
import type { DiscoveryRecord } from '../../../src/agent/discovery/record.ts';
import type { PlaceState, SeenDisk } from '../../../src/agent/discovery/state.ts';
import type { Disk } from '../../../src/agent/os/disk-look.ts';
import type { ClaimReference, VolumeView } from '../../../src/agent/volume-view.ts';

/** One disk in a directory, and everything that may be known of it. */

export const CONFIG: DiscoveryConfig = readDiscoveryConfig(
  new Map([['storageClassMap', 'disks: {hostDir: /mnt/disks, mountDir: /mnt/disks}']]),
);
export const PLACE = placeOf(CONFIG.classes[0]!, 'one', 'n1');
export const NAME = volumeNameOf(PLACE);
export const FILE = '/pool/.tlv/discovered/x.json';

export const DISK: Disk = {
  kind: 'filesystem',
  type: 'ext4',
  inode: 2,
  bornMs: 1_700_000_000_000,
  uuid: 'aa',
};
export const OTHER: Disk = { ...DISK, uuid: 'bb' };
export const DEVICE: Disk = { kind: 'block', link: '/dev/disk/by-id/x', bytes: 2 ** 30 };

export const seen = (parts: Partial<SeenDisk> = {}): SeenDisk => ({
  kind: 'disk',
  disk: DISK,
  now: '7:1 2',
  bytes: 5 * 2 ** 30,
  isReadOnly: false,
  isEmpty: false,
  ...parts,
});

export const CLAIM: ClaimReference = { namespace: 'shop', name: 'data', uid: 'claim-1' };

export const volume = (parts: Partial<VolumeView> = {}): VolumeView => ({
  name: NAME,
  uid: 'volume-1',
  resourceVersion: '7',
  isDeleting: false,
  phase: 'Available',
  reclaimPolicy: 'Delete',
  storageClass: 'disks',
  path: '/mnt/disks/one',
  capacityBytes: 0,
  hasFinalizer: true,
  pool: 'pool-1',
  isDiscovered: true,
  ...parts,
});

export const record = (parts: Partial<DiscoveryRecord> = {}): DiscoveryRecord => ({
  version: 1,
  state: 'offered',
  storageClass: 'disks',
  path: '/mnt/disks/one',
  volume: NAME,
  volumeUid: 'volume-1',
  disk: DISK,
  wasEmpty: true,
  ...parts,
});

/** Of a volume that its claim has, or had. */
export const USE = { claim: CLAIM, reclaimPolicy: 'Delete' } as const;

export const stateOf = (parts: Partial<PlaceState> = {}): PlaceState => ({
  place: PLACE,
  node: { name: 'n1', uid: 'node-1', hostname: 'h1', labels: {}, pool: 'pool-1' },
  config: CONFIG,
  seen: seen(),
  volumes: [],
  storageClass: storageClass('disks', 'kubernetes.io/no-provisioner'),
  record: undefined,
  recordFile: FILE,
  rival: undefined,
  cleaning: undefined,
  ...parts,
});

export const liveClaim = (parts: object = {}) => ({
  ...CLAIM,
  phase: 'Bound',
  isDeleting: false,
  volumeName: NAME,
  selectedNode: undefined,
  view: undefined,
  ...parts,
});
