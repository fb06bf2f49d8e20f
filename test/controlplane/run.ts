import { spawn } from 'node:child_process';

export interface Outcome {
  /** -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/** Runs a program to its end. Never blocks this process: the webhook that the program waits for may live in it. */
export async function run(
  file: string,
  args: readonly string[],
  { input = '', env = process.env, timeoutMs = 60_000 }: RunOptions = {},
): Promise<Outcome> {
  const child = spawn(file, args, { env, stdio: 'pipe', timeout: timeoutMs, killSignal: 'SIGKILL' });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('close', resolve);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program that does not read its input to the end is not an error.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await promise;
  return { code: code ?? -1, stdout, stderr };
}

/** Runs a program that has to succeed. */
export async function succeed(file: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(file, args);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr.trim()}`);
}
