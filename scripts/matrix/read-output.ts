/** What is read of a tier: the rest of a result is known beforehand. */
export interface TierOutcome {
  readonly tier: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failing: readonly string[];
}

const BEGIN = /^# ([\w-]+): \w/;
const END = /^# ([\w-]+): (\d+) passed, (\d+) failed, (\d+) skipped \(/;

/** Reads what scripts/test.ts has printed. A tier that never came to its end is not among the outcomes. */
export function readOutput(output: string): TierOutcome[] {
  const outcomes: TierOutcome[] = [];
  let lines: string[] = [];
  for (const line of output.split('\n')) {
    const [, tier, passed, failed, skipped] = END.exec(line) ?? [];
    if (tier !== undefined) {
      outcomes.push({
        tier,
        passed: Number(passed),
        failed: Number(failed),
        skipped: Number(skipped),
        failing: failingTests(lines),
      });
    }
    if (tier !== undefined || BEGIN.test(line)) lines = [];
    else lines.push(line);
  }
  return outcomes;
}

/** Mocha tells at its end what failed: a number, then the titles, a line each, the last with a colon. */
function failingTests(lines: readonly string[]): string[] {
  const summary = lines.findIndex((line) => /^ {2}\d+ failing$/.test(line));
  if (summary === -1) return [];
  const tests: string[] = [];
  let titles: string[] | undefined;
  for (const line of lines.slice(summary + 1)) {
    const first = /^ {2}\d+\) (.*)$/.exec(line)?.[1];
    if (first !== undefined) titles = [];
    if (titles === undefined) continue;
    const title = first ?? line.trim();
    titles.push(title.replace(/:$/, ''));
    if (title.endsWith(':')) {
      tests.push(titles.join(' › '));
      titles = undefined;
    }
  }
  return tests;
}
