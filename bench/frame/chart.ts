import type { Figure } from './statistics.ts';

/** What the product is called among the contenders. */
export const OURS = 't-local-volume';

/** One thing that was measured of one contender. */
export interface Bar {
  /** The contender. */
  readonly name: string;
  readonly figure: Figure;
}

/** What was measured of all contenders in one situation. */
export interface Group {
  readonly name: string;
  readonly bars: readonly Bar[];
}

/** Measurements of one kind, all of one run: only such may be compared. */
export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly isLessBetter: boolean;
  /** The contender that the others are set in proportion to, within their group. */
  readonly floor?: string;
  readonly groups: readonly Group[];
}

/** How this bar compares with the floor of its group; undefined for the floor itself, and where there is none. */
export function ratioOf({ floor }: Chart, { bars }: Group, { name, figure }: Bar): number | undefined {
  const base = bars.find((bar) => bar.name === floor);
  return base === undefined || name === floor || base.figure.median === 0
    ? undefined
    : figure.median / base.figure.median;
}

export const contendersOf = ({ groups }: Chart): string[] => [
  ...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name))),
];

/** As short as it can be read: 0.0123, 1.23, 12.3, 123, 12,345. */
export function numberText(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', { minimumFractionDigits: 0, maximumFractionDigits: digits });
}
