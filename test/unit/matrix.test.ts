import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readOutput } from '../../scripts/matrix/read-output.ts';
import { resultsOf, withResults } from '../../scripts/matrix/results-page.ts';
import type { TierResult } from '../../scripts/matrix/tier-result.ts';
import { ROOT } from '../offline/tlv.ts';

/** How `npm run test:matrix` reads what tests print, and keeps it in docs/compatibility.md. */

const SUITES = `
describe('outer', () => {
  it('passes', () => {});
  it.skip('waits', () => {});
  describe('inner', () => {
    it('fails with \`ticks\` | pipes: and more', () => { throw new Error('  9) not: a test:'); });
  });
});
describe('broken', () => {
  before(() => { throw new Error('no cluster'); });
  it('never runs', () => {});
});
`;

const FAILING = [
  'outer › inner › fails with `ticks` | pipes: and more',
  'broken › "before all" hook for "never runs"',
];

describe('the matrix of Kubernetes versions', () => {
  it('reads the counts and the failing tests of what mocha really prints', function () {
    this.timeout(20_000);
    const folder = mkdtempSync(join(tmpdir(), 'matrix-'));
    try {
      const file = join(folder, 'some.test.mjs');
      writeFileSync(file, SUITES);
      const mocha = join(ROOT, 'node_modules/.bin/mocha');
      const { stdout } = spawnSync(mocha, ['--no-config', '--reporter=dot', file], { encoding: 'utf8' });
      const output = `
# binaries: node binaries.ts
# binaries: 1 passed, 0 failed, 0 skipped (2.0 s)

# demo: mocha --reporter dot
${stdout}
# demo: 1 passed, 2 failed, 1 skipped (2.1 s)

# controlplane: mocha --reporter dot
it was interrupted`;
      expect(readOutput(output)).to.deep.equal([
        { tier: 'binaries', passed: 1, failed: 0, skipped: 0, failing: [] },
        { tier: 'demo', passed: 1, failed: 2, skipped: 1, failing: FAILING },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const result = (kubernetes: string, tier: string, passed: number, failing: string[] = []): TierResult => ({
    kubernetes,
    tier,
    passed,
    failed: failing.length,
    skipped: 0,
    failing,
    date: '2026-11-21',
  });

  const EMPTY = `# Page

Words above.

<!-- results: written by \`npm run test:matrix\`, do not edit -->
<!-- end of results -->

| words | below |
| ----- | ----- |
`;

  it('keeps the results that were not tried again, and the words around them', () => {
    const first = withResults(EMPTY, [
      result('1.32.2', 'demo', 4),
      result('1.34.3', 'demo', 1, FAILING),
      result('1.34.3', 'controlplane', 5, ['one']),
    ]);
    // Another patch version of 1.34, and one tier only.
    const second = withResults(first, [result('1.34.4', 'demo', 3)]);
    expect(resultsOf(second)).to.deep.equal([
      result('1.34.4', 'demo', 3),
      result('1.34.3', 'controlplane', 5, ['one']),
      result('1.32.2', 'demo', 4),
    ]);
    expect(second.startsWith('# Page\n\nWords above.\n')).to.equal(true);
    expect(second.endsWith('\n\n| words | below |\n| ----- | ----- |\n')).to.equal(true);
  });

  it('reads back what it has written', () => {
    const results = [result('1.36.3', 'demo', 1, FAILING), result('1.36.3', 'other', 2)];
    expect(resultsOf(withResults(EMPTY, results))).to.deep.equal(results);
  });

  it('does not write into a page that has no place for results', () => {
    expect(() => withResults('# Page\n', [])).to.throw('the page has no place for results');
  });
});
