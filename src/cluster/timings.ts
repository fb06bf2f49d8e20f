/** How patient a list-watch is. Durations called "about" are spread by a fifth, so that replicas do not go in step. */
export interface Timings {
  /** About how often a whole list is compared with what was watched. */
  readonly relistMs: number;
  /** About how long the server is asked to keep a watch open. */
  readonly watchMs: number;
  /** How much longer than that a watch may be silent. */
  readonly silenceMarginMs: number;
  /** About how long until a resource that is not there is looked for again. */
  readonly absentMs: number;
  /** A watch that lived this long shows that the trouble is over: the back-off begins anew. */
  readonly healthyMs: number;
  /** A watch that the server closed sooner than this is not opened again at once. */
  readonly briefMs: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
}

export const DEFAULT_TIMINGS: Timings = {
  relistMs: 600_000,
  watchMs: 300_000,
  silenceMarginMs: 30_000,
  absentMs: 15_000,
  healthyMs: 60_000,
  briefMs: 5_000,
  backoffBaseMs: 500,
  backoffCapMs: 30_000,
};
