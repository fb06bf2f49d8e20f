import { Option, type Command } from 'commander';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const FORMATS = ['json', 'pretty'] as const;

/** The options of every command that runs for long. */
export interface LogOptions {
  readonly logLevel: (typeof LEVELS)[number];
  readonly logFormat: (typeof FORMATS)[number];
}

export function addLogOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--log-level <level>', 'what is logged')
        .env('TLV_LOG_LEVEL')
        .choices(LEVELS)
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'json for machines, pretty for people')
        .env('TLV_LOG_FORMAT')
        .choices(FORMATS)
        .default('json'),
    );
}
