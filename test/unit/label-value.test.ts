import { expect } from 'chai';
import { labelValueOf } from '../../src/tars/label-value.ts';
import { LABEL_VALUE_MAX, LABEL_VALUE_PATTERN } from '../../src/tars/patterns.ts';

describe('the label value for a name', () => {
  it('is the name where that fits', () => {
    expect(labelValueOf('data-redis-0')).to.equal('data-redis-0');
    expect(labelValueOf('a'.repeat(63))).to.equal('a'.repeat(63));
  });

  it('is pinned where it does not: volumes are found by it', () => {
    expect(labelValueOf('a'.repeat(64))).to.equal(`${'a'.repeat(46)}-ffe054fe7ae0cb6d`);
  });

  it('is a label value, also where the cut meets a dot or a hyphen', () => {
    for (const name of [`${'a'.repeat(45)}.${'b'.repeat(30)}`, `${'a'.repeat(44)}--${'b'.repeat(200)}`]) {
      const value = labelValueOf(name);
      expect(value).to.match(new RegExp(LABEL_VALUE_PATTERN));
      expect(value.length).to.be.at.most(LABEL_VALUE_MAX);
    }
  });

  it('differs where names differ behind the cut', () => {
    expect(labelValueOf(`${'a'.repeat(80)}1`)).not.to.equal(labelValueOf(`${'a'.repeat(80)}2`));
  });
});
