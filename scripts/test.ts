/**
 * `npm test`: every tier in one go, one summary line at the end. Tiers that wait more than they work go beside others;
 * what they print stands together all the same.
 *
 * `npm test -- unit types` runs the named tiers only. In CI a skipped test is a failure, because there
 * nobody would notice what was not tried.
 */
import { spawn } from 'node:child_process';

interface Tier {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** Mocha counts its tests; every other tool is one test. */
  readonly mocha?: true;
  /** Those of one lane go one after the other, beside those of other lanes. */
  readonly lane?: 'build';
  /** A tier before it that has to come to its end first, in whatever lane. */
  readonly needs?: string;
}

/** A tier that was begun, or waits for its turn. */
interface Run {
  output: string;
  /** Whether it is this one's turn to be read. */
  isShown: boolean;
  seconds: number;
  readonly status: Promise<number>;
}

const MOCHA = ['mocha', '--reporter', process.env.CI ? 'spec' : 'dot'] as const;

const TIERS: readonly Tier[] = [
  { name: 'types', argv: ['tsc', '--noEmit'] },
  { name: 'lint', argv: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'format', argv: ['prettier', '--check', '--log-level=warn', '.'] },
  { name: 'dead-code', argv: ['knip', '--no-progress'] },
  { name: 'unit', argv: ['c8', ...MOCHA, 'test/unit/**/*.test.ts'], mocha: true },
  { name: 'offline', argv: [...MOCHA, 'test/offline/**/*.test.ts'], mocha: true },
  { name: 'admission', argv: [...MOCHA, 'test/admission/**/*.test.ts'], mocha: true },
  { name: 'binaries', argv: ['node', 'test/controlplane/build.ts'], lane: 'build' },
  // Each file has a control plane of its own: two go side by side.
  {
    name: 'controlplane',
    argv: [...MOCHA, '--parallel', '--jobs=2', 'test/controlplane/**/*.test.ts'],
    mocha: true,
    needs: 'binaries',
  },
  { name: 'image', argv: [...MOCHA, 'test/image/**/*.test.ts'], mocha: true },
  {
    name: 'node',
    argv: ['sh', 'test/node/isolated.sh', ...MOCHA, 'test/node/**/*.test.ts'],
    mocha: true,
    needs: 'binaries',
  },
  { name: 'demo', argv: [...MOCHA, 'test/demo/**/*.test.ts'], mocha: true, needs: 'binaries' },
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

const total: Count = { passed: 0, failed: 0, skipped: 0 };
const tiers = TIERS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const runs = new Map<string, Run>();
const lastOf = new Map<Tier['lane'], Run>();
for (const tier of tiers) {
  const run = begin(tier, [lastOf.get(tier.lane), runs.get(tier.needs ?? '')]);
  runs.set(tier.name, run);
  lastOf.set(tier.lane, run);
}
for (const tier of tiers) {
  console.log(`\n# ${tier.name}: ${tier.argv.join(' ')}`);
  const run = runs.get(tier.name)!;
  process.stdout.write(run.output);
  run.isShown = true;
  const status = await run.status;
  const count = tier.mocha ? mochaCount(run.output, status) : toolCount(status);
  console.log(
    `# ${tier.name}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped (${run.seconds.toFixed(1)} s)`,
  );
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
}

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
const isSkippedInCi = Boolean(process.env.CI) && total.skipped > 0;
process.exitCode = total.failed > 0 || total.passed === 0 || isSkippedInCi ? 1 : 0;

/** Begins a tier when those before it have come to their ends, however they did. */
function begin(tier: Tier, before: readonly (Run | undefined)[]): Run {
  const shown = { output: '', isShown: false, seconds: 0 };
  const ended = Promise.allSettled(before.flatMap((one) => (one ? [one.status] : [])));
  return Object.assign(shown, { status: execute(tier.argv, ended, shown) });
}

async function execute(
  [command, ...args]: Tier['argv'],
  turn: Promise<unknown>,
  run: Omit<Run, 'status'>,
): Promise<number> {
  await turn;
  const started = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.output += text;
    if (run.isShown) process.stdout.write(text);
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on('error', reject);
  child.on('close', (code) => resolve(code ?? 1));
  const status = await promise;
  run.seconds = (performance.now() - started) / 1000;
  return status;
}

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
