import type { Log, Result } from 'sarif';
import { formatPath } from '../tars/finding.ts';
import { RULES, ruleOf } from '../validate/catalogue.ts';
import type { Report } from './reports.ts';

/** The formats of `tlv check -o`, each a function from reports to the text for standard output. */
export const REPORT_FORMATS = { text, json, github, sarif } as const;
export type ReportFormat = keyof typeof REPORT_FORMATS;

/** Colours a severity; the identity where nobody looks at a terminal. */
export type Paint = (severity: Report['severity'], text: string) => string;
const plain: Paint = (_severity, words) => words;

/** `FILE:LINE:COL: CODE field: message`, one line a report. */
function text(reports: readonly Report[], paint: Paint = plain): string {
  return reports.map((report) => `${textLine(report, paint)}\n`).join('');
}

/** One report as people read it on a terminal. */
export function textLine(report: Report, paint: Paint = plain): string {
  const { file, line, column, code, field, severity, message } = flatten(report);
  const mark = severity === 'warning' ? `${paint(severity, 'warning:')} ` : '';
  return `${file}:${line}:${column}: ${paint(severity, code)} ${field}: ${mark}${oneLine(message)}`;
}

function json(reports: readonly Report[]): string {
  return `${JSON.stringify(reports.map(flatten), undefined, 2)}\n`;
}

/** Workflow commands of GitHub Actions: annotations on the lines of a pull request. */
function github(reports: readonly Report[]): string {
  return reports
    .map((report) => {
      const { file, line, column, code, field, severity, message } = flatten(report);
      const title = `${code} ${ruleOf(report.finding.code).name}`;
      const where = `file=${property(file)},line=${line},col=${column},title=${property(title)}`;
      return `::${severity} ${where}::${data(`${field}: ${message}`)}\n`;
    })
    .join('');
}

/** SARIF 2.1.0, for code scanning services. */
function sarif(reports: readonly Report[]): string {
  const log: Log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'tlv',
            rules: RULES.map(({ code, name, protects, remedy }) => ({
              id: code,
              name,
              shortDescription: { text: protects },
              help: { text: remedy },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: reports.map(sarifResult),
      },
    ],
  };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

function sarifResult(report: Report): Result {
  const { file, line, column, code, field, severity, message, kind, namespace, name } = flatten(report);
  return {
    ruleId: code,
    ruleIndex: RULES.findIndex((rule) => rule.code === code),
    level: severity,
    message: { text: `${field}: ${message}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
          region: { startLine: line, startColumn: column },
        },
        logicalLocations: [{ fullyQualifiedName: `${kind}/${namespace}/${name}`, kind: 'object' }],
      },
    ],
  };
}

function flatten({ item, severity, finding, position: { line, column } }: Report) {
  const { code, path, value, message } = finding;
  return {
    file: item.document.source.name,
    line,
    column,
    severity,
    code,
    kind: item.kind,
    namespace: item.namespace,
    name: item.name,
    field: formatPath(path) || 'object',
    ...(value === undefined ? {} : { value }),
    message,
  };
}

const oneLine = (message: string): string => message.replaceAll(/[\r\n]+/g, ' ');

const data = (words: string): string =>
  words.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const property = (words: string): string => data(words).replaceAll(':', '%3A').replaceAll(',', '%2C');
