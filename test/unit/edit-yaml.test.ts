import { expect } from 'chai';
import { editYaml } from '../../src/offline/edit-yaml.ts';

describe('edited YAML', () => {
  it('quotes what would be read as something else, a merge key among it', () => {
    const after = { a: '1', b: { '<<': 'x', yes: '0644', plain: 'tars.io/x' } };
    expect(editYaml('a: "1" # kept\n', { a: '1' }, after)).to.equal(
      'a: "1" # kept\nb:\n  "<<": x\n  "yes": "0644"\n  plain: tars.io/x\n',
    );
  });
});
