import { stringify } from 'yaml';
import { patchBetween } from '../mutate/patch.ts';
import { isRecord, valueAt } from '../tars/json.ts';
import type { Segment, SourceDocument } from './documents.ts';
import { editYaml } from './edit-yaml.ts';
import type { Item } from './expand.ts';

/** What `tlv render` prints of: the segments of each source, and every document's items. */
export interface Rendering {
  readonly sources: readonly (readonly Segment[])[];
  readonly items: readonly Item[];
  /** Objects that stand behind an item: the StatefulSet of a lone TServer, replicas' claims. */
  readonly behind: (item: Item) => readonly object[];
}

/** The formats of `tlv render -o`. */
export const RENDER_FORMATS = { yaml, json, patch } as const;
export type RenderFormat = keyof typeof RENDER_FORMATS;

/** Every document, untouched ones byte for byte; a stream of JSON objects stays one. */
function yaml({ sources, items, behind }: Rendering): string {
  const itemsOf = Map.groupBy(items, ({ document }) => document);
  let output = '';
  for (const segments of sources) {
    const isJson = segments.some(
      (segment) => segment.kind === 'document' && segment.document.format === 'json',
    );
    for (const [index, segment] of segments.entries()) {
      const own = segment.kind === 'document' ? (itemsOf.get(segment.document) ?? []) : [];
      const printed = segment.kind === 'document' ? printDocument(segment.document, own) : segment.text;
      if (index === 0 && output !== '')
        output = `${endLine(output)}${startsDocument(segments) ? '' : '---\n'}`;
      output += printed;
      for (const object of own.flatMap(behind)) {
        output = isJson
          ? `${endLine(output)}${JSON.stringify(object, undefined, 2)}\n`
          : `${endLine(output)}---\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.1' })}`;
      }
    }
  }
  return output;
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
  const indent = /\n([ \t]+)/.exec(document.text)?.[1];
  return JSON.stringify(after, undefined, indent);
}

/** The List with one item replaced; everything else stays the same reference. */
function withItem(list: object, { path, after }: Item): object {
  const items = valueAt(list, ['items']);
  return Array.isArray(items) ? { ...list, items: items.with(Number(path[1]), after) } : list;
}

const endLine = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

/** True when the source brings its own `---` before any content. */
function startsDocument(segments: readonly Segment[]): boolean {
  const text = segments
    .map((segment) => (segment.kind === 'text' ? segment.text : segment.document.text))
    .join('');
  return /^\uFEFF?(?:[ \t]*(?:#[^\n]*)?\r?\n|%[^\n]*\n)*---(?:\s|$)/.test(text);
}
