import { InvalidArgumentError, Option, type Command } from 'commander';
import { MODE_PATTERNS, type ModePattern } from '../tars/patterns.ts';
import { DEFAULT_CLASSES, parseClasses, type ClassSetting } from '../tars/settings.ts';
import { parseSource, type Segment, type SourceDocument } from '../offline/documents.ts';
import type { OfflineOptions } from '../offline/expand.ts';
import { readSources } from '../offline/sources.ts';
import { messageOf, UnusableInput } from '../offline/unusable-input.ts';
import type { Io } from './io.ts';

/** The options that render and check share; classes and mode pattern are the webhook's and agent's too. */
export interface InputOptions {
  readonly file: readonly string[];
  readonly namespace: string;
  readonly classes: ReadonlyMap<string, ClassSetting>;
  readonly modePattern: ModePattern;
}

export function addInputOptions(command: Command): Command {
  return command
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
    )
    .addOption(
      new Option('--classes <list>', 'served storage classes: NAME=on-demand|per-node|discovery[:enforced],…')
        .env('TLV_CLASSES')
        .argParser(argument(parseClasses))
        .default(parseClasses(DEFAULT_CLASSES), DEFAULT_CLASSES),
    )
    .addOption(
      new Option('--mode-pattern <name>', `seed (${MODE_PATTERNS.seed}) or posix (${MODE_PATTERNS.posix})`)
        .env('TLV_MODE_PATTERN')
        .choices(Object.keys(MODE_PATTERNS))
        .default('seed'),
    );
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

function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  };
}
