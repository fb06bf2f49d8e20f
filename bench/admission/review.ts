/** What an API server sends for the creation of this StatefulSet. */
export const reviewText = (statefulSet: string): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '7c0a3c0e-6a4b-4f0e-9d6e-2d0c0b1c7a11',
      kind: { group: 'apps', version: 'v1', kind: 'StatefulSet' },
      resource: { group: 'apps', version: 'v1', resource: 'statefulsets' },
      requestKind: { group: 'apps', version: 'v1', kind: 'StatefulSet' },
      requestResource: { group: 'apps', version: 'v1', resource: 'statefulsets' },
      name: 'tars-tarslog',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
      object: JSON.parse(statefulSet) as object,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  });

/** What a webhook answers that changes something: a patch, as text. */
export const answerText = (uid: string, patch: string): string =>
  answer({ uid, allowed: true, patchType: 'JSONPatch', patch: Buffer.from(patch).toString('base64') });

/** The same of one that only says yes. */
export const approvalText = (uid: string): string => answer({ uid, allowed: true });

const answer = (response: object): string =>
  JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });
