import { isDeepStrictEqual } from 'node:util';
import {
  Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Pair,
  parseDocument,
  Scalar,
  stringify,
  visit,
  YAMLMap,
  YAMLSeq,
  type Node,
} from 'yaml';
import type { Operation } from 'fast-json-patch';
import { patchBetween } from '../mutate/patch.ts';
import { KUBECTL_YAML } from './documents.ts';

/**
 * The text of a document after a change: comments, key order and the spelling of everything that stayed
 * are those of the source.
 *
 * Every scalar is treated as text while editing (YAML's failsafe schema), so that 0644, yes or 1.10 are
 * written again as they were found. What comes out is parsed and compared with what was meant.
 */
export function editYaml(source: string, before: object, after: object): string {
  const operations = patchBetween(before, after);
  const lineFeeds = source.replaceAll('\r\n', '\n');
  const edited =
    editChecked(lineFeeds, operations, after, false) ??
    editChecked(lineFeeds, operations, after, true) ??
    // Right without comments is better than wrong with them.
    writtenAnew(lineFeeds, after);
  return source.includes('\r\n') ? edited.replaceAll('\n', '\r\n') : edited;
}

/** Undefined where the text would say something else: an anchor that others refer to was edited. */
function editChecked(
  source: string,
  operations: readonly Operation[],
  after: object,
  expanded: boolean,
): string | undefined {
  const document = parseDocument(source, { schema: 'failsafe', version: '1.1' });
  if (expanded) expandAliases(document);
  for (const operation of operations) {
    if (!applyOperation(document, operation)) return undefined;
  }
  try {
    const text = document.toString({ lineWidth: 0, ...styleOf(source) });
    return saysThis(text, after) ? text : undefined;
  } catch {
    // What aliases refer to is not there any more.
    return undefined;
  }
}

function writtenAnew(source: string, after: object): string {
  const document = new Document(after, { aliasDuplicateObjects: false, version: '1.1' });
  // In a stream it would be one with the document before it.
  const { docStart } = parseDocument(source).directives;
  if (document.directives) document.directives.docStart = docStart;
  return document.toString({ lineWidth: 0 });
}

function saysThis(text: string, meant: object): boolean {
  try {
    return isDeepStrictEqual(parseDocument(text, KUBECTL_YAML).toJS(), meant);
  } catch {
    // A merge key that merges nothing.
    return false;
  }
}

function applyOperation(document: Document, operation: Operation): boolean {
  const path = operation.path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = path.pop();
  const parent = path.reduce<unknown>(child, document.contents);
  if (last === undefined) return false;
  const value = operation.op === 'add' || operation.op === 'replace' ? newNode(operation.value) : undefined;
  if (isSeq(parent)) {
    const index = last === '-' ? parent.items.length : Number(last);
    const removed = operation.op === 'add' ? 0 : 1;
    const [old] = parent.items.splice(index, removed);
    if (value) parent.items.splice(index, 0, withCommentsOf(old, value));
    return true;
  }
  if (!isMap(parent)) return false;
  if (!value) return parent.delete(last);
  const pair = parent.items.find(({ key }) => isScalar(key) && key.value === last);
  if (pair) pair.value = withCommentsOf(pair.value, value);
  else parent.items.push(new Pair(newNode(last), value));
  return true;
}

/** A new node in place of an old one, under the comments that the old one had. */
function withCommentsOf(old: unknown, node: Node): Node {
  if (!isNode(old)) return node;
  const comments = [old.commentBefore, old.comment].filter((comment) => typeof comment === 'string');
  if (comments.length > 0) node.commentBefore = comments.join('\n');
  return node;
}

function child(parent: unknown, step: string): unknown {
  if (isSeq(parent)) return parent.items[Number(step)];
  if (isMap(parent)) return parent.items.find(({ key }) => isScalar(key) && key.value === step)?.value;
  return undefined;
}

/** Nodes for a JSON value; strings are quoted where kubectl would read something else. */
function newNode(value: unknown): Node {
  if (Array.isArray(value)) {
    const list = new YAMLSeq();
    list.items = value.map(newNode);
    return list;
  }
  if (value !== null && typeof value === 'object') {
    const map = new YAMLMap();
    map.items = Object.entries(value).map(([key, item]) => new Pair(newNode(key), newNode(item)));
    return map;
  }
  const scalar = new Scalar(String(value));
  scalar.type = typeof value === 'string' && needsQuotes(value) ? Scalar.QUOTE_DOUBLE : Scalar.PLAIN;
  return scalar;
}

function needsQuotes(text: string): boolean {
  // Plain, it would be a merge key.
  if (text === '<<') return true;
  return stringify(text) !== `${text}\n` || stringify(text, { version: '1.1' }) !== `${text}\n`;
}

/** Aliases and merge keys replaced by copies of what they stand for, so that an edit reaches one place only. */
function expandAliases(document: Document): void {
  visit(document, {
    Alias: (_key, alias) => {
      const copy = alias.resolve(document)?.clone();
      if (!isMap(copy) && !isSeq(copy) && !isScalar(copy)) return undefined;
      delete copy.anchor;
      return withCommentsOf(alias, copy);
    },
  });
  visit(document, { Map: (_key, map) => expandMerge(map) });
  // Anchors that nothing refers to any more would be noise.
  visit(document, {
    Node: (_key, node) => {
      if (!isAlias(node) && node.anchor) delete node.anchor;
    },
  });
}

/** What it merges may merge something itself, which comes first. */
function expandMerge(map: YAMLMap): void {
  const merge = map.items.findIndex(({ key }) => isScalar(key) && key.value === '<<');
  if (merge < 0) return;
  const { value } = map.items[merge] ?? {};
  const sources = (isSeq(value) ? value.items : [value]).filter(isMap);
  for (const source of sources) expandMerge(source);
  const own = new Set(map.items.map(({ key }) => String(key)));
  const merged: Pair[] = [];
  for (const pair of sources.flatMap(({ items }) => items)) {
    if (own.has(String(pair.key))) continue;
    own.add(String(pair.key));
    merged.push(pair);
  }
  map.items.splice(merge, 1, ...merged);
}

/** The source's own indentation and brackets, so that what did not change does not move. */
function styleOf(source: string) {
  const steps = indentSteps(source);
  const nested = steps.find(({ isItem }) => !isItem)?.step ?? 2;
  const list = steps.find(({ isItem }) => isItem)?.step;
  return {
    indent: Math.min(Math.max(nested, 2), 8),
    indentSeq: list === undefined || list > 0,
    flowCollectionPadding: !/[[{][^\s\]}]/.test(source) || /[[{] \S/.test(source),
  };
}

/** How far each line stands to the right of the `key:` above it; a key behind `- ` stands behind the dash. */
function indentSteps(source: string): { step: number; isItem: boolean }[] {
  const lines = source.split('\n').filter((line) => /^\s*[^\s#]/.test(line));
  return lines.flatMap((line, index) => {
    const previous = /^((?:[ ]|- )*)[^\s#][^\n]*:(?:\s+[&#!].*)?\s*$/.exec(lines[index - 1] ?? '');
    const spaces = /^ */.exec(line)?.[0].length ?? 0;
    const step = previous ? spaces - (previous[1]?.length ?? 0) : -1;
    const isItem = /^ *- /.test(line);
    return step > 0 || (step === 0 && isItem) ? [{ step, isItem }] : [];
  });
}
