/**
 * A text that is one JSON object after another (`kubectl get -o json`, jq, one object a line), cut into
 * objects and the blanks around them; undefined for everything else, which is then read as YAML.
 */
export function splitJson(text: string): string[] | undefined {
  if (!/^\uFEFF?\s*\{/.test(text)) return undefined;
  const chunks: string[] = [];
  let start = 0;
  while (start < text.length) {
    const blank = /^[\s\uFEFF]*/.exec(text.slice(start))?.[0] ?? '';
    if (blank !== '') {
      chunks.push(blank);
      start += blank.length;
      continue;
    }
    const end = endOfObject(text, start);
    if (end === undefined || !isJson(text.slice(start, end))) return undefined;
    chunks.push(text.slice(start, end));
    start = end;
  }
  return chunks;
}

function endOfObject(text: string, start: number): number | undefined {
  if (text[start] !== '{') return undefined;
  let depth = 0;
  // Whole strings at once, so that braces in them do not count.
  const token = /"(?:[^"\\]|\\.)*"|[{}]/gs;
  token.lastIndex = start;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    if (match[0] === '{') depth += 1;
    if (match[0] === '}') depth -= 1;
    if (depth === 0) return token.lastIndex;
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
