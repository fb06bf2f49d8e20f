import { expect } from 'chai';
import fc from 'fast-check';
import { Backoff } from '../../../src/cluster/backoff.ts';
import { jittered } from '../../../src/cluster/clock.ts';

describe('backoff', () => {
  it('doubles its limit up to the cap, and begins anew when reset', () => {
    const backoff = new Backoff(500, 30_000, () => 0.5);
    const waits = Array.from({ length: 9 }, () => backoff.next());
    expect(waits).to.deep.equal([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    backoff.reset();
    expect(backoff.next()).to.equal(250);
  });

  it('waits anything between nothing and the limit', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(2000), (random, failures) => {
        const backoff = new Backoff(500, 30_000, () => random);
        for (let failure = 0; failure < failures; failure++) backoff.next();
        const wait = backoff.next();
        expect(wait).to.be.within(0, Math.min(500 * 2 ** failures, 30_000));
      }),
    );
  });

  it('spreads a watch of 300 s between 240 and 360', () => {
    const spread = [0, 0.5, 1].map((random) => Math.round(jittered(300, () => random)));
    expect(spread).to.deep.equal([240, 300, 360]);
  });
});
