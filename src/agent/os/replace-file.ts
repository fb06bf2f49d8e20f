import { randomBytes } from 'node:crypto';
import type { Directory, Name } from './directory.ts';
import { FileFault } from './errors.ts';

const LEFT_OVER = /\.[0-9a-f]{8}\.new$/;

/** Gives a file this content at once or not at all, and lastingly. A crash may leave a file that `isLeftOver`. */
export async function replaceFile(directory: Directory, name: string, text: string): Promise<void> {
  const temporary = `${name}.${randomBytes(4).toString('hex')}.new`;
  try {
    await directory.writeNewFile(temporary, text);
    await directory.rename(temporary, directory, name);
  } catch (error) {
    // On a full disk, the half-written file is the one that must not stay.
    if (error instanceof FileFault) await removeIfPossible(directory, temporary);
    throw error;
  }
  await directory.sync();
}

/** Removes what crashes have left there, as far as it can be removed: on a read-only disk it does no harm. */
export async function removeLeftOvers(directory: Directory): Promise<void> {
  for await (const { name } of directory.entries()) {
    if (isLeftOver(name.toString())) await removeIfPossible(directory, name);
  }
}

/** True for the name of a file that a crash has kept from being finished. */
export function isLeftOver(name: string): boolean {
  return LEFT_OVER.test(name);
}

async function removeIfPossible(directory: Directory, name: Name): Promise<void> {
  try {
    await directory.removeFile(name);
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
  }
}
