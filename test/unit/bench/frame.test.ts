import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Result } from '../../../bench/frame/bench.ts';
import { type Chart, numberText } from '../../../bench/frame/chart.ts';
import { sectionText, withSection } from '../../../bench/frame/page.ts';
import { PAGE, readResult, RESULTS } from '../../../bench/frame/results.ts';
import { figureOf, quantile } from '../../../bench/frame/statistics.ts';
import { svgText } from '../../../bench/frame/svg.ts';
import { tableText } from '../../../bench/frame/table.ts';
import { inTurn } from '../../../bench/frame/turns.ts';

/** What benches make of their measurements. */

const bar = (name: string, ...values: readonly number[]) => ({ name, figure: figureOf(values) });

const CHART: Chart = {
  title: 'Create',
  unit: 'ms',
  isLessBetter: true,
  floor: 'by hand',
  groups: [
    { name: 'directory', bars: [bar('by hand', 2, 2, 2), bar('backend', 3, 2, 4)] },
    { name: 'loop <ext4>', bars: [bar('by hand', 1000), bar('backend', 1229.6)] },
  ],
};

const RESULT: Result = {
  bench: 'two',
  command: 'npm run bench -- two',
  date: '2026-11-26',
  machine: { processors: '2 × Some', memory: '24 GiB', kernel: 'Linux 6.1', node: '24.21.0', load: 0.1 },
  versions: { Kubernetes: 'v1.36.3' },
  charts: [CHART],
  notes: ['Something has to be said.'],
};

describe('figures of a bench', () => {
  it('are the median and the middle half', () => {
    expect(figureOf([5, 1, 4, 2, 3])).to.deep.equal({ median: 3, low: 2, high: 4, count: 5 });
    expect(figureOf([1, 2])).to.deep.equal({ median: 1.5, low: 1.25, high: 1.75, count: 2 });
    expect(figureOf([123_456.7])).to.deep.equal({ median: 123_500, low: 123_500, high: 123_500, count: 1 });
    expect(quantile([10, 20, 30], 0.99)).to.be.closeTo(29.8, 1e-9);
    expect(() => figureOf([])).to.throw('nothing was measured');
  });

  it('are written as short as they can be read', () => {
    const texts = [0, 0.012_34, 1.2345, 12.345, 123.45, 12_345].map(numberText);
    expect(texts).to.deep.equal(['0', '0.0123', '1.23', '12.3', '123', '12,345']);
  });

  it('are measured in turn, every other round in reverse, and not in the first ones', async () => {
    const order: string[] = [];
    const contender = (name: string) => ({
      name,
      measure: (round: number) => {
        order.push(`${name}${round}`);
        return round;
      },
    });
    const values = await inTurn([contender('a'), contender('b')], { warmUp: 1, counted: 2 });
    expect(order).to.deep.equal(['a0', 'b0', 'b1', 'a1', 'a2', 'b2']);
    expect([...values]).to.deep.equal([
      ['a', [1, 2]],
      ['b', [1, 2]],
    ]);
  });

  it('count together where several have one name', async () => {
    const contender = (value: string) => ({ name: 'a', measure: (round: number) => `${value}${round}` });
    const values = await inTurn([contender('x'), contender('y')], { warmUp: 0, counted: 2 });
    expect([...values]).to.deep.equal([['a', ['x0', 'y0', 'y1', 'x1']]]);
  });
});

describe('a run of a bench', () => {
  it('is a table', () => {
    expect(tableText(CHART)).to.equal(
      [
        'Create (less is better; ratio to by hand)',
        '                        median  middle half   ratio',
        'directory    by hand      2 ms',
        '             backend      3 ms   2.5 to 3.5  1.50 ×',
        'loop <ext4>  by hand  1,000 ms',
        '             backend  1,230 ms               1.23 ×',
      ].join('\n'),
    );
  });

  it('is a picture that needs nothing but itself', () => {
    const picture = svgText([CHART, { ...CHART, isLessBetter: false }]);
    const words = [...picture.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
    const both = ['by hand', 'backend', 'directory', '2 ms', '3 ms (1.50 ×)'];
    const all = [...both, 'loop &lt;ext4&gt;', '1,000 ms', '1,230 ms (1.23 ×)'];
    expect(words).to.deep.equal([
      'Create (ms, less is better, logarithmic)',
      ...all,
      'Create (ms, more is better, logarithmic)',
      ...all,
    ]);
    expect(picture).to.not.match(/NaN|undefined|Infinity/);
    expect(picture).to.not.include('href');
  });

  it('has bars in proportion, and room for what stands beside them', () => {
    const groups = [{ name: 'one', bars: [bar('a', 10), bar('b', 5), bar('c', 0)] }];
    const picture = svgText([{ title: 'Three', unit: 'ms', isLessBetter: true, groups }]);
    const widths = [...picture.matchAll(/<rect x="196" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).to.deep.equal([358, 179, 0]);
  });

  it('takes the place of the one before on the page', () => {
    const section = sectionText(RESULT);
    expect(section.split('\n').slice(-9)).to.deep.equal([
      '```',
      '',
      '![the same as a picture](../bench/results/two.svg)',
      '',
      '`npm run bench -- two` on 2026-11-26: 2 × Some, 24 GiB, Linux 6.1, Node 24.21.0, load average 0.1 at the start, Kubernetes v1.36.3.',
      '',
      'Something has to be said.',
      '',
      '<!-- end of bench two -->',
    ]);
    const page = `before\n\n${sectionText({ ...RESULT, charts: [] })}\n\nafter\n`;
    expect(withSection(page, RESULT)).to.equal(`before\n\n${section}\n\nafter\n`);
    expect(() => withSection('a page', RESULT)).to.throw(
      'docs/performance.md has no place for two: put "<!-- bench two: written by `npm run bench -- two` -->" and "<!-- end of bench two -->" there',
    );
  });

  it('that is committed is shown on the page and as a picture', () => {
    const page = readFileSync(PAGE, 'utf8');
    const files = readdirSync(RESULTS).filter((file) => file.endsWith('.json'));
    expect(files).to.include('core.json');
    for (const file of files) {
      const result = readResult(file.replace('.json', ''), RESULTS);
      expect(page).to.include(sectionText(result));
      expect(readFileSync(join(RESULTS, `${result.bench}.svg`), 'utf8')).to.equal(svgText(result.charts));
    }
    const shown = [...page.matchAll(/^<!-- bench (\S+):/gm)].map(([, bench]) => `${bench}.json`);
    expect(shown).to.include.members(files);
  });
});
