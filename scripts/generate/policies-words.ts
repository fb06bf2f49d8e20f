import { formatPath, type Finding, type Path } from '../../src/tars/finding.ts';
import { ruleOf, type RuleCode } from '../../src/validate/catalogue.ts';
import { text } from './policies-cel.ts';

/** Stand in a sample for values; no pattern of ours allows them, and no message holds them otherwise. */
export const VALUE = '\u{E000}';
export const OTHER = '\u{E001}';

/** What replaces a text of the sample's message: the CEL of the real value. */
export type Substitutions = Readonly<Record<string, string>>;

/** Where the bad value is: CEL for each text that stands for something, and for each list index of the path. */
export interface Place {
  readonly values?: Substitutions;
  readonly indexes?: readonly string[];
}

/**
 * What the webhook says of a sample, as a CEL expression that says it of the real object: the words are
 * the rule's own, so they cannot drift apart.
 */
export function wordsOf(code: RuleCode, findings: readonly Finding[], place: Place = {}): string {
  const finding = findings.find((candidate) => candidate.code === code);
  if (!finding) throw new Error(`the sample for ${code} does not break it`);
  return words(code, finding.path, finding.message, place);
}

/** Longer than any index that a message could hold otherwise. */
const INDEX_MARK = 9_876_500;

/** The same for a message of our own, where only a policy has something to say. */
export function words(
  code: RuleCode,
  path: Path,
  message: string,
  { values = {}, indexes = [] }: Place = {},
): string {
  let count = 0;
  const marked = path.map((step) => (typeof step === 'number' ? INDEX_MARK + count++ : step));
  if (count !== indexes.length) throw new Error(`${code}: ${count} indexes in ${formatPath(path)}`);
  const all = new Map(Object.entries(values));
  for (const [place, cel] of indexes.entries()) all.set(String(INDEX_MARK + place), `string(${cel})`);
  return substitute(`${code} ${formatPath(marked)}: ${message}`, all);
}

/** For a message that cannot be made, because the value is too long or no text at all. */
export function plainWords(code: RuleCode): string {
  const { name, protects, remedy } = ruleOf(code);
  return `${code} ${name}: ${protects} ${remedy}`;
}

function substitute(whole: string, substitutions: ReadonlyMap<string, string>): string {
  let parts: { cel: string; isDone: boolean }[] = [{ cel: whole, isDone: false }];
  for (const [key, value] of substitutions) {
    parts = parts.flatMap((part) =>
      part.isDone
        ? [part]
        : part.cel
            .split(key)
            .flatMap((piece, index) => [
              ...(index === 0 ? [] : [{ cel: value, isDone: true }]),
              { cel: piece, isDone: false },
            ]),
    );
  }
  return parts
    .filter(({ cel }) => cel !== '')
    .map(({ cel, isDone }) => (isDone ? cel : text(cel)))
    .join(' + ');
}
