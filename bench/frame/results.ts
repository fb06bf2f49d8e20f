import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Result } from './bench.ts';
import { withSection } from './page.ts';
import { svgText } from './svg.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Of runs that are committed, and shown on the page. */
export const RESULTS = join(ROOT, 'bench/results');
export const PAGE = join(ROOT, 'docs/performance.md');

export const readResult = (bench: string, folder: string): Result =>
  JSON.parse(readFileSync(join(folder, `${bench}.json`), 'utf8')) as Result;

/** Writes a run as JSON and as a picture; returns the names of the files. */
export function writeResult(result: Result, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  const files = [
    { path: join(folder, `${result.bench}.json`), text: `${JSON.stringify(result, null, 2)}\n` },
    { path: join(folder, `${result.bench}.svg`), text: svgText(result.charts) },
  ];
  if (folder === RESULTS) files.push({ path: PAGE, text: withSection(readFileSync(PAGE, 'utf8'), result) });
  for (const { path, text } of files) writeFileSync(path, text);
  return files.map(({ path }) => relative(ROOT, path));
}
