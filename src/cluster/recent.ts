/** A map of what was used last: beyond its limit, what was not used for longest goes, and is told so. */
export class Recent<T> {
  readonly #limit: number;
  readonly #onEvict: (value: T) => void;
  /** In the order of their last use. */
  readonly #entries = new Map<string, T>();

  constructor(limit: number, onEvict: (value: T) => void = () => undefined) {
    this.#limit = limit;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  values(): Iterable<T> {
    return this.#entries.values();
  }

  /** The value of the key, made where there is none; this is a use of it. */
  use(key: string, make: () => T): T {
    const value = this.#entries.get(key) ?? make();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const [oldest] = this.#entries;
    if (this.#entries.size > this.#limit && oldest) {
      this.#entries.delete(oldest[0]);
      this.#onEvict(oldest[1]);
    }
    return value;
  }
}
