import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './bundle.ts';
import { command, CommandError } from './command.ts';

/** Where and when the sources of an image are from. */
export interface Provenance {
  readonly created: Date;
  /** The commit, with `-dirty` where files differ from it. */
  readonly revision?: string;
}

/** Never the present time: the same sources make the same image. */
export async function provenance(env: NodeJS.ProcessEnv = process.env): Promise<Provenance> {
  const epoch = env['SOURCE_DATE_EPOCH'];
  if (epoch !== undefined && !/^\d+$/.test(epoch)) {
    throw new Error(`SOURCE_DATE_EPOCH=${epoch}: must be the seconds since 1970 as a number`);
  }
  const commit = await lastCommit();
  const created = new Date(Number(epoch ?? commit?.seconds ?? 0) * 1000);
  return commit ? { created, revision: commit.revision } : { created };
}

/** Undefined in a copy without history, and where git is missing or does not trust the checkout of another user. */
async function lastCommit(): Promise<{ seconds: string; revision: string } | undefined> {
  // Not the history of what the copy lies in.
  if (!existsSync(join(ROOT, '.git'))) return undefined;
  const git = async (...args: string[]) => (await command('git', ['-C', ROOT, ...args])).trim();
  try {
    const [seconds = '', hash = ''] = (await git('log', '-1', '--format=%ct %H')).split(' ');
    const isDirty = (await git('status', '--porcelain')) !== '';
    return { seconds, revision: isDirty ? `${hash}-dirty` : hash };
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
