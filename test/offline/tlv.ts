import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number | null;
}

/** The real command line, from the root of the repository: `tlv('check', '-f', 'examples')`. */
export async function tlv(
  args: readonly string[],
  stdin = '',
  env: Record<string, string> = {},
): Promise<Run> {
  const child = spawn(`${ROOT}bin/tlv`, args, { cwd: ROOT, env: { ...process.env, ...env } });
  const [stdout, stderr, exit] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
      // A command that refuses its arguments never reads what it is given.
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin);
    }),
  ]);
  return { stdout, stderr, exit };
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
