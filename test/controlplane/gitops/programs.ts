import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { goBuild } from '../go-build.ts';
import { cacheFolder } from '../../../scripts/cache-folder.ts';
import { Progress } from '../../../scripts/progress.ts';

/** Each is a folder beside this file with a Go program that does what the tool does, by the tool's own packages. */
type GitopsProgram = 'argocd' | 'flux';

const EXPECTED = 'expected 3 to 6 min for Argo CD and 1 to 2 min for Flux on 2 cores, once';

/** How long the build may take: the limit of the hook that asks for it. */
export const BUILD_TIMEOUT_MS = 30 * 60_000;

/** Finds the program, and builds it where it is not there yet, saying so on standard error. */
export async function ensureGitopsProgram(name: GitopsProgram): Promise<string> {
  const folder = folderOf(name);
  const program = join(folder, name);
  if (!existsSync(program)) await build(name, folder);
  return program;
}

/** Another one for every version of anything that goes into the program. */
function folderOf(name: GitopsProgram): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  const source = join(import.meta.dirname, name);
  for (const file of readdirSync(source).sort())
    hash.update(`${file}\n`).update(readFileSync(join(source, file)));
  return cacheFolder(`gitops-${name}-${hash.digest('hex').slice(0, 16)}`);
}

/** Built beside the folder and then moved into it, which is atomic: nobody ever sees half a program. */
async function build(name: GitopsProgram, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(folder, 'build-'));
  const progress = new Progress(`program of ${name}`, EXPECTED);
  try {
    const module = join(import.meta.dirname, name);
    const output = join(temporary, name);
    await goBuild({ module, targets: ['.'], output, variables: {}, env: process.env }, progress);
    renameSync(output, join(folder, name));
  } finally {
    progress.end();
    rmSync(temporary, { recursive: true, force: true });
  }
}
