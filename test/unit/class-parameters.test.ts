import { expect } from 'chai';
import {
  BACKENDS,
  type ClassParameters,
  FILESYSTEMS,
  readClassParameters,
} from '../../src/tars/class-parameters.ts';

const MIB = 2 ** 20;
const KNOWN = 'backend, root, scope, minSize, maxSize, fsType, preallocate, inodes, volumeGroup';
const UNLIMITED: ClassParameters = {
  backend: 'directory',
  minBytes: 0,
  maxBytes: Infinity,
  fsType: 'ext4',
  preallocate: false,
};

type Parameters = Readonly<Record<string, unknown>>;

describe('parameters of a StorageClass', () => {
  const read: readonly (readonly [string, Parameters, ClassParameters])[] = [
    ['none at all', {}, UNLIMITED],
    [
      'a directory with everything',
      {
        backend: 'directory',
        root: '/data/disk 1/..volumes',
        scope: 'Node',
        minSize: '1Gi',
        maxSize: '10Gi',
      },
      {
        ...UNLIMITED,
        root: '/data/disk 1/..volumes',
        scope: 'Node',
        minBytes: 2 ** 30,
        maxBytes: 10 * 2 ** 30,
      },
    ],
    [
      'one size, the smallest and the largest',
      { minSize: '1G', maxSize: '1G' },
      { ...UNLIMITED, minBytes: 1e9, maxBytes: 1e9 },
    ],
    ['a size that makes whole bytes', { maxSize: '1500m' }, { ...UNLIMITED, maxBytes: 2 }],
    ['loop', { backend: 'loop' }, { ...UNLIMITED, backend: 'loop', minBytes: 8 * MIB }],
    [
      'loop with everything',
      { backend: 'loop', fsType: 'xfs', preallocate: 'true', scope: 'Pod' },
      {
        ...UNLIMITED,
        backend: 'loop',
        fsType: 'xfs',
        preallocate: true,
        scope: 'Pod',
        minBytes: 300 * MIB,
      },
    ],
    [
      'loop that is told what it is anyway',
      { backend: 'loop', fsType: 'ext4', preallocate: 'false' },
      {
        ...UNLIMITED,
        backend: 'loop',
        minBytes: 8 * MIB,
      },
    ],
    [
      'more than the smallest size there can be',
      { backend: 'loop', minSize: '1Gi' },
      {
        ...UNLIMITED,
        backend: 'loop',
        minBytes: 2 ** 30,
      },
    ],
    [
      'less than the smallest size there can be',
      { backend: 'loop', minSize: '1Mi' },
      {
        ...UNLIMITED,
        backend: 'loop',
        minBytes: 8 * MIB,
      },
    ],
    ['tmpfs', { backend: 'tmpfs', inodes: '100000' }, { ...UNLIMITED, backend: 'tmpfs', inodes: 100_000 }],
    ['btrfs', { backend: 'btrfs' }, { ...UNLIMITED, backend: 'btrfs', minBytes: MIB }],
    ['quota', { backend: 'quota' }, { ...UNLIMITED, backend: 'quota', minBytes: MIB }],
    [
      'lvm',
      { backend: 'lvm', volumeGroup: 'disks-1.a+b_c', fsType: 'xfs' },
      {
        ...UNLIMITED,
        backend: 'lvm',
        volumeGroup: 'disks-1.a+b_c',
        fsType: 'xfs',
        minBytes: 300 * MIB,
      },
    ],
  ];
  for (const [what, parameters, expected] of read) {
    it(`say ${what}`, () => {
      expect(readClassParameters(parameters)).to.deep.equal(expected);
    });
  }

  const root = 'must be an absolute path without . or .. in it';
  const quantity = 'must be a quantity above 0; write "10Gi", for example';
  const inodes = 'must be a whole number above 0, as a string; write "100000", for example';
  const group = 'must be the name of a volume group of LVM';
  const refused: readonly (readonly [Parameters, string])[] = [
    [{ Backend: 'loop' }, `parameter Backend is not known here; there are ${KNOWN}`],
    [{ '': 'x' }, `parameter  is not known here; there are ${KNOWN}`],
    [{ toString: 'x' }, `parameter toString is not known here; there are ${KNOWN}`],
    [{ backend: 'zfs' }, `parameter backend: "zfs" must be one of ${BACKENDS.join(', ')}`],
    [{ backend: '' }, `parameter backend: "" must be one of ${BACKENDS.join(', ')}`],
    ...['', 'data', './data', '/', '/data/', '//data', '/data/../etc', '/data/.', '/..', '/a\0b'].map(
      (value) => [{ root: value }, `parameter root: ${JSON.stringify(value)} ${root}`] as const,
    ),
    [{ scope: 'node' }, 'parameter scope: "node" must be one of Node, Pod'],
    ...['0', '-1Gi', '10GB', '', ' 1Gi', '0.0000000001'].map(
      (value) => [{ minSize: value }, `parameter minSize: ${JSON.stringify(value)} ${quantity}`] as const,
    ),
    [{ maxSize: 'much' }, `parameter maxSize: "much" ${quantity}`],
    [
      { minSize: '2Gi', maxSize: '1Gi' },
      'parameter maxSize: 1Gi is less than the smallest size, 2147483648 bytes',
    ],
    [
      { backend: 'loop', fsType: 'xfs', maxSize: '299Mi' },
      'parameter maxSize: 299Mi is less than the smallest size, 314572800 bytes',
    ],
    [
      { backend: 'loop', fsType: 'btrfs' },
      `parameter fsType: "btrfs" must be one of ${FILESYSTEMS.join(', ')}`,
    ],
    [{ backend: 'loop', preallocate: 'yes' }, 'parameter preallocate: "yes" must be one of true, false'],
    [{ backend: 'loop', preallocate: true }, 'parameter preallocate: true must be one of true, false'],
    ...['0', '-1', '1e5', '01', '10000000000', ''].map(
      (value) =>
        [
          { backend: 'tmpfs', inodes: value },
          `parameter inodes: ${JSON.stringify(value)} ${inodes}`,
        ] as const,
    ),
    ...['', '-group', 'a b', 'a/b', '.', '..', 'x'.repeat(128)].map(
      (value) =>
        [
          { backend: 'lvm', volumeGroup: value },
          `parameter volumeGroup: ${JSON.stringify(value)} ${group}`,
        ] as const,
    ),
    [
      { backend: 'lvm' },
      'parameter volumeGroup is missing: backend lvm needs to know where its logical volumes are made',
    ],
    [
      { fsType: 'ext4' },
      'parameter fsType: "ext4" is for backend loop or lvm only, and this is directory; leave it out',
    ],
    [
      { backend: 'lvm', volumeGroup: 'disks', preallocate: 'true' },
      'parameter preallocate: "true" is for backend loop only, and this is lvm; leave it out',
    ],
    [
      { backend: 'quota', inodes: '5' },
      'parameter inodes: "5" is for backend tmpfs only, and this is quota; leave it out',
    ],
    [
      { backend: 'btrfs', volumeGroup: 'disks' },
      'parameter volumeGroup: "disks" is for backend lvm only, and this is btrfs; leave it out',
    ],
    [
      { backend: 'lvm', inodes: '5' },
      'parameter inodes: "5" is for backend tmpfs only, and this is lvm; leave it out; parameter volumeGroup is missing: backend lvm needs to know where its logical volumes are made',
    ],
    [
      { size: '1Gi', backend: 'zfs', root: 'data', minSize: 'x' },
      [
        `parameter size is not known here; there are ${KNOWN}`,
        `parameter backend: "zfs" must be one of ${BACKENDS.join(', ')}`,
        `parameter root: "data" ${root}`,
        `parameter minSize: "x" ${quantity}`,
      ].join('; '),
    ],
  ];
  for (const [parameters, fault] of refused) {
    it(`are refused as ${JSON.stringify(parameters)}`, () => {
      expect(readClassParameters(parameters)).to.deep.equal({ fault });
    });
  }
});
