import { Command, Option } from 'commander';
import type { ReportFormat } from '../offline/report-formats.ts';
import type { CheckOptions } from './check-run.ts';
import type { ExitCode, Io } from './io.ts';
import { addInputOptions } from './offline-options.ts';

const FORMATS = ['text', 'json', 'github', 'sarif'] as const satisfies readonly ReportFormat[];

export function checkCommand(io: Io, finish: (code: ExitCode) => void): Command {
  return addInputOptions(new Command('check'))
    .summary('say what the webhook would refuse, and where')
    .description(
      'Check TServers, StatefulSets and claims by the rules of the webhook. Each line names file, line and column, ' +
        'the rule (docs/rules.md), the field, the value and the remedy.',
    )
    .addOption(
      new Option(
        '-o, --output <format>',
        'text, json, github (workflow annotations) or sarif (code scanning)',
      )
        .env('TLV_OUTPUT')
        .choices(FORMATS)
        .default('text'),
    )
    .addHelpText(
      'after',
      `
Examples:
  tlv check -f manifests/
  helm template . | tlv check
  tlv check -f manifests/ -o sarif > tlv.sarif

Exit code: 0 clean (warnings may be printed), 1 violations, 2 unusable input.`,
    )
    .action(async (options: CheckOptions) => {
      // Loaded here only: a node agent has no use for it in its memory.
      const { check } = await import('./check-run.ts');
      finish(await check(options, io));
    });
}
