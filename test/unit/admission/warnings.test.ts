import { expect } from 'chai';
import fc from 'fast-check';
import { warningTexts } from '../../../src/admission/warnings.ts';
import type { Finding } from '../../../src/tars/finding.ts';

const warning = (message: string): Finding => ({ code: 'TLV901', path: ['spec', 'x'], message });

describe('warnings', () => {
  it('are a line each, as tlv check prints it', () => {
    expect(warningTexts([warning('one thing'), { ...warning('another'), path: [] }])).to.deep.equal([
      'TLV901 spec.x: one thing',
      'TLV901 object: another',
    ]);
  });

  it('are parted where a clause ends, else where a word ends, else where the room does', () => {
    const clause = 'word '.repeat(30);
    expect(warningTexts([warning(`${clause}end; ${clause}`)])).to.deep.equal([
      `TLV901 spec.x: ${clause}end;`,
      `TLV901 ... ${clause}`,
    ]);
    for (const text of warningTexts([warning('word '.repeat(200))])) expect(text.trim()).to.match(/word$/);
    expect(warningTexts([warning('x'.repeat(300))]).map((text) => text.length)).to.deep.equal([
      256,
      300 - 241 + 11,
    ]);
  });

  it('hold no control characters, which would have them dropped as headers', () => {
    expect(warningTexts([warning('a\r\n\tb\u0000c')])).to.deep.equal(['TLV901 spec.x: a b c']);
  });

  it('say how many are left out where there are too many', () => {
    const texts = warningTexts(Array.from({ length: 100 }, () => warning('x '.repeat(100))));
    expect(texts.at(-1)).to.equal('82 more warnings are not listed; tlv check shows all of them');
    expect(texts).to.have.length(19);
  });

  it('never go over what the API server cuts, and lose no word on the way', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 2000 }), { maxLength: 8 }),
        (messages) => {
          const texts = warningTexts(messages.map(warning));
          for (const text of texts) {
            expect(text.length).to.be.at.most(256);
            expect(text.isWellFormed()).to.equal(true);
          }
          expect(texts.join('').length).to.be.at.most(4096);
          const whole = messages.length === 1 && (messages[0]?.length ?? 0) < 3000 ? messages[0] : undefined;
          if (whole !== undefined)
            expect(squeezed(texts.join(''))).to.equal(squeezed(`TLV901 spec.x: ${whole}`));
        },
      ),
    );
  });
});

const squeezed = (text: string): string => text.replaceAll('TLV901 ... ', '').replaceAll(/[\p{Cc}\s]+/gu, '');
