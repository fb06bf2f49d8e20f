import { expect } from 'chai';
import { parseReview } from '../../../src/admission/review.ts';
import { validateReview } from '../../../src/admission/validate-review.ts';
import { claim, create, localMount, NAME, NAMESPACE, statefulSet, stored, tserver } from '../builders.ts';
import { created, review, spy, UID, updated } from './requests.ts';

const ALLOWED = { response: { uid: UID, allowed: true }, outcome: 'allowed', violations: [] };
const RESERVED =
  'Forbidden: "delay-bind": the name is reserved for the claim that ties each replica to its node and is added by itself where it is needed; choose another name (TLV201)';
const UID_RULE =
  'must be a whole number from 0 to 999999 as a string of ASCII digits without sign, space or leading zero (^(0|[1-9][0-9]{0,5})$); a number is no string: write it in quotes, uid: "1000" (TLV301)';

const server = tserver({ mounts: [localMount('data')] });
const badServer = tserver({ mounts: [localMount('delay-bind', { uid: 1000 })] });
const owned = create(statefulSet(), { server });

describe('the validating webhook', () => {
  it('lets a good TServer, StatefulSet and claim pass without a word', async () => {
    const { deps } = spy([server]);
    expect(await validateReview(created('TServer', server), deps)).to.deep.equal(ALLOWED);
    expect(await validateReview(created('StatefulSet', owned), deps)).to.deep.equal(ALLOWED);
    expect(await validateReview(created('PersistentVolumeClaim', claim('x')), deps)).to.deep.equal(ALLOWED);
  });

  it('denies with every violation as a cause, as kubectl prints them', async () => {
    const answer = await validateReview(created('TServer', badServer), spy().deps);
    const causes = [
      { reason: 'FieldValueForbidden', field: 'spec.k8s.mounts[0].name', message: RESERVED },
      {
        reason: 'FieldValueInvalid',
        field: 'spec.k8s.mounts[0].source.tLocalVolume.uid',
        message: `Invalid value: 1000: ${UID_RULE}`,
      },
    ];
    expect(answer).to.deep.equal({
      response: {
        uid: UID,
        allowed: false,
        status: {
          status: 'Failure',
          code: 422,
          reason: 'Invalid',
          message: `TServer.k8s.tars.io "${NAME}" is invalid: ${causes.map(({ field, message }) => `${field}: ${message}`).join(', ')}`,
          details: { name: NAME, group: 'k8s.tars.io', kind: 'TServer', causes },
        },
        auditAnnotations: { violations: 'TLV201, TLV301' },
      },
      outcome: 'denied',
      violations: ['TLV201', 'TLV301'],
    });
  });

  it('names kinds of the core group without a group', async () => {
    const bad = claim('x', { accessModes: ['ReadWriteMany'] });
    const { response } = await validateReview(created('PersistentVolumeClaim', bad), spy().deps);
    expect(response.status?.message).to.match(
      /^PersistentVolumeClaim "x" is invalid: spec\.accessModes\[0\]: /,
    );
    expect(response.status?.details).to.include({ group: '', kind: 'PersistentVolumeClaim' });
  });

  it('names what has no name yet by the beginning of its name', async () => {
    const bad = claim('', { accessModes: ['ReadWriteMany'] }, { generateName: 'tmp-' });
    delete bad.metadata?.name;
    const request = created('PersistentVolumeClaim', bad, { name: '' });
    const { response } = await validateReview(request, spy().deps);
    expect(response.status?.details?.name).to.equal('tmp-');
  });

  it('lists a hundred causes at most, the last of which says how many are missing', async () => {
    const templates = Array.from({ length: 130 }, (_, index) =>
      claim(`v${index}`, { accessModes: ['ReadWriteMany'] }),
    );
    const { deps } = spy();
    const { response, violations } = await validateReview(
      created('StatefulSet', statefulSet({ templates })),
      deps,
    );
    const causes = response.status?.details?.causes ?? [];
    expect(causes).to.have.length(100);
    expect(violations.length).to.be.greaterThan(129);
    expect(causes[99]).to.deep.equal({
      reason: 'FieldValueInvalid',
      field: 'object',
      message: `${violations.length - 99} more violations are not listed; mend these first, or see all of them with tlv check`,
    });
    expect(response.status?.message).to.match(/, object: \d+ more violations are not listed/);
    expect(response.auditAnnotations?.violations).to.include('TLV401');
  });

  it('warns of what is legal but risky', async () => {
    const bound = create(statefulSet({ pod: { nodeName: 'node-1' } }), { server });
    expect(await validateReview(created('StatefulSet', bound), spy([server]).deps)).to.deep.equal({
      ...ALLOWED,
      response: {
        ...ALLOWED.response,
        warnings: [
          'TLV904 spec.template.spec.nodeName: with nodeName no scheduler runs, so the local claims of these pods stay Pending for ever; use nodeSelector: {kubernetes.io/hostname: node-1} instead',
        ],
      },
    });
  });

  it('turns a violation that was stored already into a warning', async () => {
    const answer = await validateReview(updated('TServer', badServer, badServer), spy().deps);
    expect(answer.outcome).to.equal('allowed');
    expect(answer.response.warnings?.map((text) => text.slice(0, 6))).to.include.members([
      'TLV201',
      'TLV301',
    ]);
  });

  it('refuses what needs a TServer that is not there, and asks for it live first', async () => {
    const required = statefulSet({ metadata: { labels: { 'local.tars.io/tserver': 'required' } } });
    const missing = spy();
    const { response } = await validateReview(created('StatefulSet', required), missing.deps);
    expect(response.status?.details?.causes[0]).to.include({
      reason: 'FieldValueRequired',
      field: 'metadata.labels[local.tars.io/tserver]',
    });
    expect(missing.fetched).to.deep.equal([`${NAMESPACE}/${NAME}`]);
    const late = spy([], { fetchTServer: async () => server });
    expect((await validateReview(created('StatefulSet', required), late.deps)).outcome).to.equal('allowed');
  });

  const bad = statefulSet({ templates: [claim('data', { accessModes: ['ReadWriteMany'] })] });
  const LET_THROUGH: readonly [string, object][] = [
    ['what is deleted', review('TServer', 'DELETE', null, { oldObject: badServer })],
    ['a subresource', review('StatefulSet', 'UPDATE', bad, { oldObject: owned, subResource: 'status' })],
    [
      'a TServer on its way out',
      review(
        'TServer',
        'UPDATE',
        { ...badServer, metadata: { ...badServer.metadata, deletionTimestamp: 'now' } },
        { oldObject: server },
      ),
    ],
    ['another kind', review('Pod', 'CREATE', { spec: { volumes: [{ name: 'delay-bind' }] } })],
    [
      'a foreign StatefulSet',
      review(
        'StatefulSet',
        'CREATE',
        statefulSet({ metadata: { name: 'postgres' }, pod: { volumes: [{ name: 'delay-bind' }] } }),
      ),
    ],
    [
      'a foreign StatefulSet of the wrong shape',
      review('StatefulSet', 'CREATE', { spec: { volumeClaimTemplates: 'x' } }),
    ],
    [
      'a foreign claim of the wrong shape',
      review('PersistentVolumeClaim', 'CREATE', { spec: { accessModes: 'x' } }),
    ],
  ];
  for (const [title, json] of LET_THROUGH) {
    it(`lets through: ${title}`, async () => {
      expect(await validateReview(parseReview(json), spy().deps)).to.deep.equal(ALLOWED);
    });
  }

  const SHAPES: readonly [string, object, string][] = [
    ['a TServer', review('TServer', 'CREATE', { ...server, spec: { app: 1, server: 'x' } }), 'spec.app'],
    [
      'a StatefulSet with a label of ours',
      review('StatefulSet', 'CREATE', { metadata: { labels: { 'tars.io/ServerApp': 'a' } }, spec: 'x' }),
      'spec',
    ],
    [
      'a claim of our class',
      review('PersistentVolumeClaim', 'CREATE', {
        spec: { storageClassName: 't-storage-class', accessModes: 'x' },
      }),
      'spec.accessModes',
    ],
  ];
  for (const [title, json, field] of SHAPES) {
    it(`denies ${title} of the wrong shape`, async () => {
      const answer = await validateReview(parseReview(json), spy().deps);
      expect(answer.violations).to.deep.equal(['TLV001']);
      expect(answer.response.status?.details?.causes.map((cause) => cause.field)).to.deep.equal([field]);
    });
  }

  it('lets a TServer of the wrong shape be mended and labelled, if it was so before', async () => {
    const junk = { ...server, spec: { app: 1, server: 'x' } };
    const labelled = { ...junk, metadata: { ...junk.metadata, labels: { a: 'b' } } };
    const { deps } = spy();
    expect((await validateReview(updated('TServer', labelled, junk), deps)).outcome).to.equal('allowed');
    expect((await validateReview(updated('TServer', server, junk), deps)).outcome).to.equal('allowed');
    const worse = { ...junk, spec: { app: 2, server: 'x' } };
    expect((await validateReview(updated('TServer', worse, junk), deps)).violations).to.deep.equal([
      'TLV001',
    ]);
  });
});

