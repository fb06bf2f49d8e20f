import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where downloads and builds of one kind are kept for the next time. XDG_CACHE_HOME is read in `env`. */
export function cacheFolder(kind: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 't-local-volume', kind);
}
