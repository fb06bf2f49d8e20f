/** Go's filepath.Match, by which the static provisioner chooses names: `*`, `?`, `[a-z]`, `[^a]` and `\` before any. */

const TOKEN =
  /\\(?<escaped>.)|(?<many>\*)|(?<one>\?)|\[(?<not>\^|(?!\^))(?<set>(?:\\.|[^\]\\])+)\]|(?<plain>[^\\[*?])/gsuy;

/** The pattern as a regular expression; undefined where it is none. */
export function namePattern(pattern: string): RegExp | undefined {
  let [text, end] = ['', 0];
  for (const { 0: token, groups = {} } of pattern.matchAll(TOKEN)) {
    const part = partOf(groups);
    if (part === undefined) return undefined;
    text += part;
    end += token.length;
  }
  return end === pattern.length ? new RegExp(`^${text}$`, 'su') : undefined;
}

function partOf(groups: Readonly<Record<string, string | undefined>>): string | undefined {
  const { escaped, many, one, not = '', set, plain } = groups;
  if (many !== undefined) return '.*';
  if (one !== undefined) return '.';
  if (set !== undefined) return setOf(not, set);
  return hex(escaped ?? plain ?? '');
}

/** Characters and ranges, each with a backslash or without. */
function setOf(not: string, set: string): string | undefined {
  const range = /(?<from>\\.|[^\\])(?:-(?<to>\\.|[^\\]))?/gsu;
  let text = '';
  for (const { groups = {} } of set.matchAll(range)) {
    const [from, to] = [groups['from'], groups['to']].map((part) => part?.replace(/^\\(?=.)/su, ''));
    if (from === '-' && groups['from'] === '-') return undefined;
    if (from !== undefined && to !== undefined && to < from) return undefined;
    text += hex(from ?? '') + (to === undefined ? '' : `-${hex(to)}`);
  }
  return `[${not}${text}]`;
}

const hex = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16) ?? '0'}}`;
