import { join } from 'node:path';
import { run } from '../controlplane/run.ts';
import { storageFolder, storagePrograms } from '../storage/programs.ts';
import { bundleFor } from './bundle.ts';
import { Guest } from './guest.ts';
import { type InnerTest, MARK } from './inner-test.ts';

/* Test files that run in a guest. */

const MOCHA = join(import.meta.dirname, 'mocha.ts');
const DISK = '/dev/vda';
const RUN_TIMEOUT_MS = 1_200_000;

/** A guest with what test files find there: TMPDIR on a disk with ext4, and the programs for storage. */
export async function bootForTests(): Promise<Guest> {
  const { path } = await storagePrograms();
  const guest = await Guest.boot({ disks: ['16G'] });
  await guest.succeed(
    'sh',
    '-c',
    `PATH=${path} && mkfs.ext4 -q ${DISK} && mkdir /disk && mount ${DISK} /disk`,
  );
  return guest;
}

/** Titles, with those of the suites before them, in the order in which the tests run. */
export async function listInner(files: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(process.execPath, [MOCHA, 'list', ...files]);
  if (code !== 0) throw new Error(`${files.join(' ')} cannot be loaded:\n${stdout}${stderr}`);
  const marked = stdout.split('\n').filter((line) => line.startsWith(MARK));
  return marked.map((line) => read(line).title);
}

/**
 * Runs the files in the guest, and returns all that they print.
 * @param onTest - is told of each test as it ends, and of hooks that fail
 */
export async function runInner(
  guest: Guest,
  files: readonly string[],
  onTest: (test: InnerTest) => void,
): Promise<string> {
  const bundled = await bundleFor(join(guest.shared, 'tests'), [MOCHA, ...files]);
  const [mocha = '', ...tests] = bundled.map((path) => guest.pathOf(path));
  const env = { TMPDIR: '/disk', TLV_STORAGE_PROGRAMS: await storageFolder() };
  const onOutput = inLines((line) => {
    if (line.startsWith(MARK)) onTest(read(line));
  });
  const { stdout, stderr } = await guest.run([process.execPath, mocha, 'run', ...tests], {
    env,
    timeoutMs: RUN_TIMEOUT_MS,
    onOutput,
  });
  const own = stdout.split('\n').filter((line) => !line.startsWith(MARK));
  return `${own.join('\n')}${stderr}`;
}

/** Takes text as it comes, and hands on whole lines. */
function inLines(onLine: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
}

const read = (line: string): InnerTest => JSON.parse(line.slice(MARK.length)) as InnerTest;
