import type { Result } from './bench.ts';
import { machineText } from './machine.ts';
import { tableText } from './table.ts';

const begin = (bench: string): string => `<!-- bench ${bench}: written by \`npm run bench -- ${bench}\` -->`;
const end = (bench: string): string => `<!-- end of bench ${bench} -->`;

/** What docs/performance.md shows of a run. */
export function sectionText({
  bench,
  command,
  date,
  machine,
  charts,
  notes = [],
  versions = {},
}: Result): string {
  const others = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    begin(bench),
    '',
    '```',
    charts.map(tableText).join('\n\n'),
    '```',
    '',
    `![the same as a picture](../bench/results/${bench}.svg)`,
    '',
    `\`${command}\` on ${date}: ${[machineText(machine), ...others].join(', ')}.`,
    ...notes.map((note) => `\n${note}`),
    '',
    end(bench),
  ].join('\n');
}

/** The page with this run in place of the one before. */
export function withSection(page: string, result: Result): string {
  const from = page.indexOf(begin(result.bench));
  const to = page.indexOf(end(result.bench));
  if (from === -1 || to < from) {
    throw new Error(
      `docs/performance.md has no place for ${result.bench}: put "${begin(result.bench)}" and "${end(result.bench)}" there`,
    );
  }
  return `${page.slice(0, from)}${sectionText(result)}${page.slice(to + end(result.bench).length)}`;
}
