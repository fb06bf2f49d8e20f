/** What is measured once a round. */
export interface Contender<T> {
  readonly name: string;
  readonly measure: (round: number) => T | Promise<T>;
}

export interface Rounds {
  /** The first ones, which are thrown away. */
  readonly warmUp: number;
  readonly counted: number;
}

/**
 * Measures all contenders in turn, every other round in reverse, so that whatever becomes slower or faster meanwhile
 * (the machine, the compiler, a disk that fills) hits all alike. Returns their measurements by name, together where
 * several have the same.
 */
export async function inTurn<T>(
  contenders: readonly Contender<T>[],
  { warmUp, counted }: Rounds,
): Promise<ReadonlyMap<string, readonly T[]>> {
  const values = new Map(contenders.map(({ name }): [string, T[]] => [name, []]));
  for (let round = 0; round < warmUp + counted; round += 1) {
    for (const { name, measure } of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const value = await measure(round);
      if (round >= warmUp) values.get(name)?.push(value);
    }
  }
  return values;
}
