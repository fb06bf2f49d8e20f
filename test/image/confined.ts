import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Run } from '../offline/tlv.ts';
import { configOf, directory, madeImage } from './made-image.ts';

interface Confinement {
  /** In the image; its own unless told. */
  readonly cwd?: string;
  /** What is run in place of the entrypoint, as `kubectl exec` does. */
  readonly program?: string;
}

const ROOT_FOLDER = join(directory, 'confined');

/** The root of a container, into which files may be put: they do not become part of the image. */
export async function containerRoot(): Promise<string> {
  const { root } = await madeImage();
  // Links, for they are quick and small, and nobody here writes what the image has.
  execFileSync('cp', ['-al', root, ROOT_FOLDER]);
  return ROOT_FOLDER;
}

/** Starts what the image says, as whom it says, with nothing to be seen but the image. */
export async function start(
  args: readonly string[],
  { cwd, program }: Confinement = {},
): Promise<ChildProcessWithoutNullStreams> {
  const { config } = configOf(await madeImage());
  const [uid, gid] = config.User.split(':');
  const confinement = [
    `--root=${ROOT_FOLDER}`,
    `--wd=${cwd ?? config.WorkingDir}`,
    `--setuid=${uid}`,
    `--setgid=${gid}`,
  ];
  const entrypoint = program === undefined ? config.Entrypoint : [program];
  return spawn('unshare', [...confinement, '--', ...entrypoint, ...args], {
    env: Object.fromEntries(config.Env.map((line) => line.split(/=(.*)/s))),
  });
}

/** As `tlv` does with the sources. */
export async function confined(
  args: readonly string[],
  stdin: string,
  confinement?: Confinement,
): Promise<Run> {
  const child = await start(args, confinement);
  // A command that refuses its arguments never reads what it is given.
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [exit] = await ended;
  return { stdout, stderr, exit };
}
