import type { Finding } from '../tars/finding.ts';
import type { Item } from './expand.ts';
import type { Position } from './position.ts';

/** A finding with the object that it is about and where that stands. */
export interface Report {
  readonly item: Item;
  readonly severity: 'error' | 'warning';
  readonly finding: Finding;
  readonly position: Position;
}

/** Everything that is to be said of the items, source by source and from top to bottom. */
export function reportsOf(items: readonly Item[]): Report[] {
  const reports = items.flatMap((item) => [
    ...item.verdict.violations.map((finding) => report(item, 'error', finding)),
    ...item.verdict.warnings.map((finding) => report(item, 'warning', finding)),
  ]);
  return [...Map.groupBy(reports, ({ item }) => item.document.source).values()].flatMap((ofSource) =>
    ofSource.sort((a, b) => a.position.line - b.position.line || a.position.column - b.position.column),
  );
}

function report(item: Item, severity: Report['severity'], finding: Finding): Report {
  const position = item.document.position([...item.path, ...finding.path]);
  return { item, severity, finding, position };
}
