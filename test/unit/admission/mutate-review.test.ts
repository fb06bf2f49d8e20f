import { expect } from 'chai';
import { HttpError } from '../../../src/admission/http-error.ts';
import { mutateReview } from '../../../src/admission/mutate-review.ts';
import { parseReview } from '../../../src/admission/review.ts';
import type { Claim } from '../../../src/tars/shapes.ts';
import {
  applied,
  claim,
  create,
  LABELS,
  localMount,
  NAME,
  NAMESPACE,
  replaced,
  settingsWith,
  statefulSet,
  stored,
  templateNames,
  tserver,
} from '../builders.ts';
import { created, patched, review, spy, UID, updated } from './requests.ts';

const UNTOUCHED = { response: { uid: UID, allowed: true }, outcome: 'allowed', violations: [] };

const set = statefulSet();
const server = tserver({ mounts: [localMount('data'), localMount('logs')], hostIPC: true });
const foreign = statefulSet({ metadata: { name: 'postgres' } });

describe('the mutating webhook', () => {
  it('injects what the TServer asks for, and says so', async () => {
    const request = created('StatefulSet', set);
    const answer = await mutateReview(request, spy([server]).deps);
    expect(answer).to.deep.equal({
      response: {
        uid: UID,
        allowed: true,
        patchType: 'JSONPatch',
        patch: answer.response.patch,
        auditAnnotations: {
          tserver: `${NAMESPACE}/${NAME}`,
          templates: 'data, logs, delay-bind',
          mounts: `${NAME}:/data=data, ${NAME}:/logs=logs`,
          'anti-affinity': 'kubernetes.io/hostname',
        },
      },
      outcome: 'patched',
      violations: [],
    });
    expect(patched(request, answer)).to.deep.equal(create(set, { server }));
  });

  it('answers twice the same, and nothing the second time it meets an object', async () => {
    const { deps } = spy([server]);
    const first = await mutateReview(created('StatefulSet', set), deps);
    const again = created('StatefulSet', patched(created('StatefulSet', set), first));
    expect(await mutateReview(created('StatefulSet', set), deps)).to.deep.equal(first);
    expect(await mutateReview(again, deps)).to.deep.equal(UNTOUCHED);
  });

  it('is safe in a dry run: the answer is the same, and nobody was asked anything else', async () => {
    const wet = spy([server]);
    const dry = spy([server]);
    const answer = await mutateReview(created('StatefulSet', set), wet.deps);
    expect(await mutateReview(created('StatefulSet', set, { dryRun: true }), dry.deps)).to.deep.equal(answer);
    expect(dry).to.deep.include({ fetched: wet.fetched, logged: wet.logged });
  });

  it('completes a plain StatefulSet that has the labels, with no word on a TServer', async () => {
    const plain = statefulSet({ metadata: { name: 'cart', labels: LABELS }, templates: [claim('data')] });
    const request = created('StatefulSet', plain);
    const answer = await mutateReview(request, spy().deps);
    expect(answer.outcome).to.equal('patched');
    expect(answer.response.auditAnnotations).to.equal(undefined);
    expect(patched(request, answer)).to.deep.equal(create(plain));
  });

  it('puts the stored list back when the plain manifest is applied, and says which templates', async () => {
    const live = stored(create(set, { server }));
    const request = updated('StatefulSet', replaced(statefulSet({ spec: { replicas: 5 } }), live), live);
    const answer = await mutateReview(request, spy([server]).deps);
    expect(answer.response.auditAnnotations).to.deep.equal({
      tserver: `${NAMESPACE}/${NAME}`,
      templates: 'data, logs, delay-bind',
      mounts: `${NAME}:/data=data, ${NAME}:/logs=logs`,
      'anti-affinity': 'kubernetes.io/hostname',
    });
    expect(answer.response.warnings).to.equal(undefined);
    const after = patched(request, answer);
    expect(after.spec?.volumeClaimTemplates).to.deep.equal(live.spec?.volumeClaimTemplates);
    expect(after.spec?.replicas).to.equal(5);
  });

  it('warns with the remedy where another list is wanted, in parts that nobody cuts', async () => {
    const live = stored(create(set, { server: tserver({ mounts: [localMount('data')] }) }));
    const grown = tserver({ mounts: [localMount('data'), localMount('logs')] });
    const answer = await mutateReview(updated('StatefulSet', applied(set, live), live), spy([grown]).deps);
    expect(answer.response.warnings).to.deep.equal([
      `TLV901 spec.volumeClaimTemplates: the list is immutable, so StatefulSet ${NAMESPACE}/${NAME} keeps the one it has, without logs;`,
      `TLV901 ... to get the new list: kubectl -n ${NAMESPACE} delete sts ${NAME} --cascade=orphan, apply this manifest again, then delete the old pods one by one, waiting for Ready each time (until all are replaced the StatefulSet neither scales nor rolls;`,
      'TLV901 ... claims and data stay)',
    ]);
  });

  const UNTOUCHED_CASES: readonly [string, object][] = [
    ['a foreign StatefulSet that is created', review('StatefulSet', 'CREATE', foreign)],
    [
      'a foreign StatefulSet that is updated',
      review('StatefulSet', 'UPDATE', foreign, { oldObject: stored(foreign) }),
    ],
    ['a StatefulSet that is deleted', review('StatefulSet', 'DELETE', null, { oldObject: set })],
    ['a connection', review('StatefulSet', 'CONNECT', {})],
    ['the subresource scale', review('StatefulSet', 'UPDATE', set, { oldObject: set, subResource: 'scale' })],
    [
      'the subresource status',
      review('StatefulSet', 'UPDATE', set, {
        oldObject: stored(create(set, { server })),
        subResource: 'status',
      }),
    ],
    [
      'a StatefulSet on its way out',
      review(
        'StatefulSet',
        'UPDATE',
        statefulSet({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
        {
          oldObject: stored(create(set, { server })),
        },
      ),
    ],
    ['a TServer', review('TServer', 'CREATE', server)],
    [
      'a TServer of the version before',
      review('TServer', 'UPDATE', server, {
        oldObject: server,
        kind: { group: 'k8s.tars.io', version: 'v1beta2', kind: 'TServer' },
      }),
    ],
    [
      'a claim of another class',
      review('PersistentVolumeClaim', 'CREATE', claim('x', { storageClassName: 'ceph' })),
    ],
    [
      'a claim on its way out',
      review(
        'PersistentVolumeClaim',
        'UPDATE',
        claim(
          'x',
          {},
          { deletionTimestamp: 'now', annotations: { 'volume.kubernetes.io/selected-node': 'n' } },
        ),
        { oldObject: claim('x') },
      ),
    ],
    ['another kind', review('Pod', 'CREATE', { metadata: { name: 'x' } })],
    [
      'a StatefulSet of another version',
      review('StatefulSet', 'CREATE', set, { kind: { group: 'apps', version: 'v2', kind: 'StatefulSet' } }),
    ],
    [
      'a StatefulSet of the wrong shape',
      review('StatefulSet', 'CREATE', { ...set, spec: { volumeClaimTemplates: 'data' } }),
    ],
    [
      'one whose stored object has the wrong shape',
      review('StatefulSet', 'UPDATE', set, { oldObject: { spec: 7 } }),
    ],
    ['a claim of the wrong shape', review('PersistentVolumeClaim', 'CREATE', { spec: { accessModes: 7 } })],
  ];
  for (const [title, json] of UNTOUCHED_CASES) {
    it(`leaves alone: ${title}`, async () => {
      const { deps } = spy(title.startsWith('a foreign') ? [] : [server]);
      expect(await mutateReview(parseReview(json), deps)).to.deep.equal(UNTOUCHED);
    });
  }

  it('completes a claim that is created', async () => {
    const request = created('PersistentVolumeClaim', claim('cache', {}, { namespace: NAMESPACE }));
    const answer = await mutateReview(request, spy().deps);
    expect(answer.response.auditAnnotations).to.deep.equal({
      labels: 'tars.io/LocalVolume=cache, tars.io/ServerApp=claim, tars.io/ServerName=cache',
      annotations: 'tars.io/LocalVolumeUID, tars.io/LocalVolumeGID, tars.io/LocalVolumeMode',
    });
    const after = patched(request, answer);
    expect(after.spec?.selector?.matchLabels).to.deep.equal(after.metadata?.labels);
  });

  it("mirrors the scheduler's choice into the routing label", async () => {
    const { deps } = spy();
    const first = created('PersistentVolumeClaim', claim('cache'));
    const live = patched(first, await mutateReview(first, deps));
    const chosen: Claim = {
      ...live,
      metadata: {
        ...live.metadata,
        annotations: { ...live.metadata?.annotations, 'volume.kubernetes.io/selected-node': 'node-1' },
      },
    };
    const request = updated('PersistentVolumeClaim', chosen, live);
    const answer = await mutateReview(request, deps);
    expect(Buffer.from(answer.response.patch ?? '', 'base64').toString()).to.equal(
      '[{"op":"add","path":"/metadata/labels/local.tars.io~1node","value":"node-1"}]',
    );
    expect(answer.response.auditAnnotations).to.deep.equal({ labels: 'local.tars.io/node=node-1' });
  });

  it('goes by its settings', async () => {
    const disks = spy([], { settings: settingsWith('t-storage-class=on-demand,disks=discovery') });
    const request = created('PersistentVolumeClaim', claim('x', { storageClassName: 'disks' }));
    const after = patched(request, await mutateReview(request, disks.deps));
    expect(after.spec?.selector).to.equal(undefined);
    expect(after.metadata?.labels).to.have.property('tars.io/LocalVolume', 'x');
  });
});

describe('the look-up of a TServer', () => {
  it('asks the API server once when the cache has none, at CREATE', async () => {
    const late = spy([], { fetchTServer: async (_namespace, name) => (name === NAME ? server : undefined) });
    const request = created('StatefulSet', set);
    const answer = await mutateReview(request, late.deps);
    expect(templateNames(patched(request, answer))).to.deep.equal(['data', 'logs', 'delay-bind']);
    expect(late.liveGets).to.deep.equal(['found']);
  });

  it('asks for the name in the owner reference as well', async () => {
    const { deps, fetched, liveGets } = spy();
    const owner = { apiVersion: 'k8s.tars.io/v1beta2', kind: 'TServer', name: 'tars-other' };
    const other = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'not-this' };
    await mutateReview(
      created('StatefulSet', statefulSet({ metadata: { ownerReferences: [other, owner, owner] } })),
      deps,
    );
    expect(fetched).to.deep.equal([`${NAMESPACE}/tars-other`, `${NAMESPACE}/${NAME}`]);
    expect(liveGets).to.deep.equal(['missing', 'missing']);
  });

  it('asks for two names at most, however many owners are written', async () => {
    const { deps, fetched } = spy();
    const ownerReferences = Array.from({ length: 1000 }, (_, index) => ({
      apiVersion: 'k8s.tars.io/v1beta3',
      kind: 'TServer',
      name: `a-${index}`,
    }));
    await mutateReview(created('StatefulSet', statefulSet({ metadata: { ownerReferences } })), deps);
    expect(fetched).to.have.length(2);
  });

  it('asks nobody when the cache has it, at UPDATE, and for what has no name yet', async () => {
    const hit = spy([server]);
    await mutateReview(created('StatefulSet', set), hit.deps);
    const miss = spy();
    await mutateReview(updated('StatefulSet', set, stored(set)), miss.deps);
    const { name: _name, ...unnamed } = { ...set.metadata, generateName: 'x-' };
    await mutateReview(created('StatefulSet', { ...set, metadata: unnamed }), miss.deps);
    expect([...hit.fetched, ...miss.fetched]).to.deep.equal([]);
  });

  it('does not take a failure for a miss: its list would be missing for good', async () => {
    const broken = spy([], {
      fetchTServer: () => Promise.reject(new Error(`TServer ${NAMESPACE}/${NAME}: deadline of 1000 ms`)),
    });
    const refused: unknown = await mutateReview(created('StatefulSet', set), broken.deps).catch(
      (error: unknown) => error,
    );
    expect(refused)
      .to.be.instanceOf(HttpError)
      .and.include({
        status: 503,
        uid: UID,
        message: `cannot look for the TServer of the StatefulSet: TServer ${NAMESPACE}/${NAME}: deadline of 1000 ms; apply again`,
      });
    expect(broken.liveGets).to.deep.equal(['error']);
    expect(await mutateReview(updated('StatefulSet', set, set), broken.deps)).to.deep.equal(UNTOUCHED);
  });
});
