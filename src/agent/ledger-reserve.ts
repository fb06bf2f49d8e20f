import { randomBytes } from 'node:crypto';
import type { Directory } from './os/directory.ts';
import { FileFault, hasCode } from './os/errors.ts';
import { replaceFile } from './os/replace-file.ts';

/** Nothing but blocks, beside the ledger: given up so that on a full disk it can still be written what is to go. */
const RESERVE_FILE = 'reserve';
const RESERVE_BYTES = 64 * 1024;

/** Makes the reserve where it is missing and there is room for it. */
export async function restoreReserve(state: Directory): Promise<void> {
  if (await state.status(RESERVE_FILE)) return;
  try {
    // Zeroes would take no blocks where the filesystem compresses.
    await replaceFile(state, RESERVE_FILE, randomBytes(RESERVE_BYTES / 2).toString('hex'));
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
  }
}

/** Gives the reserve up; false where there is none. */
export async function spendReserve(state: Directory): Promise<boolean> {
  try {
    await state.removeFile(RESERVE_FILE);
    await state.sync();
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
