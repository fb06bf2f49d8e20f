import { expect } from 'chai';
import { isLess, isSameQuantity, nanosOf } from '../../src/tars/quantity.ts';

describe('quantities', () => {
  const SAME: readonly (readonly [unknown, unknown])[] = [
    ['1Gi', '1024Mi'],
    ['1G', '1000M'],
    ['0.5Gi', '512Mi'],
    ['1.5', '1500m'],
    ['1e3', '1k'],
    ['1E3', 1000],
    ['1Gi', 1073741824],
    ['+1', '1'],
    ['1Ei', '1024Pi'],
    ['1n', '0.000000001'],
    ['none', 'none'],
  ];
  for (const [a, b] of SAME) {
    it(`${String(a)} is ${String(b)}`, () => expect(isSameQuantity(a, b)).to.equal(true));
  }

  const OTHER: readonly (readonly [unknown, unknown])[] = [
    ['1G', '1Gi'],
    ['1', '1m'],
    ['1', 'none'],
    ['1', undefined],
    ['-1', '1'],
    ['', '0'],
  ];
  for (const [a, b] of OTHER) {
    it(`${String(a)} is not ${String(b)}`, () => expect(isSameQuantity(a, b)).to.equal(false));
  }

  it('are less, as amounts, or cannot be compared', () => {
    expect(isLess('1G', '1Gi')).to.equal(true);
    expect([isLess('1Gi', '1G'), isLess('1Gi', '1024Mi'), isLess('none', '1')]).to.deep.equal([
      false,
      false,
      false,
    ]);
  });

  it('are exact beyond what a number holds', () => {
    expect(nanosOf('9007199254740993')).to.equal(9007199254740993n * 10n ** 9n);
    expect(isSameQuantity('9007199254740993', '9007199254740992')).to.equal(false);
  });
});
