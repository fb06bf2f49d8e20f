import type { Reason } from '../reasons.ts';
import { type Hands, tell } from './execute.ts';
import type { Saying } from './step.ts';

/** What is found at every look is said at the first one, and again when it was mended in between. */
export class DiscoverySayings {
  readonly #to: Pick<Hands, 'events' | 'logger' | 'node'>;
  #before: ReadonlySet<string> = new Set();
  #now = new Map<string, Reason>();
  #last: readonly Reason[] = [];

  constructor(to: Pick<Hands, 'events' | 'logger' | 'node'>) {
    this.#to = to;
  }

  say(saying: Saying): void {
    const { about, reason, message } = saying;
    const key = JSON.stringify([about, reason, message]);
    const isNews = !this.#before.has(key) && !this.#now.has(key);
    this.#now.set(key, reason);
    if (isNews) tell(saying, this.#to);
  }

  /** So many times this was said at the last whole look. */
  count(reason: Reason): number {
    return this.#last.filter((said) => said === reason).length;
  }

  /** A look has ended: what was not said in it is not so any more. */
  ended(): void {
    this.#before = new Set(this.#now.keys());
    this.#last = [...this.#now.values()];
    this.#now = new Map();
  }

  /** Says everything once more. */
  clear(): void {
    this.#before = new Set();
  }
}
