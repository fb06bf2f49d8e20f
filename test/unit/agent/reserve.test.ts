import { expect } from 'chai';
import { Reserve } from '../../../src/agent/reserve.ts';

describe('the reserve of a pool', () => {
  for (const [text, bytes] of [
    ['10%', 1000],
    ['0%', 0],
    ['2.5%', 250],
    ['99%', 9900],
    ['1k', 1000],
    ['1Ki', 1024],
    ['0', 0],
    ['5Gi', 5 * 2 ** 30],
  ] as const) {
    it(`${text} of 10,000 bytes is ${bytes}`, () => {
      expect(Reserve.parse(text)?.bytesOf(10_000)).to.equal(bytes);
    });
  }

  for (const text of ['', '%', '100%', '-1%', '10 %', 'ten', '1.5.5Gi', '-5Gi']) {
    it(`${JSON.stringify(text)} is none`, () => {
      expect(Reserve.parse(text)).to.equal(undefined);
    });
  }
});
