import { formatPath, type Finding } from '../tars/finding.ts';
import { valueAt } from '../tars/json.ts';
import { ruleOf } from '../validate/catalogue.ts';
import type { AdmissionRequest } from './review.ts';

/** metav1.Status as far as we write it. */
export interface Status {
  readonly status: 'Failure';
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: StatusDetails;
}

interface StatusDetails {
  readonly name: string;
  readonly group: string;
  readonly kind: string;
  readonly causes: readonly StatusCause[];
}

interface StatusCause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

const MOST_CAUSES = 100;

/** The Status of a denial, as the API server itself writes it for an invalid object: kubectl prints its causes as a list. */
export function denialStatus(request: AdmissionRequest, violations: readonly Finding[]): Status {
  const { kind, group } = request.kind;
  const name = objectName(request);
  const causes = causesOf(violations);
  const listed = causes.map(({ field, message }) => `${field}: ${message}`).join(', ');
  const qualified = group ? `${kind}.${group}` : kind;
  return {
    status: 'Failure',
    code: 422,
    reason: 'Invalid',
    message: `${qualified} ${JSON.stringify(name)} is invalid: ${listed}`,
    details: { name, group: group ?? '', kind, causes },
  };
}

/** The name of the request's object; what is to be named by the API server shows the beginning of its name. */
export function objectName({ name, object }: AdmissionRequest): string {
  if (name) return name;
  const given = valueAt(object, ['metadata', 'name']) ?? valueAt(object, ['metadata', 'generateName']);
  return typeof given === 'string' ? given : '';
}

function causesOf(violations: readonly Finding[]): StatusCause[] {
  if (violations.length <= MOST_CAUSES) return violations.map(causeOf);
  // One place is kept to say how many are not there.
  const shown = violations.slice(0, MOST_CAUSES - 1).map(causeOf);
  const left = violations.length - shown.length;
  const message = `${left} more violations are not listed; mend these first, or see all of them with tlv check`;
  return [...shown, { reason: 'FieldValueInvalid', field: 'object', message }];
}

function causeOf({ code, path, message }: Finding): StatusCause {
  return {
    reason: ruleOf(code).reason,
    field: formatPath(path) || 'object',
    message: `${message} (${code})`,
  };
}
