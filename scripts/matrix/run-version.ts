import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pinnedVersion } from '../../test/controlplane/binaries.ts';
import { readOutput } from './read-output.ts';
import type { TierResult } from './tier-result.ts';

const TEST = join(import.meta.dirname, '..', 'test.ts');

/** A version could not be tried to the end; the output above says why. */
export class MatrixError extends Error {
  override readonly name = 'MatrixError';
}

/** Builds one minor version of Kubernetes and runs those tiers on it. What they print is shown as it comes. */
export async function runVersion(minor: string, tiers: readonly string[]): Promise<TierResult[]> {
  const env = environmentFor(minor);
  const kubernetes = pinnedVersion(env).replace(/^v/, '');
  const built = readOutput(await runTiers(['binaries'], env));
  if (built.some(({ failed }) => failed > 0) || built.length === 0) {
    throw new MatrixError(`Kubernetes ${kubernetes} could not be built`);
  }
  const outcomes = readOutput(await runTiers(tiers, env));
  const missing = tiers.filter((name) => !outcomes.some(({ tier }) => tier === name));
  if (missing.length > 0) {
    throw new MatrixError(`Kubernetes ${kubernetes}: ${missing.join(', ')} did not come to an end`);
  }
  const date = new Date().toISOString().slice(0, 10);
  return outcomes.map((outcome) => ({ kubernetes, ...outcome, date }));
}

function environmentFor(minor: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, TLV_KUBERNETES: minor };
  // Programs from there would be of any version, and the page would name another.
  delete env['KUBEBUILDER_ASSETS'];
  return env;
}

async function runTiers(tiers: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [TEST, ...tiers], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('error', reject);
  child.once('close', () => resolve());
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  await promise;
  return output;
}
