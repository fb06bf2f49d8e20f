import { expect } from 'chai';
import { editYaml } from '../../src/offline/edit-yaml.ts';

describe('edited YAML', () => {
  it('quotes what would be read as something else, a merge key among it', () => {
    const after = { a: '1', b: { '<<': 'x', yes: '0644', plain: 'tars.io/x' } };
    expect(editYaml('a: "1" # kept\n', { a: '1' }, after)).to.equal(
      'a: "1" # kept\nb:\n  "<<": x\n  "yes": "0644"\n  plain: tars.io/x\n',
    );
  });

  it('writes out merges of merges where what they merge is changed', () => {
    const source =
      '---\n# servers\na: &base {k: 1}\nb: &mid\n  <<: *base\n  l: 2\nc:\n  <<: *mid\n  m: 3 # kept\n';
    const before = { a: { k: 1 }, b: { k: 1, l: 2 }, c: { k: 1, l: 2, m: 3 } };
    expect(editYaml(source, before, { ...before, a: { k: 9 } })).to.equal(
      '---\n# servers\na: {k: 9}\nb:\n  k: 1\n  l: 2\nc:\n  k: 1\n  l: 2\n  m: 3 # kept\n',
    );
  });

  it('writes out what refers to something that is replaced', () => {
    const source = 'a: &all [1]\nb: *all # kept\n';
    expect(editYaml(source, { a: [1], b: [1] }, { a: 'none', b: [1] })).to.equal(
      'a: none\nb:\n  # kept\n  [1]\n',
    );
  });

  it('writes a document anew that it cannot edit, and leaves it apart from the one before it', () => {
    const source = '---\na: &all {k: 1}\nb: {<<: *all, <<: {}}\n';
    const before = { a: { k: 1 }, b: { k: 1 } };
    expect(editYaml(source, before, { ...before, a: { k: 2 } })).to.equal('---\na:\n  k: 2\nb:\n  k: 1\n');
  });
});
