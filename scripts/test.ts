/**
 * `npm test`: every tier in one go, one summary line at the end.
 *
 * `npm test -- unit types` runs the named tiers only. In CI a skipped test is a failure, because there
 * nobody would notice what was not tried.
 */
import { sideBySide, type Tier } from './test/side-by-side.ts';

const MOCHA = ['mocha', '--reporter', process.env.CI ? 'spec' : 'dot'] as const;

const TIERS: readonly Tier[] = [
  { name: 'types', argv: ['tsc', '--noEmit'] },
  { name: 'unit', argv: ['c8', ...MOCHA, 'test/unit/**/*.test.ts'], mocha: true, covered: true },
  { name: 'lint', argv: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'format', argv: ['prettier', '--check', '--log-level=warn', '.'] },
  { name: 'dead-code', argv: ['knip', '--no-progress'] },
  { name: 'offline', argv: [...MOCHA, 'test/offline/**/*.test.ts'], mocha: true },
  { name: 'admission', argv: [...MOCHA, 'test/admission/**/*.test.ts'], mocha: true },
  { name: 'storage', argv: [...MOCHA, 'test/storage/**/*.test.ts'], mocha: true },
  { name: 'image', argv: [...MOCHA, 'test/image/**/*.test.ts'], mocha: true },
  { name: 'binaries', argv: ['node', 'test/controlplane/build.ts'] },
  { name: 'node', argv: ['sh', 'test/node/isolated.sh', ...MOCHA, 'test/node/**/*.test.ts'], mocha: true },
  { name: 'demo', argv: [...MOCHA, 'test/demo/**/*.test.ts'], mocha: true },
  // Each file has a control plane of its own. While one of three waits for its clock, the others have the processors.
  {
    name: 'controlplane',
    argv: [...MOCHA, '--parallel', '--jobs=3', 'test/controlplane/**/*.test.ts'],
    mocha: true,
    processors: 2,
  },
  // It takes as long as all others together that keep one processor busy.
  { name: 'guest', argv: [...MOCHA, 'test/guest/*.test.ts'], mocha: true, ahead: true },
];

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !TIERS.some((tier) => tier.name === name));
if (unknown.length > 0) {
  console.error(`no tier ${unknown.join(', ')}; there are ${TIERS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

/** Said once more at the end: who reads a log of an hour, or only its tail, wants to see what failed. */
const failures: string[] = [];
const total: Count = { passed: 0, failed: 0, skipped: 0 };
const tiers = TIERS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const begun = sideBySide(tiers.toSorted((a, b) => Number(b.ahead ?? false) - Number(a.ahead ?? false)));
for (const tier of tiers) {
  const run = await begun.get(tier)!;
  console.log(`\n# ${tier.name}: ${tier.argv.join(' ')}`);
  run.show();
  const { status, output, seconds } = await run.ended;
  const count = tier.mocha ? mochaCount(output, status) : toolCount(status);
  if (tier.mocha && count.failed > 0) failures.push(`\n# ${tier.name}\n${mochaFailures(output)}`);
  console.log(
    `# ${tier.name}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped (${seconds.toFixed(1)} s)`,
  );
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
}

for (const failure of failures) console.log(failure);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
const isSkippedInCi = Boolean(process.env.CI) && total.skipped > 0;
process.exitCode = total.failed > 0 || total.passed === 0 || isSkippedInCi ? 1 : 0;

function toolCount(status: number): Count {
  return status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

/** Reads mocha's own summary; a run that died without one, or failed beside its tests, is a failure. */
function mochaCount(output: string, status: number): Count {
  const read = (word: string) => Number(new RegExp(`^\\s+(\\d+) ${word}`, 'm').exec(output)?.[1] ?? 0);
  const count = { passed: read('passing'), failed: read('failing'), skipped: read('pending') };
  const isBroken = count.failed === 0 && (status !== 0 || count.passed === 0);
  return isBroken ? { ...count, failed: 1 } : count;
}

/** What mocha says of the tests that failed, after the list of all; its whole end where it died before that. */
function mochaFailures(output: string): string {
  const at = output.search(/^\s+\d+ failing/m);
  return (at < 0 ? output.slice(-5000) : output.slice(at)).trimEnd();
}
