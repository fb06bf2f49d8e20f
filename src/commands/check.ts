import { Command, Option } from 'commander';
import { expand } from '../offline/expand.ts';
import { REPORT_FORMATS, type ReportFormat } from '../offline/report-formats.ts';
import { reportsOf, type Report } from '../offline/reports.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import { addInputOptions, readInput, type InputOptions } from './offline-options.ts';
import { painter } from './paint.ts';

interface CheckOptions extends InputOptions {
  readonly output: ReportFormat;
}

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
        .choices(Object.keys(REPORT_FORMATS))
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
    .action(async (options: CheckOptions) => finish(await check(options, io)));
}

async function check(options: CheckOptions, io: Io): Promise<ExitCode> {
  const { documents, options: offline } = await readInput(options, io);
  const reports = reportsOf(expand(documents, offline));
  io.stdout.write(REPORT_FORMATS[options.output](reports, painter(io.stdout)));
  const violations = reports.filter(({ severity }) => severity === 'error').length;
  if (options.output === 'text') io.stderr.write(`${summary(reports, violations, documents.length)}\n`);
  return violations > 0 ? EXIT.violations : EXIT.ok;
}

const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`;

function summary(reports: readonly Report[], violations: number, documents: number): string {
  const warnings = reports.length - violations;
  return `tlv check: ${count(violations, 'violation')}, ${count(warnings, 'warning')} in ${count(documents, 'document')}`;
}
