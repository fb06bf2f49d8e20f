import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';

/** The last step of filling a cache: whoever looks there finds all of a folder or nothing. */
export async function moveIntoPlace(made: string, folder: string): Promise<void> {
  try {
    await rename(made, folder);
  } catch (error) {
    // Somebody else was faster, and has the same.
    if (!existsSync(folder)) throw error;
  }
}
