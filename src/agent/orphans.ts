import { asVolumePath, type VolumePath } from '../tars/host-path.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import type { Directory } from './os/directory.ts';
import { STATE_FOLDER } from './os/errors.ts';
import type { HealthyPool } from './pool-health.ts';

/** Data without a volume. Nothing here is removed by itself. */
export interface Orphan {
  /** Below the root. */
  readonly path: string;
  /** `kept`: the ledger says whose it was; `unknown`: it does not know it; `unreadable`: its entry makes no sense. */
  readonly kind: 'kept' | 'unknown' | 'unreadable';
  readonly entry?: LedgerEntry;
}

/** How many a scan reports at most: a root may hold anything. */
const MOST = 10_000;

/**
 * What is on the disk and belongs to no volume.
 * @param isServed true for paths that volumes of this node lead to, whoever made them
 */
export async function findOrphans(
  { pool, ledger }: Pick<HealthyPool, 'pool' | 'ledger'>,
  isServed: (path: VolumePath) => boolean,
): Promise<readonly Orphan[]> {
  const orphans: Orphan[] = ledger
    .unreadable()
    .map(({ file }) => ({ path: `${STATE_FOLDER}/ledger/${file}`, kind: 'unreadable' }));
  const entries = new Map(ledger.all().map((entry) => [entry.path, entry]));
  const seen = new Set(await pool.withRoot((root) => directoriesAt(root, 3)));
  const isWhole = seen.size <= MOST;
  for (const entry of entries.values()) {
    // Where people have taken the data away, the ledger is behind until the agent looks there again.
    const isThere = seen.has(entry.path) || !isWhole || entry.storage !== undefined;
    if (entry.state === 'kept' && isThere) orphans.push({ path: entry.path, kind: 'kept', entry });
  }
  for (const text of seen) {
    const path = asVolumePath(text);
    const isKnown = path !== undefined && (entries.has(path) || isServed(path));
    if (!isKnown) orphans.push({ path: text, kind: 'unknown' });
  }
  return orphans.slice(0, MOST);
}

/** The paths of what is so many levels down, and of what is no directory on the way there. */
async function directoriesAt(directory: Directory, depth: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of directory.entries()) {
    const text = name.toString();
    if (directory.path === '.' && text === STATE_FOLDER) continue;
    if (depth === 1 || !isDirectory) {
      found.push(directory.path === '.' ? text : `${directory.path}/${text}`);
    } else {
      await using child = await directory.findDirectory(name);
      if (child) found.push(...(await directoriesAt(child, depth - 1)));
    }
    if (found.length > MOST) break;
  }
  return found;
}
