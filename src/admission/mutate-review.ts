import { mutateClaim } from '../mutate/claim.ts';
import { mutateStatefulSet } from '../mutate/statefulset.ts';
import { readClaim, readStatefulSet } from '../validate/read.ts';
import { allow, allowChanged, type Answer } from './answer.ts';
import { auditClaim, auditStatefulSet } from './audit.ts';
import type { AdmissionDeps } from './deps.ts';
import { findTServer } from './find-tserver.ts';
import type { AdmissionRequest } from './review.ts';
import { readStored } from './stored.ts';
import { isExamined, subjectOf } from './subject.ts';

/**
 * The answer of the mutating webhook: never a denial. What has the wrong shape is passed through, because
 * refusing is the validating webhook's part, and of foreign objects the API server's own.
 */
export async function mutateReview(request: AdmissionRequest, deps: AdmissionDeps): Promise<Answer> {
  if (!isExamined(request)) return allow(request);
  switch (subjectOf(request)) {
    case 'StatefulSet':
      return await mutateSet(request, deps);
    case 'PersistentVolumeClaim':
      return mutateOneClaim(request, deps);
    case 'TServer':
    case 'other':
      return allow(request);
  }
}

async function mutateSet(request: AdmissionRequest, deps: AdmissionDeps): Promise<Answer> {
  const read = readStatefulSet(request.object);
  const old = readStored(request, readStatefulSet);
  if (!read.ok || old?.ok === false) return allow(request);
  const server = await findTServer(read.object, request, deps);
  const { object, warnings } = mutateStatefulSet(read.object, {
    namespace: request.namespace ?? '',
    settings: deps.settings,
    server,
    old: old?.object,
  });
  const audit = auditStatefulSet(read.object, object, server);
  return allowChanged(request, { before: read.object, after: object }, { warnings, audit });
}

function mutateOneClaim(request: AdmissionRequest, { settings }: AdmissionDeps): Answer {
  const read = readClaim(request.object);
  const old = readStored(request, readClaim);
  if (!read.ok || old?.ok === false) return allow(request);
  const namespace = request.namespace ?? '';
  const after = mutateClaim(read.object, { namespace, settings, old: old?.object });
  return allowChanged(request, { before: read.object, after }, { audit: auditClaim(read.object, after) });
}
