import { expect } from 'chai';
import { BadReview, parseReview } from '../../../src/admission/review.ts';
import { statefulSet } from '../builders.ts';
import { review, UID } from './requests.ts';

const set = statefulSet();
const good = review('StatefulSet', 'CREATE', set) as { request: Record<string, unknown> };
const withRequest = (change: object) => ({ ...good, request: { ...good.request, ...change } });

/** What was sent, the whole reason, and whether the uid could be read. */
const JUNK: readonly [title: string, json: unknown, reason: string, uid?: string][] = [
  ['null', null, 'the body is no AdmissionReview: its kind is missing'],
  ['a list', [], 'the body is no AdmissionReview: its kind is missing'],
  ['a number', 7, 'the body is no AdmissionReview: its kind is missing'],
  ['another kind', { kind: 'Pod', apiVersion: 'v1' }, 'the body is no AdmissionReview: its kind is "Pod"'],
  ['a kind that is a map', { kind: {} }, 'the body is no AdmissionReview: its kind is of type object'],
  [
    'v1beta1',
    { ...good, apiVersion: 'admission.k8s.io/v1beta1' },
    'AdmissionReview of apiVersion "admission.k8s.io/v1beta1" is not supported; configure admissionReviewVersions: ["v1"], which is admission.k8s.io/v1',
    UID,
  ],
  [
    'no version',
    { kind: 'AdmissionReview' },
    'AdmissionReview of apiVersion missing is not supported; configure admissionReviewVersions: ["v1"], which is admission.k8s.io/v1',
  ],
  [
    'no request',
    { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' },
    'the AdmissionReview is malformed: request: Invalid input: expected object, received undefined',
  ],
  [
    'an empty request',
    { ...good, request: {} },
    'the AdmissionReview is malformed: request.uid: Invalid input: expected string, received undefined; request.kind: Invalid input: expected object, received undefined; request.resource: Invalid input: expected object, received undefined; and 1 more',
  ],
  [
    'an empty uid',
    withRequest({ uid: '' }),
    'the AdmissionReview is malformed: request.uid: Too small: expected string to have >=1 characters',
  ],
  [
    'an unknown operation',
    withRequest({ operation: 'PATCH' }),
    'the AdmissionReview is malformed: request.operation: Invalid option: expected one of "CREATE"|"UPDATE"|"DELETE"|"CONNECT"',
    UID,
  ],
  [
    'an object that is a string',
    withRequest({ object: 'StatefulSet' }),
    'the AdmissionReview is malformed: request.object: must be a map',
    UID,
  ],
  [
    'an object that is a list',
    withRequest({ object: [] }),
    'the AdmissionReview is malformed: request.object: must be a map',
    UID,
  ],
  [
    'CREATE without an object',
    withRequest({ object: null }),
    'the AdmissionReview is malformed: request.object: must be a map when the operation is CREATE',
    UID,
  ],
  [
    'UPDATE without the old object',
    withRequest({ operation: 'UPDATE' }),
    'the AdmissionReview is malformed: request.oldObject: must be a map when the operation is UPDATE',
    UID,
  ],
  [
    'a namespace that is a number',
    withRequest({ namespace: 1 }),
    'the AdmissionReview is malformed: request.namespace: Invalid input: expected string, received number',
    UID,
  ],
  [
    'a dryRun that is a string',
    withRequest({ dryRun: 'true' }),
    'the AdmissionReview is malformed: request.dryRun: Invalid input: expected boolean, received string',
    UID,
  ],
];

describe('AdmissionReview', () => {
  it('is read with the very object that came in', () => {
    const request = parseReview(good);
    expect(request.object).to.equal(set);
    expect(request.uid).to.equal(UID);
    expect(request.operation).to.equal('CREATE');
  });

  it('needs no object to delete or connect', () => {
    for (const operation of ['DELETE', 'CONNECT']) {
      expect(parseReview(review('StatefulSet', operation, null)).operation).to.equal(operation);
    }
  });

  it('may leave out what Go leaves out when it is empty', () => {
    const { uid, kind, resource, operation, object } = good.request;
    expect(parseReview({ ...good, request: { uid, kind, resource, operation, object } }).namespace).to.equal(
      undefined,
    );
  });

  for (const [title, json, reason, uid] of JUNK) {
    it(`is refused: ${title}`, () => {
      const thrown = thrownBy(() => parseReview(json));
      expect(thrown.message).to.equal(reason);
      expect(thrown.uid).to.equal(uid);
    });
  }
});

function thrownBy(action: () => void): BadReview {
  try {
    action();
  } catch (error) {
    if (error instanceof BadReview) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
