/** What many measurements of one thing come to. */
export interface Figure {
  readonly median: number;
  /** The middle half of all lies between these. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** The value below which that share of all lies; between two measurements, in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new Error('nothing was measured');
  return below + (above - below) * (position % 1);
}

export function figureOf(values: readonly number[]): Figure {
  const at = (share: number): number => significant(quantile(values, share));
  return { median: at(0.5), low: at(0.25), high: at(0.75), count: values.length };
}

/** More digits than four are noise, and would make each run's file another. */
const significant = (value: number): number => Number(value.toPrecision(4));
