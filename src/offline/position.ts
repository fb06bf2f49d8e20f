import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Document,
  type LineCounter,
  type Node,
} from 'yaml';
import type { Path } from '../tars/finding.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Where the node at a path stands in the text: the offending value itself, or, where the field is missing,
 * what is nearest above it. Anchors, aliases and merge keys lead to the text that has to be mended.
 */
export function positionOf(document: Document, path: Path, lines: LineCounter): Position {
  let node: unknown = document.contents;
  let offset = startOf(node, 0);
  for (const step of path) {
    const child = childOf(document, node, step);
    if (!child) break;
    offset = child.offset;
    node = child.node;
  }
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

interface Child {
  readonly node: unknown;
  readonly offset: number;
}

function childOf(document: Document, parent: unknown, step: string | number): Child | undefined {
  const node = isAlias(parent) ? parent.resolve(document) : parent;
  if (isSeq(node)) {
    const item = typeof step === 'number' ? node.items[step] : undefined;
    return item === undefined ? undefined : { node: item, offset: startOf(item, 0) };
  }
  if (!isMap(node)) return undefined;
  for (const { key, value } of node.items) {
    if (isScalar(key) && String(key.value) === String(step)) {
      return { node: value, offset: standsBelow(value) ? startOf(key, 0) : startOf(value, startOf(key, 0)) };
    }
  }
  return mergedChild(document, node.items, step);
}

/** True for what has no text beside its key: nothing at all, or a block on the lines below. */
function standsBelow(value: unknown): boolean {
  if (isScalar(value)) return value.value === null && !value.source;
  return isCollection(value) && !value.flow;
}

function mergedChild(
  document: Document,
  items: readonly { key: unknown; value: unknown }[],
  step: string | number,
): Child | undefined {
  const merged = items.find(({ key }) => isScalar(key) && key.source === '<<')?.value;
  const sources = isSeq(merged) ? merged.items : [merged];
  for (const source of sources) {
    const child = childOf(document, source, step);
    if (child) return child;
  }
  return undefined;
}

function startOf(node: unknown, otherwise: number): number {
  return (isNode(node) ? (node as Node).range?.[0] : undefined) ?? otherwise;
}
