import { expect } from 'chai';
import type { ClassView } from '../../../src/agent/class-view.ts';
import { overlapOf, placeOf, type Roots } from '../../../src/agent/roots.ts';
import { storageClass } from './plan-states.ts';

const classOf = (parameters: Readonly<Record<string, string>>): ClassView =>
  storageClass('x', 'local.tars.io', parameters);

describe('the roots of an agent', () => {
  const OVERLAPS: readonly (readonly [roots: readonly string[], why: string | undefined])[] = [
    [['/a'], undefined],
    [['/a', '/b', '/c/a'], undefined],
    [['/a', '/ab', '/a-b'], undefined],
    [['/a', '/b', '/a'], '/a is there twice'],
    [['/a', '/b', '/a/b'], '/a/b is below /a'],
    [['/mnt/one/two', '/b', '/mnt'], '/mnt/one/two is below /mnt'],
  ];
  for (const [roots, why] of OVERLAPS) {
    it(`${roots.join(', ')}: ${why ?? 'may be those of one agent'}`, () => {
      expect(overlapOf(roots)).to.equal(why);
    });
  }
});

describe('the place of a class', () => {
  const ROOTS: Roots = ['/a', '/b'];
  const PLACES: readonly (readonly [name: string, given: ClassView | undefined, root: string])[] = [
    ['that is not there is the first root, where that is told', undefined, '/a'],
    ['whose parameters are wrong is the first root, too', classOf({ rot: '/b' }), '/a'],
    ['that names none is the first root', classOf({}), '/a'],
    ['that names the first one is that', classOf({ root: '/a', backend: 'tmpfs' }), '/a'],
    ['that names another one is that', classOf({ root: '/b' }), '/b'],
    ['whose volumes are files of the root is the root', classOf({ root: '/b', backend: 'loop' }), '/b'],
    ['whose volumes are in memory is the first root', classOf({ backend: 'tmpfs' }), '/a'],
  ];
  for (const [name, given, root] of PLACES) {
    it(name, () => expect(placeOf(given, ROOTS)).to.deep.equal({ root }));
  }

  const FAULTS: readonly (readonly [name: string, given: ClassView, roots: Roots, fault: string])[] = [
    [
      'is none where the agent lacks the root, however near its name is',
      classOf({ root: '/b/c' }),
      ROOTS,
      'has no root /b/c (parameter root of StorageClass x): its agent serves /a, /b; start it with --root /b/c too',
    ],
    [
      'is none where the agent has one root, and the class another',
      classOf({ root: '/fast', backend: 'loop' }),
      ['/a'],
      'has no root /fast (parameter root of StorageClass x): its agent serves /a; start it with --root /fast too',
    ],
    [
      'is none for memory at another root than the first: two ledgers would promise it twice',
      classOf({ root: '/b', backend: 'tmpfs' }),
      ROOTS,
      'gives of its memory at its first root /a only, and not at /b (parameter root of StorageClass x); make the class without that parameter',
    ],
    [
      'is none for a volume group there either',
      classOf({ root: '/b', backend: 'lvm', volumeGroup: 'fast' }),
      ROOTS,
      'gives of its volume group fast at its first root /a only, and not at /b (parameter root of StorageClass x); make the class without that parameter',
    ],
  ];
  for (const [name, given, roots, fault] of FAULTS) {
    it(name, () => expect(placeOf(given, roots)).to.deep.equal({ fault }));
  }
});
