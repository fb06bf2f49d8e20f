import { expect } from 'chai';
import { issueAuthority, issueLeaf } from '../../../certs/issue.ts';
import { LIFETIMES } from '../../../certs/lifetime.ts';
import { plan, type Step } from '../../../certs/plan.ts';
import { parseState, secretData, type Pair, type SecretState } from '../../../certs/state.ts';
import { Sightings, trustedEverywhere, type Patience, type Trust } from '../../../certs/trust.ts';
import { DAY, HOUR, NAMES, SECOND, START } from './world.ts';

const at = (ms: number) => new Date(START + ms);
const bundle = (...pairs: Pair[]) => pairs.map(({ certificate }) => certificate.toString()).join('');

describe('the plan', () => {
  let old: Pair;
  let authority: Pair;
  let next: Pair;
  let leaf: Pair;
  let lateLeaf: Pair;
  let lastLeaf: Pair;
  let otherLeaf: Pair;

  before(async () => {
    old = await issueAuthority(at(-300 * DAY), LIFETIMES);
    authority = await issueAuthority(at(0), LIFETIMES);
    next = await issueAuthority(at(244 * DAY), LIFETIMES);
    leaf = await issueLeaf(authority, NAMES, at(0), LIFETIMES);
    lateLeaf = await issueLeaf(authority, NAMES, at(240 * DAY), LIFETIMES);
    lastLeaf = await issueLeaf(authority, NAMES, at(300 * DAY), LIFETIMES);
    otherLeaf = await issueLeaf(authority, ['other'], at(0), LIFETIMES);
  });

  type Data = Record<string, string | undefined>;
  const secret = (edit: Data = {}, pair = leaf): SecretState => {
    const data: Data = { ...secretData(authority, pair, []), ...edit };
    return parseState(
      Object.fromEntries(Object.entries(data).filter(([, text]) => text !== undefined)) as Record<
        string,
        string
      >,
    );
  };
  const ending = () => parseState(secretData(authority, lastLeaf, [], next) as Record<string, string>);
  const rotating = () => parseState(secretData(authority, lateLeaf, [], next) as Record<string, string>);

  /** What a replica sees that has looked at these bundles for so long. */
  function trust(
    state: SecretState | undefined,
    [mutating, validating]: readonly [string | undefined, string | undefined],
    forMs = 0,
    patience: Patience = { settleMs: 30 * SECOND, graceMs: DAY },
  ): Trust {
    const entries = (text: string | undefined) =>
      text === undefined ? {} : { entries: [{ webhook: 'w', caBundle: text }] };
    const configurations = [
      { kind: 'MutatingWebhookConfiguration', name: 'ours', ...entries(mutating) },
      { kind: 'ValidatingWebhookConfiguration', name: 'ours', ...entries(validating) },
    ];
    const sightings = new Sightings(patience);
    let seen = sightings.look(state, configurations, 0);
    for (let ms = 0; ms < forMs; ms += Math.min(forMs - ms, 5 * HOUR)) {
      seen = sightings.look(state, configurations, ms + Math.min(forMs - ms, 5 * HOUR));
    }
    return seen;
  }

  const told = (steps: readonly Step[]) => steps.map(({ kind, reason }) => `${kind}: ${reason}`);

  const both = (...pairs: Pair[]) => [bundle(...pairs), bundle(...pairs)] as const;

  const CASES: readonly (readonly [string, () => Step[], readonly string[]])[] = [
    [
      'no Secret',
      () => plan(undefined, trust(undefined, ['', '']), at(0), NAMES),
      ['create: there is no Secret'],
    ],
    ['all is well', () => plan(secret(), trust(secret(), both(authority)), at(0), NAMES), []],
    ['no configuration', () => plan(secret(), trust(secret(), [undefined, undefined]), at(0), NAMES), []],
    [
      'first publication',
      () => plan(secret(), trust(secret(), ['', '']), at(0), NAMES),
      ['publish: MutatingWebhookConfiguration ours, webhook w: caBundle is empty, lacks 1 of 1'],
    ],
    [
      'one configuration reset',
      () => plan(secret(), trust(secret(), [bundle(authority), '']), at(0), NAMES),
      ['publish: ValidatingWebhookConfiguration ours, webhook w: caBundle is empty, lacks 1 of 1'],
    ],
    [
      'a stranger in one bundle',
      () => plan(secret(), trust(secret(), [bundle(authority), bundle(authority, old)]), at(0), NAMES),
      // It stays for the grace: nobody knows who may serve what it signed.
      ['publish: MutatingWebhookConfiguration ours, webhook w: caBundle lacks 1 of 2'],
    ],
    [
      'a stranger after the grace',
      () => plan(secret(), trust(secret(), both(authority, old), DAY), at(0), NAMES),
      ['publish: MutatingWebhookConfiguration ours, webhook w: caBundle has 1 too many'],
    ],
    [
      'a bundle cut off',
      () =>
        plan(secret(), trust(secret(), [bundle(authority).slice(0, 300), bundle(authority)]), at(0), NAMES),
      ['publish: MutatingWebhookConfiguration ours, webhook w: caBundle is cut off, lacks 1 of 1'],
    ],
    [
      'the leaf an hour before two thirds of its life',
      () => plan(secret(), trust(secret(), both(authority)), at(60 * DAY - 2 * HOUR), NAMES),
      [],
    ],
    [
      'the leaf at two thirds of its life',
      () => plan(secret(), trust(secret(), both(authority)), at(60 * DAY), NAMES),
      ['renew: renewal of tls.crt was due on 2026-03-01T23:40:00Z'],
    ],
    [
      'the leaf expired',
      () => plan(secret(), trust(secret(), both(authority)), at(91 * DAY), NAMES),
      ['renew: tls.crt expired on 2026-04-01T00:00:00Z'],
    ],
    [
      'a leaf from the future',
      () => plan(secret({}, lateLeaf), trust(secret({}, lateLeaf), both(authority)), at(DAY), NAMES),
      ['renew: tls.crt is not valid before 2026-08-28T23:00:00Z'],
    ],
    [
      'a leaf for other names',
      () =>
        plan(secret({}, otherLeaf), trust(secret({}, otherLeaf), both(authority)), at(0), [
          'other',
          'webhook',
          '10.0.0.1',
        ]),
      ['renew: tls.crt is not good for webhook, 10.0.0.1'],
    ],
    [
      'no tls.key',
      () => plan(secret({ 'tls.key': undefined }), trust(secret(), both(authority)), at(0), NAMES),
      ['renew: tls.key is missing'],
    ],
    [
      'no ca.key',
      () => plan(secret({ 'ca.key': undefined }), trust(secret(), both(authority)), at(0), NAMES),
      ['replace: ca.key is missing'],
    ],
    [
      'ca.crt cut off',
      () =>
        plan(
          secret({ 'ca.crt': bundle(authority).slice(0, 200) }),
          trust(secret(), both(authority)),
          at(0),
          NAMES,
        ),
      ['replace: ca.key fits no certificate of ca.crt'],
    ],
    [
      'rubbish behind ca.crt',
      () =>
        plan(
          secret({ 'ca.crt': `${bundle(authority)}-----BEGIN CERT` }),
          trust(secret(), both(authority)),
          at(0),
          NAMES,
        ),
      ['trust: ca.crt is cut off'],
    ],
    [
      'the authority expired',
      () => plan(secret(), trust(secret(), both(authority)), at(366 * DAY), NAMES),
      ['replace: the authority expired on 2027-01-01T00:00:00Z'],
    ],
    [
      'the authority at two thirds of its life',
      () => plan(secret({}, lateLeaf), trust(secret({}, lateLeaf), both(authority)), at(244 * DAY), NAMES),
      ['announce: renewal of the authority was due on 2026-09-01T07:40:00Z'],
    ],
    [
      'a leaf that ends with its authority',
      () => plan(ending(), trust(ending(), both(authority)), at(364 * DAY), NAMES),
      // No new leaf would end any later: an authority is what is needed, and that waits to be trusted.
      ['publish: MutatingWebhookConfiguration ours, webhook w: caBundle lacks 1 of 2'],
    ],
    [
      'a next authority that is not published',
      () => plan(rotating(), trust(rotating(), both(authority)), at(244 * DAY), NAMES),
      ['publish: MutatingWebhookConfiguration ours, webhook w: caBundle lacks 1 of 2'],
    ],
    [
      'a next authority that is trusted by one configuration only',
      () =>
        plan(
          rotating(),
          trust(rotating(), [bundle(authority, next), bundle(authority)], DAY),
          at(244 * DAY),
          NAMES,
        ),
      ['publish: ValidatingWebhookConfiguration ours, webhook w: caBundle lacks 1 of 2'],
    ],
    [
      'a next authority that is trusted since a moment ago',
      () => plan(rotating(), trust(rotating(), both(authority, next), 29 * SECOND), at(244 * DAY), NAMES),
      [],
    ],
    [
      'a next authority that is trusted for the settling time',
      () => plan(rotating(), trust(rotating(), both(authority, next), 30 * SECOND), at(244 * DAY), NAMES),
      ['switch: both configurations trust the next authority'],
    ],
    [
      'a next authority without its certificate',
      () => {
        const state = parseState({
          ...(secretData(authority, lateLeaf, [], next) as Record<string, string>),
          'ca.crt': bundle(authority),
        });
        return plan(state, trust(state, both(authority, next)), at(244 * DAY), NAMES);
      },
      ['announce: next-ca.key fits no certificate of ca.crt'],
    ],
    [
      'the old authority within the grace',
      () => {
        const state = secret({ 'ca.crt': bundle(authority, old) });
        return plan(state, trust(state, both(authority, old), DAY - 1), at(0), NAMES);
      },
      [],
    ],
    [
      'the old authority after the grace',
      () => {
        const state = secret({ 'ca.crt': bundle(authority, old) });
        return plan(state, trust(state, both(authority, old), DAY), at(0), NAMES);
      },
      ['trust: nothing signed by an authority can be served any more'],
    ],
    [
      'a damaged Secret and a reset configuration',
      () => plan(secret({ 'tls.crt': 'x' }), trust(secret(), [bundle(authority), '']), at(0), NAMES),
      [
        'publish: ValidatingWebhookConfiguration ours, webhook w: caBundle is empty, lacks 1 of 1',
        'renew: tls.crt is not PEM',
      ],
    ],
  ];

  for (const [what, steps, expected] of CASES) {
    it(what, () => {
      expect(told(steps())).to.deep.equal(expected);
    });
  }

  it('keeps the names that a leaf has when it adds others', () => {
    const state = secret({}, otherLeaf);
    const [step] = plan(state, trust(state, both(authority)), at(0), ['webhook']);
    expect(step).to.have.property('names').that.deep.equals(['webhook', 'other']);
  });

  it('keeps what anybody trusts when it replaces a Secret, newest first and at most sixteen', async () => {
    const crowd = await Promise.all(
      Array.from({ length: 20 }, (_, index) => issueAuthority(at(-index * DAY), LIFETIMES)),
    );
    const [step] = plan(
      undefined,
      trust(undefined, [bundle(...crowd.slice(0, 10)), bundle(...crowd.slice(10))]),
      at(0),
      NAMES,
    );
    const keep = step?.kind === 'create' ? step.keep : [];
    expect(keep.map(String)).to.deep.equal(crowd.slice(0, 16).map(({ certificate }) => String(certificate)));
  });

  it('counts as trusted everywhere what every single webhook trusts', () => {
    const bundles = [[authority, next], [authority], [authority, next]].map((pairs) => ({
      where: 'w',
      certificates: pairs.map(({ certificate }) => certificate),
    }));
    expect(trustedEverywhere({ missing: [], bundles })).to.deep.equal([authority.certificate]);
    expect(trustedEverywhere({ missing: ['one'], bundles })).to.deep.equal([]);
  });

  it('begins every wait anew after a gap between looks', () => {
    const state = secret();
    const configurations = [
      { kind: 'M', name: 'ours', entries: [{ webhook: 'w', caBundle: bundle(authority, old) }] },
    ];
    const sightings = new Sightings({ settleMs: 1, graceMs: DAY });
    sightings.look(state, configurations, 0);
    const seen = sightings.look(state, configurations, 2 * DAY);
    expect([seen.settled.size, seen.idle.size]).to.deep.equal([0, 0]);
  });
});
