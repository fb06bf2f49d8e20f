import type * as z from 'zod';
import type { Finding, Path } from '../tars/finding.ts';
import { isRecord, valueAt } from '../tars/json.ts';
import { claim, statefulSet, type Claim, type StatefulSet } from '../tars/shapes.ts';
import { tserver, type TServer } from '../tars/tserver.ts';
import { showValue, violation } from './violation.ts';

/** Either the object with the types that the rules rely on, or why it has not got them. */
export type Read<T> =
  { readonly ok: true; readonly object: T } | { readonly ok: false; readonly violations: readonly Finding[] };

/** The edge: whatever JSON came in, each kind is checked once here, and trusted from here on. */
export const readTServer = (json: unknown): Read<TServer> => read(tserver, json);
export const readStatefulSet = (json: unknown): Read<StatefulSet> => read(statefulSet, json);
export const readClaim = (json: unknown): Read<Claim> => read(claim, json);

function read<T>(schema: z.ZodType<T>, json: unknown): Read<T> {
  // The object that came in, not zod's copy of it: mutation relies on sharing what it does not change.
  if (isDeeperThan(DEEPEST, json)) {
    const detail = `is nested more than ${DEEPEST} levels deep, and no Kubernetes object is; check what made it`;
    return { ok: false, violations: [violation('TLV001', [], json, detail)] };
  }
  if (conforms(schema, json)) return { ok: true, object: json };
  const issues = schema.safeParse(json).error?.issues ?? [];
  return { ok: false, violations: issues.map((issue) => shapeViolation(issue, json)) };
}

/** Everything behind the edge may walk an object by recursion. */
const DEEPEST = 200;

/** Plain loops, for this walks every value of every object that comes in; what a prototype may add does no harm here. */
function isDeeperThan(levels: number, json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false;
  if (levels === 0) return true;
  if (isRecord(json)) {
    for (const key in json) if (isDeeperThan(levels - 1, json[key])) return true;
  } else if (Array.isArray(json)) {
    for (const item of json) if (isDeeperThan(levels - 1, item)) return true;
  }
  return false;
}

function conforms<T>(schema: z.ZodType<T>, json: unknown): json is T {
  return schema.safeParse(json).success;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a map',
  record: 'a map',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
};

function shapeViolation(issue: z.core.$ZodIssue, json: unknown): Finding {
  const path: Path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const value = valueAt(json, path);
  const field = path.filter((step) => typeof step === 'string').join('.') || 'the object';
  if (issue.code === 'too_big') {
    const detail = `must have at most ${String(issue.maximum)} items; split the server, or leave some out`;
    return violation('TLV001', path, value, detail);
  }
  const expected =
    issue.code === 'invalid_type' ? (TYPE_NAMES[issue.expected] ?? issue.expected) : 'well formed';
  const got = value === undefined ? 'it is missing' : `it is ${typeName(value)}`;
  return violation('TLV001', path, value, `${field} must be ${expected}, and ${got}; ${adviceFor(value)}`);
}

function adviceFor(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return `where a string is meant, write it in quotes: "${showValue(value)}"`;
  }
  return 'see kubectl explain for the field';
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return TYPE_NAMES[typeof value] ?? typeof value;
}
