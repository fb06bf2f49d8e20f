import { patchBetween } from '../mutate/patch.ts';
import type { Code, Finding } from '../tars/finding.ts';
import { denialStatus, type Status } from './denial.ts';
import { REVIEW_API_VERSION, REVIEW_KIND, type AdmissionRequest } from './review.ts';
import { warningTexts } from './warnings.ts';

/** `response` of an AdmissionReview, admission.k8s.io/v1. */
export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: Status;
  readonly patchType?: 'JSONPatch';
  /** JSON Patch in base64; absent when nothing is to be changed. */
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

/** A response, and what metrics and log say of it. */
export interface Answer {
  readonly response: AdmissionResponse;
  readonly outcome: 'allowed' | 'patched' | 'denied';
  /** Codes of the violations, once for each. */
  readonly violations: readonly Code[];
}

/** What goes with a response besides its verdict. */
interface Remarks {
  readonly warnings?: readonly Finding[];
  readonly audit?: Readonly<Record<string, string>>;
}

/** Let through as it is. */
export function allow({ uid }: AdmissionRequest, remarks: Remarks = {}): Answer {
  return { response: { uid, allowed: true, ...remarkFields(remarks) }, outcome: 'allowed', violations: [] };
}

/** Let through with what the mutation changed; plainly let through when that is nothing. */
export function allowChanged(
  request: AdmissionRequest,
  { before, after }: { readonly before: object; readonly after: object },
  remarks: Remarks = {},
): Answer {
  const operations = patchBetween(before, after);
  const answer = allow(request, remarks);
  if (operations.length === 0) return answer;
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { ...answer, response: { ...answer.response, patchType: 'JSONPatch', patch }, outcome: 'patched' };
}

/** Refused for these violations, of which there is at least one. */
export function deny(
  request: AdmissionRequest,
  violations: readonly Finding[],
  { warnings = [], audit = {} }: Remarks = {},
): Answer {
  const codes = violations.map(({ code }) => code);
  const named = { ...audit, violations: [...new Set(codes)].join(', ') };
  return {
    response: {
      uid: request.uid,
      allowed: false,
      status: denialStatus(request, violations),
      ...remarkFields({ warnings, audit: named }),
    },
    outcome: 'denied',
    violations: codes,
  };
}

/** The AdmissionReview that carries a response. */
export function reviewOf(response: AdmissionResponse): object {
  return { apiVersion: REVIEW_API_VERSION, kind: REVIEW_KIND, response };
}

function remarkFields({ warnings = [], audit = {} }: Remarks): Partial<AdmissionResponse> {
  return {
    ...(warnings.length > 0 ? { warnings: warningTexts(warnings) } : {}),
    ...(Object.keys(audit).length > 0 ? { auditAnnotations: audit } : {}),
  };
}
