import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'chai';
import { issueAuthority, issueLeaf } from '../../../certs/issue.ts';
import { LIFETIMES } from '../../../certs/lifetime.ts';
import { parseState, SECRET_KEYS, secretData, type Pair } from '../../../certs/state.ts';
import { NAMES, START } from './world.ts';

describe('what the Secret holds', () => {
  const now = new Date(START);
  let authority: Pair;
  let other: Pair;
  let leaf: Pair;
  let otherLeaf: Pair;
  let data: Record<string, string>;

  before(async () => {
    authority = await issueAuthority(now, LIFETIMES);
    other = await issueAuthority(now, LIFETIMES);
    leaf = await issueLeaf(authority, NAMES, now, LIFETIMES);
    otherLeaf = await issueLeaf(other, NAMES, now, LIFETIMES);
    data = secretData(authority, leaf, [], other) as Record<string, string>;
  });

  const faults = (edit: Record<string, string | undefined>) => {
    const edited = Object.entries({ ...data, ...edit }).filter(([, text]) => text !== undefined);
    return parseState(Object.fromEntries(edited) as Record<string, string>).faults.map(
      ({ message }) => message,
    );
  };

  it('is read as it was written', () => {
    const state = parseState(data);
    expect(state.faults).to.deep.equal([]);
    expect(state.trusted.map(String)).to.deep.equal(
      [authority, other].map(({ certificate }) => String(certificate)),
    );
    expect(state.authority?.certificate.fingerprint256).to.equal(authority.certificate.fingerprint256);
    expect(state.next?.certificate.fingerprint256).to.equal(other.certificate.fingerprint256);
    expect(state.leaf?.certificate.fingerprint256).to.equal(leaf.certificate.fingerprint256);
  });

  const cut = (text: string) => text.slice(0, text.length / 2);
  const CASES: readonly (readonly [string, () => Record<string, string | undefined>, readonly string[]])[] = [
    [
      'nothing at all',
      () => Object.fromEntries(SECRET_KEYS.map((key) => [key, undefined])),
      ['ca.crt is missing', 'ca.key is missing', 'tls.crt is missing'],
    ],
    [
      'empty values',
      () => Object.fromEntries(SECRET_KEYS.map((key) => [key, ''])),
      ['ca.crt is missing', 'ca.key is missing', 'tls.crt is missing'],
    ],
    [
      'no ca.crt',
      () => ({ 'ca.crt': undefined }),
      [
        'ca.crt is missing',
        'ca.key fits no certificate of ca.crt',
        'next-ca.key fits no certificate of ca.crt',
      ],
    ],
    ['no ca.key', () => ({ 'ca.key': undefined }), ['ca.key is missing']],
    ['no tls.crt', () => ({ 'tls.crt': undefined }), ['tls.crt is missing']],
    ['no tls.key', () => ({ 'tls.key': undefined }), ['tls.key is missing']],
    ['a cut-off leaf', () => ({ 'tls.crt': cut(data['tls.crt']!) }), ['tls.crt is cut off']],
    ['a cut-off key', () => ({ 'tls.key': cut(data['tls.key']!) }), ['tls.key is cut off']],
    ['a blank leaf', () => ({ 'tls.crt': ' \n' }), ['tls.crt is empty']],
    [
      'a garbled leaf',
      () => ({ 'tls.crt': data['tls.crt']!.replace('\nMI', '\nAA') }),
      ['tls.crt holds a certificate that is damaged'],
    ],
    ['a leaf that is no PEM', () => ({ 'tls.crt': '{}' }), ['tls.crt is not PEM']],
    [
      'a key in the place of the leaf',
      () => ({ 'tls.crt': data['tls.key']! }),
      ['tls.crt holds something that is no certificate'],
    ],
    [
      'a leaf in the place of the key',
      () => ({ 'tls.key': data['tls.crt']! }),
      ['tls.key is no private key in PEM form'],
    ],
    ['a key of another leaf', () => ({ 'tls.key': otherLeaf.key }), ['tls.key does not fit tls.crt']],
    [
      'a leaf of another authority',
      () => ({ 'tls.crt': String(otherLeaf.certificate), 'tls.key': otherLeaf.key }),
      ['tls.crt is not signed by the authority of ca.key'],
    ],
    [
      'an RSA key',
      () => ({
        'ca.key': generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
          type: 'pkcs8',
          format: 'pem',
        }) as string,
      }),
      ['ca.key is not a key of ours (EC, P-256)'],
    ],
    [
      'a leaf as authority',
      () => ({ 'ca.crt': String(leaf.certificate), 'ca.key': leaf.key, 'next-ca.key': undefined }),
      ['ca.key belongs to a certificate that is no authority'],
    ],
    [
      'one certificate of two damaged',
      () => ({ 'ca.crt': `${String(authority.certificate)}${cut(String(other.certificate))}` }),
      ['ca.crt is cut off', 'next-ca.key fits no certificate of ca.crt'],
    ],
  ];

  for (const [what, edit, expected] of CASES) {
    it(`names the fault: ${what}`, () => {
      expect(faults(edit())).to.deep.equal(expected);
    });
  }

  it('may have comments and keys of somebody else', () => {
    expect(faults({ 'ca.crt': `# ours\n${data['ca.crt']}\n# end\n`, password: 'x' })).to.deep.equal([]);
  });

  it('never throws, whatever is in it', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...Object.values(data)),
      fc
        .tuple(fc.constantFrom(...Object.values(data)), fc.nat(900), fc.string())
        .map(([text, index, middle]) => text.slice(0, index) + middle + text.slice(index + middle.length)),
    );
    const secret = fc.dictionary(fc.constantFrom(...SECRET_KEYS, '__proto__', 'password'), texts);
    fc.assert(
      fc.property(secret, (content) => {
        const { faults: found, authority: signing, leaf: served } = parseState(content);
        const isWhole = found.length === 0;
        if (isWhole) expect(signing && served?.certificate.verify(signing.certificate.publicKey)).to.be.true;
      }),
      { numRuns: 1000, seed: 20_240_229 },
    );
  });
});
