import { Option, type Command } from 'commander';
import { addSettingsOptions, type SettingsOptions } from './settings-options.ts';

/** The options that render and check share. */
export interface InputOptions extends SettingsOptions {
  readonly file: readonly string[];
  readonly namespace: string;
}

export function addInputOptions(command: Command): Command {
  command
    .addOption(
      new Option(
        '-f, --file <file...>',
        'file, directory (every *.yaml, *.yml, *.json below it), or - for standard input',
      )
        .env('TLV_FILE')
        .default([], 'standard input'),
    )
    .addOption(
      new Option('-n, --namespace <name>', 'namespace of documents that name none')
        .env('TLV_NAMESPACE')
        .default('default'),
    );
  return addSettingsOptions(command);
}
