import { Command, Option } from 'commander';
import { claimsBehind, expand } from '../offline/expand.ts';
import { RENDER_FORMATS, type RenderFormat } from '../offline/render-formats.ts';
import { textLine } from '../offline/report-formats.ts';
import { reportsOf } from '../offline/reports.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import { addInputOptions, readInput, type InputOptions } from './offline-options.ts';
import { painter } from './paint.ts';

interface RenderOptions extends InputOptions {
  readonly output: RenderFormat;
  readonly claims: boolean;
}

export function renderCommand(io: Io, finish: (code: ExitCode) => void): Command {
  return addInputOptions(new Command('render'))
    .summary('print manifests as the webhook would admit them')
    .description(
      'Print every document as it would be admitted: StatefulSets with their local claim templates, claims completed. ' +
        'Documents that are not ours come out byte for byte; a TServer with no StatefulSet beside it is followed by the one it stands for. ' +
        'With violations nothing is printed on standard output.',
    )
    .addOption(
      new Option(
        '-o, --output <format>',
        'yaml, json (one v1 List) or patch (one JSON line for each changed document)',
      )
        .env('TLV_OUTPUT')
        .choices(Object.keys(RENDER_FORMATS))
        .default('yaml'),
    )
    .addOption(new Option('--claims', "add each replica's claims").env('TLV_CLAIMS').default(false))
    .addHelpText(
      'after',
      `
Examples:
  tlv render -f examples/tarslog.yaml              the StatefulSet that a TServer stands for
  tlv render -f manifests/ --claims | kubectl diff -f -
  kustomize build . | tlv render -o patch          what the webhook would change

Exit code: 0 rendered, 1 violations (on standard error), 2 unusable input.`,
    )
    .action(async (options: RenderOptions) => finish(await render(options, io)));
}

async function render(options: RenderOptions, io: Io): Promise<ExitCode> {
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
