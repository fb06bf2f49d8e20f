import { spawn } from 'node:child_process';
import { type BeforeEffect, noEffect } from '../../cluster/effect.ts';
import { errnoOf } from './errors.ts';

/** A program that was to clean a device could not be run, or ended badly; in words that hold what it said last. */
export class CleanerFailed extends Error {
  override readonly name = 'CleanerFailed';
}

export interface CleanerRun {
  readonly argv: readonly string[];
  /** The device, which the program finds in its environment. */
  readonly device: string;
  readonly signal: AbortSignal;
  readonly before?: BeforeEffect;
}

/** What the static provisioner calls it. */
const DEVICE_VARIABLE = 'LOCAL_PV_BLKDEVICE';
const SEARCHED = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const KEPT_CHARACTERS = 2000;

/**
 * Runs a cleaner by its arguments, for as long as it takes. It is ended with the signal, and all that it has started.
 * @throws {CleanerFailed}
 */
export async function runCleaner({ argv, device, signal, before = noEffect }: CleanerRun): Promise<void> {
  const [program = '', ...args] = argv;
  signal.throwIfAborted();
  before(`run ${argv.join(' ')} for ${device}`);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const environment = { PATH: SEARCHED, LC_ALL: 'C', [DEVICE_VARIABLE]: device };
  // A group of its own, so that what a script is waiting for ends with it.
  const child = spawn(program, args, {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  const hear = (text: string): void => {
    said = (said + text).slice(-KEPT_CHARACTERS);
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  child.once('error', (error) =>
    reject(new CleanerFailed(`\`${argv.join(' ')}\` cannot be run: ${error.message}`)),
  );
  child.once('close', (code, by) => resolve(code === 0 ? '' : `ended with ${code ?? by}`));
  const end = (): void => endGroup(child.pid);
  signal.addEventListener('abort', end, { once: true });
  try {
    const ending = await promise;
    signal.throwIfAborted();
    if (ending !== '')
      throw new CleanerFailed(`\`${argv.join(' ')}\` ${ending}: ${said.trim() || 'it said nothing'}`);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has just ended by itself.
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
