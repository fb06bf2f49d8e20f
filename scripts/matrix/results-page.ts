import { minorOf, type TierResult } from './tier-result.ts';

/*
 * The results live in the page itself, between two comments. What is between them is only ever written here; the rest
 * of the page is written by hand and stays as it is.
 */
const BEGIN = '<!-- results: written by `npm run test:matrix`, do not edit -->';
const END = '<!-- end of results -->';

const SEPARATOR = ' — ';

/** The page with these results; those of other versions, and of other tiers, stay. */
export function withResults(page: string, fresh: readonly TierResult[]): string {
  const { before, between, after } = parts(page);
  const kept = readResults(between).filter((old) => !fresh.some((result) => isSameCell(old, result)));
  return [before, BEGIN, '', ...render([...kept, ...fresh]), '', END, after].join('\n');
}

/** The results that the page holds. */
export function resultsOf(page: string): TierResult[] {
  return readResults(parts(page).between);
}

function parts(page: string): { before: string; between: string; after: string } {
  const lines = page.split('\n');
  const begin = lines.indexOf(BEGIN);
  const end = lines.indexOf(END);
  if (begin === -1 || end < begin) {
    throw new Error(`the page has no place for results: a line ${BEGIN} and, below it, a line ${END}`);
  }
  return {
    before: lines.slice(0, begin).join('\n'),
    between: lines.slice(begin + 1, end).join('\n'),
    after: lines.slice(end + 1).join('\n'),
  };
}

const isSameCell = (a: TierResult, b: TierResult): boolean =>
  a.tier === b.tier && minorOf(a.kubernetes) === minorOf(b.kubernetes);

function render(results: readonly TierResult[]): string[] {
  const sorted = [...results].sort(newestFirst);
  const rows = sorted.map(({ kubernetes, tier, passed, failed, skipped, date }) =>
    row([kubernetes, tier, passed, failed, skipped, date]),
  );
  const failing = sorted.flatMap(({ kubernetes, tier, failing: tests }) =>
    tests.map((test) => `- ${[kubernetes, tier, inCode(test)].join(SEPARATOR)}`),
  );
  return [
    row(['Kubernetes', 'tier', 'passed', 'failed', 'skipped', 'tried on']),
    row(['---', '---', '--:', '--:', '--:', '---']),
    ...rows,
    '',
    ...(failing.length > 0 ? ['Failing tests:', '', ...failing] : ['No test fails.']),
  ];
}

function newestFirst(a: TierResult, b: TierResult): number {
  return b.kubernetes.localeCompare(a.kubernetes, 'en', { numeric: true }) || a.tier.localeCompare(b.tier);
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

/** Titles of tests hold anything; between more backticks than they have in a row they mean nothing. */
function inCode(title: string): string {
  const longest = Math.max(0, ...(title.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${title}${fence}` : `${fence} ${title} ${fence}`;
}

function readResults(text: string): TierResult[] {
  const lines = text.split('\n');
  const failing = lines.flatMap((line) => {
    const [, kubernetes, tier, title] = /^- (\S+) — (\S+) — `+ ?(.*?) ?`+$/.exec(line) ?? [];
    return title === undefined ? [] : [{ kubernetes, tier, title }];
  });
  return lines.flatMap((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [kubernetes = '', tier = '', passed, failed, skipped, date = ''] = cells;
    if (!/^\d+\.\d+\.\d+$/.test(kubernetes)) return [];
    const own = failing.filter((test) => test.kubernetes === kubernetes && test.tier === tier);
    return {
      kubernetes,
      tier,
      passed: Number(passed),
      failed: Number(failed),
      skipped: Number(skipped),
      failing: own.map(({ title }) => title),
      date,
    };
  });
}
