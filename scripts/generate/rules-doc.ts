import { RULES, type Rule } from '../../src/validate/catalogue.ts';

/** docs/rules.md: the catalogue for people who were just refused. */
export function rulesDoc(): string {
  const refusals = RULES.filter(({ code }) => !code.startsWith('TLV9'));
  const warnings = RULES.filter(({ code }) => code.startsWith('TLV9'));
  return [
    '<!-- Generated from src/validate/catalogue.ts by `npm run generate`; do not edit. -->',
    '',
    '# Rules',
    '',
    'What the webhook refuses and `tlv check` reports, by code. Codes are stable: scripts may rely on them.',
    'A violation that the stored object had already, at the same value, is a warning on update.',
    '',
    ...index(refusals),
    '',
    ...refusals.flatMap(section),
    '## Warnings',
    '',
    'Legal, but somebody should know.',
    '',
    ...index(warnings),
    '',
    ...warnings.flatMap(section),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function index(rules: readonly Rule[]): string[] {
  return [
    '| code | name | on | protects |',
    '| --- | --- | --- | --- |',
    ...rules.map(
      ({ code, name, on, protects }) =>
        `| [${code}](#${code.toLowerCase()}-${name}) | ${name} | ${on.join(', ')} | ${protects} |`,
    ),
  ];
}

function section({ code, name, on, protects, example, remedy }: Rule): string[] {
  return [
    `### ${code} ${name}`,
    '',
    `On ${on.join(', ')}. ${protects}`,
    '',
    '```yaml',
    example,
    '```',
    '',
    remedy,
    '',
  ];
}
