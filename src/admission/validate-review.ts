import type { Finding } from '../tars/finding.ts';
import type { TServer } from '../tars/tserver.ts';
import { validateClaim } from '../validate/claim.ts';
import { warnLateTServer } from '../validate/late-tserver.ts';
import { looksOptedIn } from '../validate/opted-in.ts';
import { readClaim, readStatefulSet, readTServer, type Read } from '../validate/read.ts';
import { validateStatefulSet } from '../validate/statefulset.ts';
import { validateTServer } from '../validate/tserver.ts';
import { ACCEPTED, ratchet, type Verdict } from '../validate/verdict.ts';
import { allow, deny, type Answer } from './answer.ts';
import type { AdmissionDeps } from './deps.ts';
import { findTServer } from './find-tserver.ts';
import { messageOf } from '../tars/message-of.ts';
import type { AdmissionRequest } from './review.ts';
import { readStored } from './stored.ts';
import { isExamined, subjectOf } from './subject.ts';

/** The answer of the validating webhook: every violation at once, or a pass with warnings. */
export async function validateReview(request: AdmissionRequest, deps: AdmissionDeps): Promise<Answer> {
  const { violations, warnings } = isExamined(request) ? await judge(request, deps) : ACCEPTED;
  return violations.length > 0 ? deny(request, violations, { warnings }) : allow(request, { warnings });
}

function judge(request: AdmissionRequest, deps: AdmissionDeps): Verdict | Promise<Verdict> {
  switch (subjectOf(request)) {
    case 'StatefulSet':
      return judgeSet(request, deps);
    case 'PersistentVolumeClaim':
      return judgeClaim(request, deps);
    case 'TServer':
      return judgeTServer(request, deps);
    case 'other':
      return ACCEPTED;
  }
}

async function judgeSet(request: AdmissionRequest, deps: AdmissionDeps): Promise<Verdict> {
  const read = readStatefulSet(request.object);
  const old = readStored(request, readStatefulSet);
  if (!read.ok) return judgeShape(request, deps, read.violations, old);
  const server = await findTServer(read.object, request, deps);
  return validateStatefulSet(read.object, {
    namespace: request.namespace ?? '',
    settings: deps.settings,
    server,
    old: objectOf(old),
  });
}

function judgeClaim(request: AdmissionRequest, deps: AdmissionDeps): Verdict {
  const read = readClaim(request.object);
  const old = readStored(request, readClaim);
  if (!read.ok) return judgeShape(request, deps, read.violations, old);
  const { settings } = deps;
  return validateClaim(read.object, { namespace: request.namespace ?? '', settings, old: objectOf(old) });
}

async function judgeTServer(request: AdmissionRequest, deps: AdmissionDeps): Promise<Verdict> {
  const read = readTServer(request.object);
  const old = readStored(request, readTServer);
  if (!read.ok) return ratchet(read.violations, old?.ok === false ? old.violations : []);
  const { settings } = deps;
  const namespace = request.namespace ?? '';
  const verdict = validateTServer(read.object, { namespace, settings, old: objectOf(old) });
  if (old || verdict.violations.length > 0) return verdict;
  const late = await warnIfLate(read.object, request, deps);
  return { ...verdict, warnings: [...verdict.warnings, ...late] };
}

/** The API server has checked the types of its own kinds already; a foreign object is never ours to block. */
function judgeShape(
  { object }: AdmissionRequest,
  { settings }: AdmissionDeps,
  violations: readonly Finding[],
  old: Read<unknown> | undefined,
): Verdict {
  if (!looksOptedIn(object, settings)) return ACCEPTED;
  return ratchet(violations, old?.ok === false ? old.violations : []);
}

/** A StatefulSet that came before its TServer has its list already; its owner is told what to do. */
async function warnIfLate(
  server: TServer,
  { uid, namespace }: AdmissionRequest,
  { findStatefulSet, log }: AdmissionDeps,
): Promise<Finding[]> {
  const name = server.metadata?.name;
  if (!findStatefulSet || !namespace || !name) return [];
  try {
    const set = await findStatefulSet(namespace, name);
    return set ? warnLateTServer(server, set, namespace) : [];
  } catch (error) {
    log.warn(
      { uid, namespace, name, error: messageOf(error) },
      'StatefulSet look-up failed; nobody is warned',
    );
    return [];
  }
}

const objectOf = <T>(read: Read<T> | undefined): T | undefined => (read?.ok ? read.object : undefined);
