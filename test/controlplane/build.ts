/*
 * Builds what the tests take from Go modules, once: the programs of clusters, and those that stand for GitOps tools.
 * The tier `node` runs on the newest Kubernetes, so of others (`npm run test:matrix`) there is no kubelet to be built.
 */
import { BINARIES, cacheFolder, CONTROL_PLANE, ensureBinaries, isNewest } from './binaries.ts';
import { ensureGitopsProgram } from './gitops/programs.ts';
import { BuildError } from './go-build.ts';

try {
  await ensureBinaries(isNewest() ? BINARIES : [...CONTROL_PLANE, 'helm']);
  await ensureGitopsProgram('argocd');
  await ensureGitopsProgram('flux');
  console.log(cacheFolder());
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
