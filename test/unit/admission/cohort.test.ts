import { expect } from 'chai';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Cohort } from '../../../src/admission/cohort.ts';

const KIB = 1024;

describe('a cohort of requests', () => {
  let cohort: Cohort;
  let said: string[];
  beforeEach(() => {
    cohort = new Cohort();
    said = [];
  });

  async function review(name: string, bytes = 6 * KIB): Promise<void> {
    await cohort.join(bytes);
    said.push(`${name} is parsed`);
    await cohort.keepStep();
    said.push(`${name} is noted`);
  }

  it('goes on stage by stage, in the order of arrival', async () => {
    await Promise.all([review('a'), review('b'), review('c')]);
    expect(said).to.deep.equal([
      'a is parsed',
      'b is parsed',
      'c is parsed',
      'a is noted',
      'b is noted',
      'c is noted',
    ]);
  });

  it('waits for the end of the turn, and not for who comes later', async () => {
    const first = review('a');
    expect(said).to.deep.equal([]);
    await first;
    await review('b');
    expect(said).to.deep.equal(['a is parsed', 'a is noted', 'b is parsed', 'b is noted']);
  });

  it('lets no more go at once than fit into memory, and the rest in the next turns', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `${index}`);
    const all = names.map((name) => review(name, 30 * KIB));
    await nextTurn();
    const fitting = names.slice(0, 17);
    expect(said).to.deep.equal([
      ...fitting.map((name) => `${name} is parsed`),
      ...fitting.map((name) => `${name} is noted`),
    ]);
    await Promise.all(all);
    expect(said.filter((word) => word.endsWith('noted'))).to.have.length(40);
  });

  it('does not hold up a large one', async () => {
    const small = review('small');
    await review('large', 100 * KIB);
    expect(said).to.deep.equal(['large is parsed', 'large is noted']);
    await small;
    expect(said.slice(2)).to.deep.equal(['small is parsed', 'small is noted']);
  });
});
