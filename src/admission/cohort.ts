/** A larger body is most of what its review costs, and is best parsed while it is in the caches itself. */
const LARGE_BYTES = 32 * 1024;
/** Of all bodies that go on at once; what they become takes some ten times as much memory, while all of it is looked at. */
const MOST_BYTES = 512 * 1024;

interface Member {
  readonly bytes: number;
  readonly go: () => void;
}

/**
 * Requests that were read in the same turn of the event loop go on together: each up to its next `await`, before any goes
 * further. All but the first then find the code of that stage in the processor's caches, which is most of what a review
 * costs when fifty come at once (docs/performance.md). One that is alone waits for nobody, and neither does a large one.
 */
export class Cohort {
  #waiting: Member[] = [];

  /** Resolves when all that has arrived by now was read, in the order of arrival. */
  join(bytes: number): Promise<void> {
    if (bytes > LARGE_BYTES) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ bytes, go: resolve });
    if (this.#waiting.length === 1) this.#releaseSoon();
    return promise;
  }

  /** The end of a stage: resolves when the others have come as far. */
  keepStep(): Promise<void> {
    return Promise.resolve();
  }

  #releaseSoon(): void {
    setImmediate(() => {
      for (const { go } of this.#waiting.splice(0, this.#fitting())) go();
      if (this.#waiting.length > 0) this.#releaseSoon();
    });
  }

  /** How many of the first ones are not too much at once. */
  #fitting(): number {
    let bytes = 0;
    const end = this.#waiting.findIndex((member) => (bytes += member.bytes) > MOST_BYTES);
    return end < 0 ? this.#waiting.length : end;
  }
}
