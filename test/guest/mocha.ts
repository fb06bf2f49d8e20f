/*
 * node mocha.ts (list|run) FILE...
 *
 * Runs test files in a guest, or lists their tests anywhere, a line each: the mark, then JSON. Its own command line
 * would take mocha longer to load, where a processor is emulated, than most tests take.
 */
import Mocha from 'mocha';
import { type InnerTest, MARK } from './inner-test.ts';

/** Where a second is long: what suites say of their time is meant for a real processor. */
const TIMES_SLOWER = 10;

const [verb, ...files] = process.argv.slice(2);
const mocha = new Mocha({
  timeout: 60_000,
  dryRun: verb === 'list',
  reporter: Lines as unknown as Mocha.ReporterConstructor,
});
for (const file of files) mocha.addFile(file);
await mocha.loadFilesAsync();
giveTime(mocha.suite);
mocha.run((failures) => {
  // What a test has left running must not keep the rest waiting.
  process.exit(failures === 0 ? 0 : 1);
});

function giveTime(suite: Mocha.Suite): void {
  const { _beforeEach, _beforeAll, _afterEach, _afterAll } = suite as unknown as Record<string, Mocha.Hook[]>;
  const hooks = [_beforeEach, _beforeAll, _afterEach, _afterAll].flatMap((some) => some ?? []);
  for (const one of [...suite.tests, ...hooks]) one.timeout(one.timeout() * TIMES_SLOWER);
  for (const inner of suite.suites) giveTime(inner);
}

function Lines(this: void, runner: Mocha.Runner): void {
  const say = (test: Mocha.Test, more: Pick<InnerTest, 'state' | 'error'>): void => {
    const one: InnerTest = { title: test.fullTitle(), ms: test.duration ?? 0, ...more };
    console.log(`${MARK}${JSON.stringify(one)}`);
  };
  runner.on('pass', (test) => say(test, { state: 'passed' }));
  runner.on('pending', (test) => say(test, { state: 'pending' }));
  // A hook's too.
  runner.on('fail', (test, error: Error) =>
    say(test, { state: 'failed', error: error.stack ?? error.message }),
  );
}
