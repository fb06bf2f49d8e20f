import { posix } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { pathBelow } from '../../../src/agent/caches.ts';
import { asVolumePath, type VolumeAddress, volumePathOf } from '../../../src/tars/host-path.ts';
import { law, PATIENCE } from '../laws/law.ts';

const ADDRESS: VolumeAddress = { namespace: 'shop', app: 'Shop', server: 'cart', volume: 'data' };
const LONG = 'a'.repeat(63);

describe('the path of a volume', () => {
  const PATHS: [Partial<VolumeAddress>, string][] = [
    [{}, 'shop/Shop.cart/data'],
    [{ ordinal: 0 }, 'shop/Shop.cart/data.0'],
    [{ ordinal: 999_999_999 }, 'shop/Shop.cart/data.999999999'],
    [{ app: 'a_b-C', server: 'x.y_z-1', volume: 'v.w_x-y' }, 'shop/a_b-C.x.y_z-1/v.w_x-y'],
    [
      { namespace: LONG, app: LONG, server: LONG, volume: LONG, ordinal: 7 },
      `${LONG}/${LONG}.${LONG}/${LONG}.7`,
    ],
  ];
  for (const [over, path] of PATHS) {
    it(`is ${path.slice(0, 60)}, and is read again`, () => {
      expect(volumePathOf({ ...ADDRESS, ...over })).to.equal(path);
      expect(asVolumePath(path)).to.equal(path);
    });
  }

  it('has room for every path that is made, also with a name of full length', () => {
    const path = volumePathOf({ ...ADDRESS, volume: LONG, ordinal: 999_999_999 });
    if (typeof path !== 'string') throw new Error(path.fault);
    for (const part of path.split('/')) expect(part.length).to.be.at.most(255);
  });

  it('says which part is wrong, and how', () => {
    expect(volumePathOf({ ...ADDRESS, server: '..' })).to.deep.equal({
      fault:
        'its server ".." cannot be part of a path on the host: it must match ^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$ and have 63 characters at most',
    });
  });

  const BAD = [
    '',
    '.',
    '..',
    '../x',
    'x/..',
    '.hidden',
    'x.',
    '-x',
    'x-',
    '_x',
    'a/b',
    'a\\b/',
    '/',
    'a\0b',
    '\0',
    'a\n',
    'a\nb',
    'a b',
    'ü',
    'a\u0301',
    '\u2024\u2024',
    '\uFF0E\uFF0E',
    '\u202E',
    'a'.repeat(64),
    'a'.repeat(300),
  ];
  for (const part of ['namespace', 'app', 'server', 'volume'] as const) {
    for (const bad of BAD) {
      it(`has no ${part} ${JSON.stringify(bad).slice(0, 30)}`, () => {
        const path = volumePathOf({ ...ADDRESS, [part]: bad });
        expect(path)
          .to.have.property('fault')
          .that.matches(new RegExp(`^its ${part} `));
      });
    }
  }

  it('has no dot in the app, so that it is read in one way only', () => {
    expect(volumePathOf({ ...ADDRESS, app: 'a.b' })).to.have.property('fault');
    expect(volumePathOf({ ...ADDRESS, app: 'a', server: 'b.c' })).to.equal('shop/a.b.c/data');
  });

  const NONE = [
    '',
    'shop',
    'shop/Shop.cart',
    'shop/Shop.cart/',
    '/shop/Shop.cart/data',
    'shop/Shop.cart/data/',
    'shop/Shop.cart/data/x',
    'shop//data',
    'shop/Shopcart/data',
    'shop/.cart/data',
    'shop/Shop./data',
    'shop/Shop.cart/..',
    '../Shop.cart/data',
    'shop/../data',
    'Shop/Shop.cart/data',
    'shop/Shop.cart/data\n',
    '.tlv/Shop.cart/data',
    'sh_op/Shop.cart/data',
    `shop/Shop.cart/${'a'.repeat(64)}`,
    `shop/Shop.cart/${LONG}.12345678901`,
    `shop/Shop.cart/${LONG}.x`,
    'claim shop/data-cart-0',
    'volume shop/Shop.cart/data',
  ];
  for (const text of NONE) {
    it(`is never ${JSON.stringify(text).slice(0, 60)}`, () => {
      expect(asVolumePath(text)).to.equal(undefined);
    });
  }
});

