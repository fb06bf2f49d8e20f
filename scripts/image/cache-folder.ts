import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where downloads of one kind are kept for the next time. */
export function cacheFolder(kind: string): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 't-local-volume', kind);
}
