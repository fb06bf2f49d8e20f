import { parseSource, type Segment, type SourceDocument } from '../offline/documents.ts';
import type { OfflineOptions } from '../offline/expand.ts';
import { readSources } from '../offline/sources.ts';
import { UnusableInput } from '../offline/unusable-input.ts';
import type { Io } from './io.ts';
import type { InputOptions } from './offline-options.ts';

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
