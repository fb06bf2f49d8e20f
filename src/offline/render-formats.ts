import { stringify } from 'yaml';
import { patchBetween } from '../mutate/patch.ts';
import { isRecord, valueAt } from '../tars/json.ts';
import type { Segment, SourceDocument } from './documents.ts';
import { editJson } from './edit-json.ts';
import { editYaml } from './edit-yaml.ts';
import type { Item } from './expand.ts';

/** What `tlv render` prints of: the segments of each source, and every document's items. */
interface Rendering {
  readonly sources: readonly (readonly Segment[])[];
  readonly items: readonly Item[];
  /** Objects that stand behind an item: the StatefulSet of a lone TServer, replicas' claims. */
  readonly behind: (item: Item) => readonly object[];
}

/** The formats of `tlv render -o`. */
export const RENDER_FORMATS = { yaml, json, patch } as const;
export type RenderFormat = keyof typeof RENDER_FORMATS;

/** Every document, untouched ones byte for byte; a lone stream of JSON objects stays one. */
function yaml(rendering: Rendering): string {
  const { sources } = rendering;
  const [first] = sources;
  if (first && sources.length === 1 && isJson(first)) return printSource(first, rendering, jsonStream);
  return sources.reduce((output, segments) => {
    const printed = printSource(segments, rendering, isJson(segments) ? jsonInYaml : yamlStream);
    if (output === '') return printed;
    return `${endLine(output)}${startsDocument(printed) ? '' : '---\n'}${printed}`;
  }, '');
}

/** How the documents of a source follow each other, and how an added object is written among them. */
interface Layout {
  /** What goes between two documents of the source. */
  readonly between: string;
  /** What goes before an added object. */
  readonly before: string;
  readonly print: (object: object) => string;
}

const printJson = (object: object): string => `${JSON.stringify(object, undefined, 2)}\n`;
const printYaml = (object: object): string =>
  stringify(object, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.1' });

const yamlStream: Layout = { between: '', before: '---\n', print: printYaml };
const jsonStream: Layout = { between: '', before: '', print: printJson };
/** Among YAML documents, JSON objects need the marks that they do without in a stream of their own. */
const jsonInYaml: Layout = { between: '---\n', before: '---\n', print: printJson };

function printSource(segments: readonly Segment[], { items, behind }: Rendering, layout: Layout): string {
  const itemsOf = Map.groupBy(items, ({ document }) => document);
  let isFirst = true;
  return segments.reduce((output, segment) => {
    if (segment.kind === 'text') return output + segment.text;
    const own = itemsOf.get(segment.document) ?? [];
    const opened = isFirst || layout.between === '' ? output : endLine(output) + layout.between;
    isFirst = false;
    return own
      .flatMap(behind)
      .reduce<string>(
        (printed, object) => endLine(printed) + layout.before + layout.print(object),
        opened + printDocument(segment.document, own),
      );
  }, '');
}

function isJson(segments: readonly Segment[]): boolean {
  return segments.some((segment) => segment.kind === 'document' && segment.document.format === 'json');
}

function endLine(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** One v1 List of every object, for jq and for kubectl. */
function json({ items, behind }: Rendering): string {
  const objects = items.flatMap((item) => [item.after, ...behind(item)]);
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, undefined, 2)}\n`;
}

/** One line of JSON for each changed object: what the webhook would answer. */
function patch({ items }: Rendering): string {
  return items
    .filter(({ before, after }) => before !== after)
    .map(
      ({ kind, namespace, name, before, after }) =>
        `${JSON.stringify({ kind, namespace, name, patch: patchBetween(before, after) })}\n`,
    )
    .join('');
}

function printDocument(document: SourceDocument, items: readonly Item[]): string {
  const changed = items.filter(({ before, after }) => before !== after);
  if (changed.length === 0) return document.text;
  const before = document.json;
  if (!isRecord(before)) return document.text;
  const after = changed.reduce<object>(
    (whole, item) => (item.path.length === 0 ? item.after : withItem(whole, item)),
    before,
  );
  if (document.format === 'yaml') return editYaml(document.text, before, after);
  return editJson(document.text, before, after);
}

/** The List with one item replaced; everything else stays the same reference. */
function withItem(list: object, { path, after }: Item): object {
  const items = valueAt(list, ['items']);
  return Array.isArray(items) ? { ...list, items: items.with(Number(path[1]), after) } : list;
}

/** True when the text brings its own `---` before any content. */
function startsDocument(text: string): boolean {
  return /^\uFEFF?(?:[ \t]*(?:#[^\n]*)?\r?\n|%[^\n]*\n)*---(?:\s|$)/.test(text);
}
