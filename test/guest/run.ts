/* node run.ts FILE...: runs test files in a guest, whose kernel can what this machine's cannot. See README.md. */
import { resolve } from 'node:path';
import { bootForTests, listInner, runInner } from './inner.ts';

const SIGNS = { passed: '✔', failed: '✖', pending: '-' } as const;

const files = process.argv.slice(2).map((file) => resolve(file));
const titles = await listInner(files);
const started = performance.now();
const lap = (): string => ((performance.now() - started) / 1000).toFixed(1);
const guest = await bootForTests();
console.log(`the guest is up after ${lap()} s`);
const ended = new Set<string>();
try {
  const printed = await runInner(guest, files, ({ title, state, ms, error = '' }) => {
    if (state === 'failed') process.exitCode = 1;
    else ended.add(title);
    console.log(`${lap()} ${SIGNS[state]} ${title} (${ms} ms)${error && `\n${error}`}`);
  });
  console.log(printed);
} finally {
  await guest.stop();
}
const missing = titles.filter((title) => !ended.has(title));
console.log(`${ended.size} of ${titles.length} passed; ${lap()} s`);
if (missing.length > 0) process.exitCode = 1;