describe('laws of paths', function () {
  this.timeout(PATIENCE);
  const word = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,5}[A-Za-z0-9])?$/),
    fc.constantFrom(
      'a',
      'a.0',
      'a.0.0',
      'b.c',
      '0',
      '..',
      '.',
      '',
      'a/b',
      'A',
      'a.1',
      LONG,
      `${LONG.slice(2)}.0`,
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  );
  const address = fc.record({
    namespace: word,
    app: word,
    server: word,
    volume: word,
    ordinal: fc.option(fc.nat(11), { nil: undefined }),
  });
  const paths = (one: fc.Arbitrary<Record<string, unknown>>) =>
    one.map((each) => ({
      of: each as unknown as VolumeAddress,
      path: volumePathOf(each as unknown as VolumeAddress),
    }));

  it('each is three components below the root, whatever it is made of', () => {
    let made = 0;
    law(
      paths(address),
      ({ path }) => {
        if (typeof path !== 'string') return;
        made += 1;
        expect(path.split('/')).to.have.length(3);
        expect(posix.normalize(`/pool/${path}`)).to.equal(`/pool/${path}`);
        for (const part of path.split('/'))
          expect(part).to.match(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/);
        expect(path.startsWith('.')).to.equal(false);
      },
      4000,
    );
    expect(made).to.be.greaterThan(100);
  });

  it('each is read again as itself', () => {
    law(
      paths(address),
      ({ path }) => {
        if (typeof path !== 'string') return;
        expect(asVolumePath(path)).to.equal(path);
        expect(pathBelow('/pool', `/pool/${path}`)).to.equal(path);
      },
      4000,
    );
  });

  it('what is read could have been made', () => {
    const text = fc
      .array(fc.oneof(word, fc.constantFrom('/', '.', 'a.b')), { maxLength: 7 })
      .map((all) => all.join('/'));
    law(
      fc.oneof(
        text,
        fc.string({ unit: 'binary' }),
        fc.stringMatching(/^[a-z]\/[a-z]\.[a-z.]{1,3}\/[a-z.0-9]{1,3}$/),
      ),
      (given) => {
        if (asVolumePath(given) === undefined) return;
        const [namespace = '', both = '', volume = ''] = given.split('/');
        const [app = ''] = both.split('.');
        const server = both.slice(app.length + 1);
        const ordinal = /\.(\d{1,10})$/.exec(volume)?.[1];
        const plain = volumePathOf({ namespace, app, server, volume });
        const numbered =
          ordinal === undefined
            ? undefined
            : volumePathOf({
                namespace,
                app,
                server,
                volume: volume.slice(0, -ordinal.length - 1),
                ordinal: Number(ordinal),
              });
        expect([plain, numbered]).to.include(given);
      },
      4000,
    );
  });

  /** One exception, on purpose: a volume `a.0` of scope Node and the volume `a` of replica 0 are one directory. */
  it('no two addresses have one path, but for a volume whose name ends as an ordinal does', () => {
    let same = 0;
    const small = fc.record({
      namespace: fc.constantFrom('a', 'b'),
      app: fc.constantFrom('a', 'b', 'a-b'),
      server: fc.constantFrom('a', 'b', 'a.b', 'a.0'),
      volume: fc.constantFrom('a', 'a.0', 'a.0.0', 'b', 'a.1'),
      ordinal: fc.constantFrom(undefined, 0, 1),
    });
    const name = ({ volume, ordinal }: VolumeAddress): string =>
      `${volume}${ordinal === undefined ? '' : `.${ordinal}`}`;
    law(
      fc.tuple(paths(small), paths(small)),
      ([one, other]) => {
        const rest = ({ namespace, app, server }: VolumeAddress): string =>
          JSON.stringify([namespace, app, server]);
        const isOne = rest(one.of) === rest(other.of) && name(one.of) === name(other.of);
        if (isOne && one.of.volume !== other.of.volume) same += 1;
        expect(one.path === other.path).to.equal(isOne);
      },
      8000,
    );
    expect(same).to.be.greaterThan(0);
  });
});

describe('the path below the root', () => {
  const CASES: [string, string, string | undefined][] = [
    ['/pool', '/pool/shop/Shop.cart/data', 'shop/Shop.cart/data'],
    ['/pool', '/pool', undefined],
    ['/pool', '/pool/', undefined],
    ['/pool', '/pool2/shop/Shop.cart/data', undefined],
    ['/pool', '/pool//shop/Shop.cart/data', undefined],
    ['/pool', '/pool/../pool/shop/Shop.cart/data', undefined],
    ['/pool', '/pool/shop/Shop.cart/../data', undefined],
    ['/pool', '/pool/.tlv/trash/x', undefined],
    ['/pool', 'shop/Shop.cart/data', undefined],
    ['/pool', '', undefined],
  ];
  for (const [root, path, expected] of CASES) {
    it(`of ${path || 'nothing'} is ${expected ?? 'none'}`, () => {
      expect(pathBelow(root, path)).to.equal(expected);
    });
  }
});
