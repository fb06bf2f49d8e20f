import { expect } from 'chai';
import { PathIndex } from '../../../src/agent/path-index.ts';

interface Thing {
  readonly path: string;
  readonly version: number;
}

describe('an index by path', () => {
  /** What was seen at each key at the moment when it was said to have changed. */
  let seen: string[];
  let index: PathIndex<Thing>;

  beforeEach(() => {
    seen = [];
    index = new PathIndex<Thing>(
      ({ path }) => path,
      (key) =>
        seen.push(
          `${key}: ${index
            .at(key)
            .map(({ version }) => version)
            .join()}`,
        ),
    );
  });

  it('never lacks what is only replaced: work on it begins at once', () => {
    index.upsert('one', { path: 'a', version: 1 });
    index.upsert('one', { path: 'a', version: 2 });
    expect(seen).to.deep.equal(['a: 1', 'a: 2']);
  });

  it('tells of both places of what has moved', () => {
    index.upsert('one', { path: 'a', version: 1 });
    index.upsert('one', { path: 'b', version: 2 });
    expect(seen).to.deep.equal(['a: 1', 'a: ', 'b: 2']);
    expect([...index.keys()]).to.deep.equal(['b']);
  });

  it('tells of what goes, once', () => {
    index.upsert('one', { path: 'a', version: 1 });
    index.upsert('two', { path: 'a', version: 2 });
    index.remove('one');
    index.remove('one');
    expect(seen).to.deep.equal(['a: 1', 'a: 1,2', 'a: 2']);
    expect([...index.all()]).to.deep.equal([{ path: 'a', version: 2 }]);
  });
});
