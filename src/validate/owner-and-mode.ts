import type { Finding, Path } from '../tars/finding.ts';
import { ID_PATTERN, MODE_PATTERNS } from '../tars/patterns.ts';
import type { Settings } from '../tars/settings.ts';
import { ANNOTATION } from '../tars/vocabulary.ts';
import { showValue, violation } from './violation.ts';

const ID = new RegExp(ID_PATTERN);
const MODE = { seed: new RegExp(MODE_PATTERNS.seed), posix: new RegExp(MODE_PATTERNS.posix) };

/** uid and gid of a directory: what chown is given. */
export function checkId(kind: 'uid' | 'gid', path: Path, value: unknown): Finding[] {
  if (typeof value === 'string' && ID.test(value)) return [];
  const code = kind === 'uid' ? 'TLV301' : 'TLV302';
  const rule = `must be a whole number from 0 to 999999 as a string of ASCII digits without sign, space or leading zero (${ID_PATTERN})`;
  return [violation(code, path, value, `${rule}; ${quoteAdvice(kind, value, ID, '1000')}`)];
}

/** Mode of a directory, by the pattern that the settings choose. */
export function checkMode(path: Path, value: unknown, { modePattern }: Settings): Finding[] {
  if (typeof value === 'string' && MODE[modePattern].test(value)) return [];
  const digits = modePattern === 'seed' ? 'three octal digits from 1 to 7' : 'three octal digits from 0 to 7';
  const rule = `must be ${digits}, with at most one leading 0, as a string (${MODE_PATTERNS[modePattern]})`;
  const advice =
    typeof value === 'string' && MODE.posix.test(value)
      ? `write a mode without the digit 0, such as "755", or start webhook and agent with --mode-pattern posix, which allows ${showValue(value)}`
      : quoteAdvice('mode', value, MODE[modePattern], '755');
  return [violation('TLV303', path, value, `${rule}; ${advice}`)];
}

/** The three annotations of a template or claim, where they are there. */
export function checkOwnerAnnotations(
  annotations: Record<string, unknown> | null | undefined,
  path: Path,
  settings: Settings,
): Finding[] {
  const given = (key: string, check: (at: Path, value: unknown) => Finding[]): Finding[] =>
    annotations && Object.hasOwn(annotations, key) ? check([...path, key], annotations[key]) : [];
  return [
    ...given(ANNOTATION.uid, (at, value) => checkId('uid', at, value)),
    ...given(ANNOTATION.gid, (at, value) => checkId('gid', at, value)),
    ...given(ANNOTATION.mode, (at, value) => checkMode(at, value, settings)),
  ];
}

function quoteAdvice(field: string, value: unknown, pattern: RegExp, example: string): string {
  if (typeof value !== 'number') return `write ${field}: "${example}", for example`;
  // kubectl reads 0755 as octal, so the number that arrives is 493.
  const spellings = field === 'mode' ? [String(value), value.toString(8)] : [String(value)];
  const text = spellings.find((spelling) => pattern.test(spelling)) ?? example;
  return `a number is no string: write it in quotes, ${field}: "${text}"`;
}
