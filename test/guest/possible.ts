import { DebianError } from '../../scripts/image/debian.ts';
import { storageFolder } from '../storage/programs.ts';
import { fetchMachine } from './machine.ts';

/** Skips the tests of a suite where no guest can be had, and says why. */
export async function skipWithoutGuests(this: Mocha.Context): Promise<void> {
  const why = await missing();
  if (why === undefined) return;
  console.error(`      ${why}`);
  this.skip();
}

async function missing(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `${process.platform} ${process.arch}: guests run this machine's programs, and are made for linux x64 only`;
  try {
    await fetchMachine();
    await storageFolder();
  } catch (error) {
    if (!(error instanceof DebianError)) throw error;
    return error.message;
  }
  return undefined;
}