describe('a TServer that comes after its StatefulSet', () => {
  const early = stored(statefulSet());
  const tied = tserver({ mounts: [localMount('data')], hostNetwork: true });
  const warned = async (
    finder: () => Promise<typeof early | undefined>,
    request = created('TServer', tied),
  ) => {
    const { deps, logged } = spy([], { findStatefulSet: finder });
    const { response } = await validateReview(request, deps);
    expect(response.allowed).to.equal(true);
    return { warnings: response.warnings ?? [], logged };
  };

  it('is told what is missing and how to get it', async () => {
    const { warnings } = await warned(async () => early);
    expect(warnings).to.deep.equal([
      `TLV906 metadata.name: StatefulSet ${NAMESPACE}/${NAME} was created before this TServer and its list of claim templates is immutable, so it stays without data, delay-bind;`,
      `TLV906 ... to get them: kubectl -n ${NAMESPACE} delete sts ${NAME} --cascade=orphan, apply its manifest again, then delete the old pods one by one, waiting for Ready each time (until all are replaced the StatefulSet neither scales nor rolls;`,
      'TLV906 ... claims and data stay)',
    ]);
  });

  it('is told nothing where nothing is missing, or nothing can be found out', async () => {
    expect(
      (await warned(async () => stored(create(statefulSet(), { server: tied })))).warnings,
    ).to.deep.equal([]);
    expect((await warned(async () => undefined)).warnings).to.deep.equal([]);
    expect((await warned(async () => early, updated('TServer', tied, tied))).warnings).to.deep.equal([]);
    const daemon = created('TServer', tserver({ daemonSet: true, hostNetwork: true }));
    expect((await warned(async () => early, daemon)).warnings).to.deep.equal([]);
    const failed = await warned(() => Promise.reject(new Error('403 forbidden')));
    expect(failed.warnings).to.deep.equal([]);
    expect(failed.logged.join()).to.match(
      /^warn StatefulSet look-up failed; nobody is warned .*403 forbidden/,
    );
  });
});
