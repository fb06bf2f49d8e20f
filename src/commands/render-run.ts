import { claimsBehind, expand } from '../offline/expand.ts';
import { RENDER_FORMATS, type RenderFormat } from '../offline/render-formats.ts';
import { textLine } from '../offline/report-formats.ts';
import { reportsOf } from '../offline/reports.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import type { InputOptions } from './offline-options.ts';
import { painter } from './paint.ts';
import { readInput } from './read-input.ts';

export interface RenderOptions extends InputOptions {
  readonly output: RenderFormat;
  readonly claims: boolean;
}

/** Prints what would be admitted; violations instead, where there are any. */
export async function render(options: RenderOptions, io: Io): Promise<ExitCode> {
  const input = await readInput(options, io);
  const items = expand(input.documents, input.options);
  const reports = reportsOf(items);
  for (const report of reports) io.stderr.write(`${textLine(report, painter(io.stderr))}\n`);
  if (reports.some(({ severity }) => severity === 'error')) return EXIT.violations;
  const { settings } = input.options;
  io.stdout.write(
    RENDER_FORMATS[options.output]({
      sources: input.sources,
      items,
      behind: (item) =>
        options.claims ? [...item.added, ...claimsBehind(item, items, settings)] : item.added,
    }),
  );
  return EXIT.ok;
}
