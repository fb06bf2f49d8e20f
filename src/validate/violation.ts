import type { Finding, Path } from '../tars/finding.ts';
import { ruleOf, type Reason, type RuleCode } from './catalogue.ts';

/** How the Kubernetes API begins a message of each reason (field.Error). */
const PREFIX: Record<Reason, string> = {
  FieldValueInvalid: 'Invalid value',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueForbidden: 'Forbidden',
  FieldValueNotFound: 'Not found',
  FieldValueNotSupported: 'Unsupported value',
};

const LONGEST_VALUE = 80;

/**
 * A violation of one rule at one field.
 * @param value the bad value; undefined where the field is missing.
 * @param detail what the rule is and how to mend it, for after the colon.
 */
export function violation(code: RuleCode, path: Path, value: unknown, detail: string): Finding {
  const { reason } = ruleOf(code);
  const hasValue = value !== undefined && reason !== 'FieldValueRequired';
  const head = hasValue ? `${PREFIX[reason]}: ${showValue(value)}` : PREFIX[reason];
  const message = `${head}: ${detail}`;
  // Scalars only: a whole tree in a finding would be printed, compared and sent around.
  return value === undefined || typeof value === 'object'
    ? { code, path, message }
    : { code, path, value, message };
}

/** A value as JSON on one line, cut where it is long. */
export function showValue(value: unknown): string {
  // A cut copy first: a huge value would be printed in full only to be thrown away.
  const text =
    typeof value === 'string' ? JSON.stringify(value.slice(0, LONGEST_VALUE + 1)) : safeJson(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

function safeJson(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value !== null && typeof value === 'object') return `a map of ${Object.keys(value).length}`;
  return String(value);
}
