import {
  Composer,
  type Document,
  LineCounter,
  parseDocument,
  Parser,
  YAMLParseError,
  type CST,
  type DocumentOptions,
  type ParseOptions,
  type SchemaOptions,
} from 'yaml';
import type { Path } from '../tars/finding.ts';
import { splitJson } from './json-stream.ts';
import { positionOf, type Position } from './position.ts';
import { messageOf } from '../tars/message-of.ts';
import { UnusableInput } from './unusable-input.ts';

/** Text that was read, under the name that people know it by. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/** One document of a stream, with its very text. */
export interface SourceDocument {
  readonly source: Source;
  readonly format: 'yaml' | 'json';
  readonly text: string;
  /** As kubectl would read it; undefined for an empty document. */
  readonly json: unknown;
  position(path: Path): Position;
}

/** A stream cut into documents and the text between them; all texts together are the source, byte for byte. */
export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'document'; readonly document: SourceDocument };

/**
 * kubectl reads YAML 1.1: `yes` is true and 0644 is octal. It has no base-60 numbers, and a date stays
 * a string in JSON, so these two are left out.
 */
export const KUBECTL_YAML = {
  version: '1.1',
  merge: true,
  logLevel: 'error',
  customTags: (tags) =>
    tags.filter(
      (tag) =>
        typeof tag === 'string' ||
        (tag.tag !== 'tag:yaml.org,2002:timestamp' && !('format' in tag && tag.format === 'TIME')),
    ),
} satisfies ParseOptions & DocumentOptions & SchemaOptions;

/** @throws UnusableInput with file, line and column of the first fault. */
export function parseSource(source: Source): Segment[] {
  const chunks = splitJson(source.text);
  return chunks ? jsonSegments(source, chunks) : yamlSegments(source);
}

function yamlSegments(source: Source): Segment[] {
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(source.text)];
  const documents = [...new Composer(KUBECTL_YAML).compose(tokens)];
  for (const document of documents) throwFirstError(document, source, lines);
  const queue = [...documents];
  return tokens.flatMap((token, index): Segment[] => {
    const text = source.text.slice(offsetOf(token), offsetOf(tokens[index + 1], source.text.length));
    const document = token.type === 'document' ? queue.shift() : undefined;
    if (!document) return [{ kind: 'text', text }];
    const json = toJson(document, source);
    const position = (path: Path) => positionOf(document, path, lines);
    return [{ kind: 'document', document: { source, format: 'yaml', text, json, position } }];
  });
}

function jsonSegments(source: Source, chunks: readonly string[]): Segment[] {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of source.text.matchAll(/\n/g)) lines.addNewLine(index + 1);
  let offset = 0;
  return chunks.map((text): Segment => {
    const start = offset;
    offset += text.length;
    if (text.trim() === '') return { kind: 'text', text };
    // Only of what something is found in, and once: a List may have thousands of findings.
    let tree: Document.Parsed | undefined;
    const position = (path: Path): Position => {
      // Blanks in place of what stands before keep the offsets those of the whole source.
      tree ??= parseDocument(' '.repeat(start) + text.replaceAll('\t', ' '));
      return positionOf(tree, path, lines);
    };
    return { kind: 'document', document: { source, format: 'json', text, json: JSON.parse(text), position } };
  });
}

function offsetOf(token: CST.Token | undefined, end = 0): number {
  return token ? token.offset : end;
}

function throwFirstError(document: Document | Document.Parsed, source: Source, lines: LineCounter): void {
  const [error] = document.errors;
  if (!(error instanceof YAMLParseError)) return;
  const { line, col } = lines.linePos(error.pos[0]);
  throw new UnusableInput(`${source.name}:${line}:${col}`, `not YAML: ${error.message}`, { cause: error });
}

function toJson(document: Document, source: Source): unknown {
  try {
    return document.toJS() ?? undefined;
  } catch (error) {
    // Aliases that would grow without bound, or that refer to nothing.
    throw new UnusableInput(source.name, `not YAML: ${messageOf(error)}`, { cause: error });
  }
}
