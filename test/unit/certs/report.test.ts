import { expect } from 'chai';
import { issueAuthority, issueLeaf } from '../../../certs/issue.ts';
import { LIFETIMES } from '../../../certs/lifetime.ts';
import { reportOf, type CertificateReport } from '../../../certs/report.ts';
import { secretData, type Pair, type SecretData } from '../../../certs/state.ts';
import { DAY, NAMES, START } from './world.ts';

const MUTATING = 'MutatingWebhookConfiguration ours';
const VALIDATING = 'ValidatingWebhookConfiguration ours';

describe('the report on certificates', () => {
  let authority: Pair;
  let stranger: Pair;
  let leaf: Pair;
  let data: SecretData;

  before(async () => {
    authority = await issueAuthority(new Date(START), LIFETIMES);
    stranger = await issueAuthority(new Date(START), LIFETIMES);
    leaf = await issueLeaf(authority, NAMES, new Date(START), LIFETIMES);
    const { 'next-ca.key': _none, ...rest } = secretData(authority, leaf, []);
    data = rest as SecretData;
  });

  interface Look {
    readonly secret?: SecretData | null;
    readonly bundles?: readonly (Pair | null)[];
    readonly host?: string;
    readonly day?: number;
  }

  function report({
    secret = data,
    bundles = [authority, authority],
    host,
    day = 0,
  }: Look): CertificateReport {
    const configurations = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map(
      (kind, index) => {
        const bundle = bundles[index];
        const entry = {
          webhook: 'w',
          caBundle: String(bundle?.certificate ?? ''),
          ...(host === undefined ? {} : { host }),
        };
        return { kind, name: 'ours', ...(bundle === null ? {} : { entries: [entry] }) };
      },
    );
    const stored = secret === null ? undefined : { data: secret, resourceVersion: '1' };
    return reportOf('tars/tls', stored, configurations, new Date(START + day * DAY));
  }

  const messages = (look: Look) => report(look).problems.map(({ message }) => message);

  it('says what is served and who is trusted', () => {
    const { served, trusted, problems, selfManaged } = report({
      bundles: [authority, stranger],
      host: 'webhook.tars.svc',
    });
    expect(selfManaged).to.be.true;
    expect(served).to.deep.equal({
      subject: 'CN=webhook',
      issuer: authority.certificate.subject,
      names: NAMES,
      fingerprint: leaf.certificate.fingerprint256,
      notBefore: '2025-12-31T23:00:00Z',
      notAfter: '2026-04-01T00:00:00Z',
      renewalDue: '2026-03-01T23:40:00Z',
    });
    expect(
      trusted.map(({ role, fingerprint, trustedBy }) => ({ role, fingerprint, trustedBy })),
    ).to.deep.equal([
      { role: 'signing', fingerprint: authority.certificate.fingerprint256, trustedBy: [MUTATING] },
      { role: 'unknown', fingerprint: stranger.certificate.fingerprint256, trustedBy: [VALIDATING] },
    ]);
    expect(problems).to.deep.equal([
      {
        message: `${VALIDATING}, webhook w: caBundle has no valid authority that signed the served certificate`,
        remedy:
          'if it comes back, keep GitOps tools from writing caBundle; else see that the webhook may patch the configuration',
      },
    ]);
  });

  const CASES: readonly (readonly [string, () => Look, readonly string[]])[] = [
    ['nothing', () => ({ host: 'webhook.tars.svc' }), []],
    ['no Secret', () => ({ secret: null }), ['Secret tars/tls does not exist']],
    ['a configuration missing', () => ({ bundles: [authority, null] }), [`${VALIDATING} does not exist`]],
    [
      'a renewal overdue',
      () => ({ day: 61 }),
      ['the served certificate ends on 2026-04-01T00:00:00Z, its renewal was due on 2026-03-01T23:40:00Z'],
    ],
    ['expired', () => ({ day: 91 }), ['the served certificate expired on 2026-04-01T00:00:00Z']],
    [
      'another Service',
      () => ({ host: 'other.tars.svc', bundles: [authority, null] }),
      [
        `${MUTATING}, webhook w: the API server calls other.tars.svc, which the served certificate is not for`,
        `${VALIDATING} does not exist`,
      ],
    ],
    ['a damaged Secret', () => ({ secret: { ...data, 'tls.key': 'x' } }), ['tls.key is not PEM']],
    [
      'a Secret of cert-manager',
      () => {
        const { 'ca.key': _key, ...rest } = data;
        return { secret: rest };
      },
      [],
    ],
  ];

  for (const [what, look, expected] of CASES) {
    it(`finds: ${what}`, () => {
      expect(messages(look())).to.deep.equal(expected);
    });
  }
});
