import { randomUUID } from 'node:crypto';
import type { Directory } from './os/directory.ts';
import { hasCode, STATE_FOLDER } from './os/errors.ts';
import { removeLeftOvers, replaceFile } from './os/replace-file.ts';
import { checkFormat, FORMAT_FILE, formatText, MARKER_FILE, markerText, readMarker } from './pool-marker.ts';
import { LEDGER_FOLDER, TRASH_FOLDER } from './pool-root.ts';

const OURS_ALONE = { uid: 0, gid: 0, mode: 0o700 };

/**
 * Makes an open root a pool. The marker comes last and at once, so that a crash leaves either no pool, and this can be
 * done again, or a whole one.
 */
export async function initPool(root: Directory, node: string): Promise<string> {
  await using state = await ensureFolder(root, STATE_FOLDER);
  await checkFormat(state);
  const marker = await readMarker(state);
  if (marker !== undefined) return marker.id;
  await removeLeftOvers(state);
  for (const name of [LEDGER_FOLDER, TRASH_FOLDER]) {
    await using folder = await ensureFolder(state, name);
    await folder.sync();
  }
  await replaceFile(state, FORMAT_FILE, formatText());
  await root.sync();
  const id = randomUUID();
  await replaceFile(state, MARKER_FILE, markerText({ id, node, createdAt: new Date().toISOString() }));
  return id;
}

async function ensureFolder(parent: Directory, name: string): Promise<Directory> {
  try {
    await parent.makeDirectory(name, OURS_ALONE.mode);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const folder = await parent.openDirectory(name);
  try {
    await folder.own(OURS_ALONE);
    return folder;
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
