/**
 * `npm test`: every tier in one go, one summary line at the end.
 *
 * `npm test -- unit types` runs the named tiers only. In CI a skipped test is a failure, because there
 * nobody would notice what was not tried.
 */
import { spawn } from 'node:child_process';
import { cacheFolder } from './cache-folder.ts';

interface Tier {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** Mocha counts its tests; every other tool is one test. */
  readonly mocha?: true;
  /** How many processors it keeps busy by itself; one unless said. */
  readonly processors?: 2;
  /** What was compiled once is compiled anew, for else V8 does not know which functions have run. */
  readonly covered?: true;
}

/** Tiers run side by side as long as there are enough. With more, tests that watch clocks would be late. */
const PROCESSORS = 2;
const MOCHA = ['mocha', '--reporter', process.env.CI ? 'spec' : 'dot'] as const;

const TIERS: readonly Tier[] = [
  { name: 'types', argv: ['tsc', '--noEmit'] },
  { name: 'unit', argv: ['c8', ...MOCHA, 'test/unit/**/*.test.ts'], mocha: true, covered: true },
  { name: 'lint', argv: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'format', argv: ['prettier', '--check', '--log-level=warn', '.'] },
  { name: 'dead-code', argv: ['knip', '--no-progress'] },
  { name: 'offline', argv: [...MOCHA, 'test/offline/**/*.test.ts'], mocha: true },
  { name: 'admission', argv: [...MOCHA, 'test/admission/**/*.test.ts'], mocha: true },
  { name: 'binaries', argv: ['node', 'test/controlplane/build.ts'], processors: 2 },
  // Each file has a control plane of its own.
  {
    name: 'controlplane',
    argv: [...MOCHA, '--parallel', '--jobs=2', 'test/controlplane/**/*.test.ts'],
    mocha: true,
    processors: 2,
  },
  { name: 'guest', argv: [...MOCHA, 'test/guest/*.test.ts'], mocha: true },
  { name: 'node', argv: ['sh', 'test/node/isolated.sh', ...MOCHA, 'test/node/**/*.test.ts'], mocha: true },
  { name: 'storage', argv: [...MOCHA, 'test/storage/**/*.test.ts'], mocha: true },
  { name: 'image', argv: [...MOCHA, 'test/image/**/*.test.ts'], mocha: true },
  { name: 'demo', argv: [...MOCHA, 'test/demo/**/*.test.ts'], mocha: true },
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
for (const [tier, begun] of sideBySide(
  TIERS.filter(({ name }) => wanted.length === 0 || wanted.includes(name)),
)) {
  const run = await begun;
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

interface Outcome {
  readonly status: number;
  readonly output: string;
  readonly seconds: number;
}

/** A tier that has begun. */
interface Run {
  readonly ended: Promise<Outcome>;
  /** Prints what it has said so far, and from now on what it says: two at once would not be readable. */
  show(): void;
}

/** Begins tiers in their order, each as soon as there are processors for it. */
function sideBySide(tiers: readonly Tier[]): (readonly [Tier, Promise<Run>])[] {
  let busy = 0;
  const running = new Set<Promise<unknown>>();
  let turn: Promise<unknown> = Promise.resolve();
  return tiers.map((tier) => {
    const { processors = 1 } = tier;
    const begun = turn.then(async () => {
      while (busy + processors > PROCESSORS) await Promise.race(running);
      busy += processors;
      const run = begin(tier);
      const freed = run.ended.then(() => {
        busy -= processors;
        running.delete(freed);
      });
      running.add(freed);
      return run;
    });
    turn = begun;
    return [tier, begun];
  });
}

function begin({ argv: [command, ...args], covered }: Tier): Run {
  const started = performance.now();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Hundreds of processes start from these sources, and half of a start is taking the types out of them.
    env: covered ? process.env : { ...process.env, NODE_COMPILE_CACHE: cacheFolder('compiled') },
  });
  let output = '';
  let isShown = false;
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (isShown) process.stdout.write(chunk);
  });
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ status: code ?? 1, output, seconds: (performance.now() - started) / 1000 }),
    );
  });
  const show = (): void => {
    isShown = true;
    process.stdout.write(output);
  };
  return { ended, show };
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

/** What mocha says of the tests that failed, after the list of all; its whole end where it died before that. */
function mochaFailures(output: string): string {
  const at = output.search(/^\s+\d+ failing/m);
  return (at < 0 ? output.slice(-5000) : output.slice(at)).trimEnd();
}
