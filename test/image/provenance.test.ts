import { expect } from 'chai';
import { provenance } from '../../scripts/image/provenance.ts';

describe('the date of an image', () => {
  it('is what SOURCE_DATE_EPOCH says', async () => {
    const { created } = await provenance({ SOURCE_DATE_EPOCH: '1700000000' });
    expect(created.toISOString()).to.equal('2023-11-14T22:13:20.000Z');
  });

  it('is else that of the commit, never the present', async () => {
    const { created } = await provenance({});
    expect(created.getTime()).to.be.below(Date.now() - performance.now());
    expect(await provenance({})).to.deep.equal(await provenance({}));
  });

  it('is refused when it is no number', async () => {
    const refusal = await provenance({ SOURCE_DATE_EPOCH: 'yesterday' }).catch((error: unknown) => error);
    expect(String(refusal)).to.include('SOURCE_DATE_EPOCH=yesterday: must be the seconds since 1970');
  });
});
