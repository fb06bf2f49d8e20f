import { expand } from '../offline/expand.ts';
import { REPORT_FORMATS, type ReportFormat } from '../offline/report-formats.ts';
import { reportsOf, type Report } from '../offline/reports.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import type { InputOptions } from './offline-options.ts';
import { painter } from './paint.ts';
import { readInput } from './read-input.ts';

export interface CheckOptions extends InputOptions {
  readonly output: ReportFormat;
}

/** Prints what breaks a rule, and how many there are. */
export async function check(options: CheckOptions, io: Io): Promise<ExitCode> {
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
