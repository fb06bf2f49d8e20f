import { Option, type Command } from 'commander';
import { parseSource, type Segment, type SourceDocument } from '../offline/documents.ts';
import type { OfflineOptions } from '../offline/expand.ts';
import { readSources } from '../offline/sources.ts';
import { UnusableInput } from '../offline/unusable-input.ts';
import type { Io } from './io.ts';
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

export interface Input {
  readonly sources: readonly (readonly Segment[])[];
  readonly documents: readonly SourceDocument[];
  readonly options: OfflineOptions;
}

/** Reads and parses everything that `-f` names, or standard input. */
export async function readInput(
  { file, namespace, classes, modePattern }: InputOptions,
  { stdin }: Io,
): Promise<Input> {
  if (file.length === 0 && stdin.isTTY) {
    throw new UnusableInput('standard input', 'nothing to read; name files with -f, or pipe manifests in');
  }
  const texts = await readSources(file.length === 0 ? ['-'] : file, stdin);
  const sources = texts.map(parseSource);
  const documents = sources
    .flat()
    .flatMap((segment) => (segment.kind === 'document' ? [segment.document] : []));
  return { sources, documents, options: { namespace, settings: { classes, modePattern } } };
}
