/* Builds what the tests take from Go modules, once: the programs of clusters, and those that stand for GitOps tools. */
import { BINARIES, cacheFolder, ensureBinaries } from './binaries.ts';
import { ensureGitopsProgram } from './gitops/programs.ts';
import { BuildError } from './go-build.ts';

try {
  await ensureBinaries(BINARIES);
  await ensureGitopsProgram('argocd');
  await ensureGitopsProgram('flux');
  console.log(cacheFolder());
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
