import { Command, Option } from 'commander';
import type { RenderFormat } from '../offline/render-formats.ts';
import type { ExitCode, Io } from './io.ts';
import { addInputOptions } from './offline-options.ts';
import type { RenderOptions } from './render-run.ts';

const FORMATS = ['yaml', 'json', 'patch'] as const satisfies readonly RenderFormat[];

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
        .choices(FORMATS)
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
    .action(async (options: RenderOptions) => {
      // Loaded here only: a node agent has no use for it in its memory.
      const { render } = await import('./render-run.ts');
      finish(await render(options, io));
    });
}
