import { nanosOf } from '../tars/quantity.ts';

/** What is kept back of a pool: for the node itself, and because a directory stops nobody. */
export class Reserve {
  readonly #share: number;
  readonly #bytes: number;

  private constructor(share: number, bytes: number) {
    this.#share = share;
    this.#bytes = bytes;
  }

  /** `10%` of the pool, or a quantity such as `5Gi`; undefined for anything else. */
  static parse(text: string): Reserve | undefined {
    const [, percent] = /^(\d{1,2}(?:\.\d+)?)%$/.exec(text) ?? [];
    if (percent !== undefined) return new Reserve(Number(percent) / 100, 0);
    const nanos = nanosOf(text);
    return nanos === undefined ? undefined : new Reserve(0, Number(nanos / 10n ** 9n));
  }

  bytesOf(totalBytes: number): number {
    return totalBytes * this.#share + this.#bytes;
  }
}
