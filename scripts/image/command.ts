import { execFile } from 'node:child_process';

/** A program that could not be run, or ended badly. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** ENOENT where there is no such program, else how it ended. */
  readonly code: string | number | undefined;
  /** What it said. */
  readonly stderr: string;

  constructor(file: string, args: readonly string[], stderr: string, cause: NodeJS.ErrnoException) {
    super(`\`${[file, ...args].join(' ')}\` failed: ${stderr.trim() || cause.message}`, { cause });
    this.code = cause.code;
    this.stderr = stderr;
  }
}

interface CommandOptions {
  readonly cwd?: string;
  /** Beside what is in the environment already. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a program without a shell and returns what it printed. */
export async function command(
  file: string,
  args: readonly string[],
  { cwd, environment }: CommandOptions = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const env = { ...process.env, ...environment, LC_ALL: 'C' };
  execFile(file, args, { cwd, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
    if (error) reject(new CommandError(file, args, stderr, error as NodeJS.ErrnoException));
    else resolve(stdout);
  });
  return promise;
}
