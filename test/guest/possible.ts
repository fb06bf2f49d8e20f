import { guestsMissing } from './machine.ts';

/** Skips the tests of a suite where no guest can be had, and says why. */
export async function skipWithoutGuests(this: Mocha.Context): Promise<void> {
  const why = await guestsMissing();
  if (why === undefined) return;
  console.error(`      ${why}`);
  this.skip();
}
