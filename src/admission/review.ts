import * as z from 'zod';
import { formatPath } from '../tars/finding.ts';
import { isRecord, valueAt } from '../tars/json.ts';

export const REVIEW_KIND = 'AdmissionReview';
export const REVIEW_API_VERSION = 'admission.k8s.io/v1';

const LONGEST_UID = 253;
const MOST_ISSUES = 3;

const text = z.string();
const name = z.string().nullish();
/** The very object that came in and no copy: mutation relies on sharing what it does not change. */
const object = z.custom<Record<string, unknown>>(isRecord, 'must be a map').nullish();

const request = z
  .object({
    uid: text.min(1).max(LONGEST_UID),
    kind: z.object({ group: name, version: text, kind: text }),
    resource: z.object({ group: name, version: text, resource: text }),
    subResource: name,
    operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    name,
    namespace: name,
    object,
    oldObject: object,
    dryRun: z.boolean().nullish(),
    userInfo: z.object({ username: name }).nullish(),
  })
  .check(({ value, issues }) => {
    const wanted = { CREATE: ['object'], UPDATE: ['object', 'oldObject'], DELETE: [], CONNECT: [] } as const;
    for (const field of wanted[value.operation]) {
      if (!value[field]) {
        const message = `must be a map when the operation is ${value.operation}`;
        issues.push({ code: 'custom', input: value, path: [field], message });
      }
    }
  });

/** The request of an AdmissionReview, admission.k8s.io/v1, with the fields that we read. */
export type AdmissionRequest = z.infer<typeof request>;

/** What was sent is no AdmissionReview that we can answer; the reason is for the caller's log. */
export class BadReview extends Error {
  override readonly name = 'BadReview';
  /** Of the request, where it has one. */
  readonly uid: string | undefined;

  constructor(message: string, uid: string | undefined) {
    super(message);
    this.uid = uid;
  }
}

/**
 * The edge: checked once here and trusted from here on.
 * @throws BadReview with the reason.
 */
export function parseReview(json: unknown): AdmissionRequest {
  const uid = uidOf(json);
  const fault = faultOf(json);
  if (fault) throw new BadReview(fault, uid);
  const parsed = request.safeParse(valueAt(json, ['request']));
  if (parsed.success) return parsed.data;
  throw new BadReview(`the AdmissionReview is malformed: ${describe(parsed.error.issues)}`, uid);
}

function faultOf(json: unknown): string | undefined {
  if (!isRecord(json) || json.kind !== REVIEW_KIND) {
    return `the body is no ${REVIEW_KIND}: its kind is ${shown(valueAt(json, ['kind']))}`;
  }
  if (json.apiVersion === REVIEW_API_VERSION) return undefined;
  return `${REVIEW_KIND} of apiVersion ${shown(json.apiVersion)} is not supported; configure admissionReviewVersions: ["v1"], which is ${REVIEW_API_VERSION}`;
}

function uidOf(json: unknown): string | undefined {
  const uid = valueAt(json, ['request', 'uid']);
  return typeof uid === 'string' && uid !== '' ? uid.slice(0, LONGEST_UID) : undefined;
}

function describe(issues: readonly z.core.$ZodIssue[]): string {
  const lines = issues
    .slice(0, MOST_ISSUES)
    .map(({ path, message }) => `${formatPath(['request', ...path.map(pathStep)])}: ${message}`);
  const left = issues.length - lines.length;
  return left > 0 ? `${lines.join('; ')}; and ${left} more` : lines.join('; ');
}

const pathStep = (step: PropertyKey): string | number => (typeof step === 'number' ? step : String(step));

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : `of type ${typeof value}`;
}
