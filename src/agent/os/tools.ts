import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { type BeforeEffect, noEffect } from '../../cluster/effect.ts';
import { DiskFault } from './errors.ts';

/** A program of the node, such as mkfs.ext4, could not be run, or ended badly. */
export class ToolFailed extends Error {
  override readonly name = 'ToolFailed';
  /** As a person would type it. */
  readonly command: string;
  /** Undefined where it did not end by itself, or was not there. */
  readonly exitCode: number | undefined;
  /** Errno's name where it could not be started; TIMEOUT where it took too long. */
  readonly code: string | undefined;
  readonly stderr: string;

  constructor(command: string, { exitCode, code, stderr, cause }: Ending) {
    super(`\`${command}\` failed: ${stderr.trim() || cause.message}`, { cause });
    this.command = command;
    this.exitCode = exitCode;
    this.code = code;
    this.stderr = stderr;
  }
}

/** The fault of a program that ended well, and has not done what it is for. */
export function inVain(command: readonly string[], why: string): ToolFailed {
  return new ToolFailed(command.join(' '), {
    exitCode: 0,
    code: undefined,
    stderr: why,
    cause: new Error(why),
  });
}

/** What programs print when they run out of room, which is a fault of the disk and not of the program. */
const OUT_OF_ROOM = {
  ENOSPC: 'No space left on device',
  EDQUOT: 'Disk quota exceeded',
} as const;

/**
 * Does what calls programs. What one of them failed with is thrown as a fault of the disk where it was one: a full pool
 * is told of in the same words by whoever has met it.
 * @param path - that is worked on, below the root
 */
export async function withDiskFaults<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskFaultOf(error, path) ?? error;
  }
}

function diskFaultOf(error: unknown, path: string): DiskFault | undefined {
  if (!(error instanceof ToolFailed)) return undefined;
  for (const [code, words] of Object.entries(OUT_OF_ROOM))
    if (error.stderr.includes(words)) return new DiskFault(code, path, error.message, error);
  return undefined;
}

interface Ending {
  readonly exitCode: number | undefined;
  readonly code: string | undefined;
  readonly stderr: string;
  readonly cause: Error;
}

export interface ToolsOptions {
  /** Folders of programs, separated by colons. */
  readonly path: string;
  /** What else programs find in their environment. */
  readonly environment?: Readonly<NodeJS.ProcessEnv>;
  readonly before?: BeforeEffect;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** To format a large disk takes its time. */
const TIMEOUT_MS = 120_000;
const MAX_OUTPUT_BYTES = 2 ** 24;

/**
 * The programs of the node, run by their arguments and never through a shell.
 * Whatever changes something is announced before it is done.
 */
export class Tools {
  readonly #environment: Readonly<NodeJS.ProcessEnv> & { readonly PATH: string };
  readonly #before: BeforeEffect;

  constructor({ path, environment = {}, before = noEffect }: ToolsOptions) {
    // What programs say is read by us: in one language, whatever the node's is.
    this.#environment = { ...environment, PATH: path, LC_ALL: 'C' };
    this.#before = before;
  }

  /**
   * Runs a program that changes nothing, and returns what it printed.
   * @throws {ToolFailed}
   */
  async ask(name: string, argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return await this.#run(name, argv, options);
  }

  /**
   * Runs a program that changes something, and returns what it printed.
   * @throws {ToolFailed}
   */
  async change(name: string, argv: readonly string[], options: RunOptions = {}): Promise<string> {
    this.#before([name, ...argv].join(' '));
    return await this.#run(name, argv, options);
  }

  /** The programs of these that are not there. */
  async missing(names: readonly string[]): Promise<string[]> {
    const found = await Promise.all(names.map((name) => this.#has(name)));
    return names.filter((_, index) => !found[index]);
  }

  async #run(
    name: string,
    argv: readonly string[],
    { timeoutMs = TIMEOUT_MS, signal }: RunOptions,
  ): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const options = {
      env: this.#environment,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
      ...(signal ? { signal } : {}),
    } as const;
    execFile(name, argv, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const { code, killed } = error;
      const errno = typeof code === 'string' ? code : undefined;
      const exitCode = typeof code === 'number' ? code : undefined;
      const ending = { exitCode, code: killed ? 'TIMEOUT' : errno, stderr, cause: error };
      return reject(new ToolFailed([name, ...argv].join(' '), ending));
    });
    return await promise;
  }

  async #has(name: string): Promise<boolean> {
    for (const folder of this.#environment.PATH.split(':')) {
      try {
        await access(join(folder, name), constants.X_OK);
        return true;
      } catch {
        // Then in another one.
      }
    }
    return false;
  }
}
