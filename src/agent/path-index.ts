import type { Handlers } from '../cluster/known-objects.ts';

/** Where an object belongs: a path, or a key of its own where it has none. */
export type KeyOf<T> = (object: T) => string;

/** Objects by name and by the key of the work that they are part of, which comes anew whenever one of them changes. */
export class PathIndex<T> implements Handlers<T> {
  readonly #byName = new Map<string, T>();
  readonly #byKey = new Map<string, Map<string, T>>();
  readonly #keyOf: KeyOf<T>;
  readonly #changed: (key: string) => void;

  constructor(keyOf: KeyOf<T>, changed: (key: string) => void) {
    this.#keyOf = keyOf;
    this.#changed = changed;
  }

  upsert(name: string, object: T): void {
    const old = this.#take(name);
    const key = this.#keyOf(object);
    this.#byName.set(name, object);
    const group = this.#byKey.get(key) ?? new Map<string, T>();
    this.#byKey.set(key, group.set(name, object));
    // Told when all is in its place: whoever hears of it may look at once.
    if (old !== undefined && old !== key) this.#changed(old);
    this.#changed(key);
  }

  remove(name: string): void {
    const key = this.#take(name);
    if (key !== undefined) this.#changed(key);
  }

  at(key: string): T[] {
    return [...(this.#byKey.get(key)?.values() ?? [])];
  }

  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  all(): Iterable<T> {
    return this.#byName.values();
  }

  /** Returns the key that it was at. */
  #take(name: string): string | undefined {
    const old = this.#byName.get(name);
    if (old === undefined) return undefined;
    this.#byName.delete(name);
    const key = this.#keyOf(old);
    const group = this.#byKey.get(key);
    group?.delete(name);
    if (group?.size === 0) this.#byKey.delete(key);
    return key;
  }
}
