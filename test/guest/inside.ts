import { join } from 'node:path';
import type { Guest } from './guest.ts';
import { bootForTests, listInner, runInner } from './inner.ts';
import type { InnerTest } from './inner-test.ts';
import { skipWithoutGuests } from './possible.ts';

/** Each test of these files of inside/, told of as it ends in the one guest where all of them run. */
export async function testInside(...names: readonly string[]): Promise<void> {
  const files = names.map((name) => join(import.meta.dirname, 'inside', name));
  const titles = await listInner(files);

  describe(`in a guest: ${names.join(', ')}`, function () {
    this.timeout(1_200_000);
    let guest: Guest;
    /** Those that ended until now, and who waits for the next. */
    const ended = new Map<string, InnerTest>();
    let next = Promise.withResolvers<void>();
    let end: Promise<string>;

    before(skipWithoutGuests);
    before(async () => {
      guest = await bootForTests();
      end = runInner(guest, files, (test) => {
        ended.set(test.title, test);
        next.resolve();
        next = Promise.withResolvers();
      });
      end.catch(() => undefined);
    });
    after(() => guest?.stop());

    for (const title of titles) {
      it(title, async function () {
        while (!ended.has(title) && (await Promise.race([next.promise, end])) === undefined);
        const test = ended.get(title);
        if (test?.state === 'pending') this.skip();
        if (test?.state !== 'passed') throw new Error(test?.error ?? `it was not run:\n${await whyNot()}`);
      });
    }

    /** A hook that failed, and what was printed. */
    async function whyNot(): Promise<string> {
      const strangers = [...ended.values()].filter((test) => !titles.includes(test.title));
      return [...strangers.map((test) => `${test.title}: ${test.error}`), await end].join('\n');
    }
  });
}
