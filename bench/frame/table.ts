import { type Chart, numberText, ratioOf } from './chart.ts';

const HEAD = ['', '', 'median', 'middle half', 'ratio'];
/** Numbers stand right. */
const IS_RIGHT = [false, false, true, true, true];

/** A chart in letters: a line a bar. */
export function tableText(chart: Chart): string {
  const lines = chart.groups.flatMap((group) =>
    group.bars.map((bar, index) => {
      const { median, low, high } = bar.figure;
      const ratio = ratioOf(chart, group, bar);
      return [
        index === 0 ? group.name : '',
        bar.name,
        `${numberText(median)} ${chart.unit}`,
        low === high ? '' : `${numberText(low)} to ${numberText(high)}`,
        ratio === undefined ? '' : `${ratio.toFixed(2)} ×`,
      ];
    }),
  );
  const rows = [HEAD, ...lines];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const texts = rows.map((row) =>
    row
      .map((cell, column) =>
        IS_RIGHT[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
  const better = chart.isLessBetter ? 'less is better' : 'more is better';
  const ratio = chart.floor === undefined ? '' : `; ratio to ${chart.floor}`;
  return [`${chart.title} (${better}${ratio})`, ...texts].join('\n');
}
