import { type Bar, type Chart, contendersOf, type Group, numberText, OURS, ratioOf } from './chart.ts';

/** The product and what it is compared with look the same on every picture. */
const OURS_COLOUR = '#1f6feb';
const FLOOR_COLOUR = '#9aa5b1';
/** Of the others, told apart without colours as well: by lightness. */
const COLOURS = ['#e69f00', '#117733', '#aa4499', '#661100', '#88ccee', '#332288'];
const WIDTH = 760;
const MARGIN = 16;
const NAMES_WIDTH = 180;
const VALUES_WIDTH = 190;
const BAR_HEIGHT = 16;
const BAR_STEP = 20;
const GROUP_GAP = 12;
const TITLE_HEIGHT = 30;
const LEGEND_STEP = 18;
const CHART_GAP = 20;

/** Where the longest bar is so many times the shortest, the short ones would not be seen. */
const LOGARITHMIC_FROM = 200;

/** All charts of one run below each other, as a picture that needs nothing but itself. */
export function svgText(charts: readonly Chart[]): string {
  const parts: string[] = [];
  let top = MARGIN;
  for (const chart of charts) {
    const drawn = drawChart(chart, top);
    parts.push(drawn.text);
    top = drawn.bottom + CHART_GAP;
  }
  const height = top - CHART_GAP + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"` +
      ` font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function drawChart(chart: Chart, start: number): { text: string; bottom: number } {
  const lines = [textAt(MARGIN, start + 14, titleOf(chart), 'font-weight="bold" font-size="14"')];
  let top = start + TITLE_HEIGHT;
  const colours = coloursOf(chart);
  for (const [name, colour] of colours) {
    lines.push(rectangle(MARGIN, top - 2, 12, 12, colour), textAt(MARGIN + 20, top + 9, name));
    top += LEGEND_STEP;
  }
  const widthOf = scaleOf(chart);
  for (const group of chart.groups) {
    top += GROUP_GAP;
    lines.push(textAt(MARGIN, top + 12, group.name));
    for (const bar of group.bars) {
      lines.push(...drawBar({ chart, group, bar, top, widthOf, colour: colours.get(bar.name)! }));
      top += BAR_STEP;
    }
  }
  return { text: lines.join('\n'), bottom: top };
}

function titleOf(chart: Chart): string {
  const scale = isLogarithmic(chart) ? ', logarithmic' : '';
  return `${chart.title} (${chart.unit}, ${chart.isLessBetter ? 'less' : 'more'} is better${scale})`;
}

interface Drawn {
  readonly chart: Chart;
  readonly group: Group;
  readonly bar: Bar;
  readonly top: number;
  readonly widthOf: (value: number) => number;
  readonly colour: string;
}

function drawBar({ chart, group, bar, top, widthOf, colour }: Drawn): string[] {
  const left = MARGIN + NAMES_WIDTH;
  const { median, low, high } = bar.figure;
  const middle = top + BAR_HEIGHT / 2;
  const spread = `M${left + widthOf(low)} ${middle}H${left + widthOf(high)}`;
  const ratio = ratioOf(chart, group, bar);
  const words = `${numberText(median)} ${chart.unit}${ratio === undefined ? '' : ` (${ratio.toFixed(2)} ×)`}`;
  return [
    rectangle(left, top, widthOf(median), BAR_HEIGHT, colour),
    ...(low === high ? [] : [`<path d="${spread}" stroke="#000000" stroke-width="1.5"/>`]),
    textAt(left + Math.max(widthOf(median), widthOf(high)) + 6, top + 12, words),
  ];
}

/** From values to widths. */
function scaleOf(chart: Chart): (value: number) => number {
  const room = WIDTH - 2 * MARGIN - NAMES_WIDTH - VALUES_WIDTH;
  const largest = Math.max(...figuresOf(chart).map(({ high, median }) => Math.max(high, median)), 0) || 1;
  const share = isLogarithmic(chart) ? logarithmic(chart, largest) : (value: number) => value / largest;
  return (value) => Math.round(share(value) * room * 10) / 10;
}

/** The shortest bar is still to be seen. */
function logarithmic(chart: Chart, largest: number): (value: number) => number {
  const least = smallestOf(chart) / 2;
  return (value) => Math.max(0, Math.log(value / least)) / Math.log(largest / least);
}

function isLogarithmic(chart: Chart): boolean {
  const largest = Math.max(...figuresOf(chart).map(({ median }) => median));
  return largest / smallestOf(chart) >= LOGARITHMIC_FROM;
}

const smallestOf = (chart: Chart): number =>
  Math.min(...figuresOf(chart).flatMap(({ median }) => (median > 0 ? [median] : [])));

const figuresOf = ({ groups }: Chart) => groups.flatMap(({ bars }) => bars.map(({ figure }) => figure));

function coloursOf(chart: Chart): ReadonlyMap<string, string> {
  const given = new Map([
    [OURS, OURS_COLOUR],
    ...(chart.floor ? [[chart.floor, FLOOR_COLOUR] as const] : []),
  ]);
  const names = contendersOf(chart);
  const others = names.filter((name) => !given.has(name));
  return new Map(
    names.map((name) => [name, given.get(name) ?? COLOURS[others.indexOf(name) % COLOURS.length]!]),
  );
}

const rectangle = (x: number, y: number, width: number, height: number, fill: string): string =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${fill}"/>`;

const textAt = (x: number, y: number, words: string, attributes = ''): string =>
  `<text x="${x}" y="${y}"${attributes && ` ${attributes}`}>${escaped(words)}</text>`;

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
