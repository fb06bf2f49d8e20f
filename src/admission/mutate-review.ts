import { mutateClaim } from '../mutate/claim.ts';
import { mutateStatefulSet } from '../mutate/statefulset.ts';
import { readClaim, readStatefulSet, readTServer } from '../validate/read.ts';
import { validateClaim } from '../validate/claim.ts';
import { validateStatefulSet } from '../validate/statefulset.ts';
import { validateTServer } from '../validate/tserver.ts';
import { allow, allowChanged, deny, type Answer } from './answer.ts';
import { auditClaim, auditStatefulSet } from './audit.ts';
import type { AdmissionDeps } from './deps.ts';
import { findTServer } from './find-tserver.ts';
import type { AdmissionRequest } from './review.ts';
import { readStored } from './stored.ts';
import { isExamined, subjectOf } from './subject.ts';

/**
 * The answer of the mutating webhook. It refuses as well, by the same rules as the validating one: between
 * the two stand the CRD schema and the policies, which say one thing at a time where this says all at once.
 * What has the wrong shape is passed through to those who judge shapes.
 */
export async function mutateReview(request: AdmissionRequest, deps: AdmissionDeps): Promise<Answer> {
  if (!isExamined(request)) return allow(request);
  switch (subjectOf(request)) {
    case 'StatefulSet':
      return await mutateSet(request, deps);
    case 'PersistentVolumeClaim':
      return mutateOneClaim(request, deps);
    case 'TServer':
      return judgeTServer(request, deps);
    case 'other':
      return allow(request);
  }
}

async function mutateSet(request: AdmissionRequest, deps: AdmissionDeps): Promise<Answer> {
  const read = readStatefulSet(request.object);
  const old = readStored(request, readStatefulSet);
  if (!read.ok || old?.ok === false) return allow(request);
  const server = await findTServer(read.object, request, deps);
  const namespace = request.namespace ?? '';
  const context = { namespace, settings: deps.settings, server, old: old?.object };
  const { object, warnings } = mutateStatefulSet(read.object, context);
  const { violations } = validateStatefulSet(object, context);
  if (violations.length > 0) return deny(request, violations);
  const audit = auditStatefulSet(read.object, object, server);
  return allowChanged(request, { before: read.object, after: object }, { warnings, audit });
}

function mutateOneClaim(request: AdmissionRequest, { settings }: AdmissionDeps): Answer {
  const read = readClaim(request.object);
  const old = readStored(request, readClaim);
  if (!read.ok || old?.ok === false) return allow(request);
  const namespace = request.namespace ?? '';
  const context = { namespace, settings, old: old?.object };
  const after = mutateClaim(read.object, context);
  const { violations } = validateClaim(after, context);
  if (violations.length > 0) return deny(request, violations);
  return allowChanged(request, { before: read.object, after }, { audit: auditClaim(read.object, after) });
}

/** A TServer is stored as it was written, or not at all. */
function judgeTServer(request: AdmissionRequest, { settings }: AdmissionDeps): Answer {
  const read = readTServer(request.object);
  const old = readStored(request, readTServer);
  if (!read.ok || old?.ok === false) return allow(request);
  const namespace = request.namespace ?? '';
  const { violations } = validateTServer(read.object, { namespace, settings, old: old?.object });
  return violations.length > 0 ? deny(request, violations) : allow(request);
}
