import { execFileSync } from 'node:child_process';
import { storagePrograms } from './programs.ts';

const programs = await storagePrograms();

/** Runs a program that backends need, as people would, and returns what it prints. */
export function runProgram(name: string, ...argv: readonly string[]): string {
  const { path, environment } = programs;
  const env = { ...environment, PATH: path };
  return execFileSync(name, argv, { env, encoding: 'utf8', stdio: 'pipe' });
}
