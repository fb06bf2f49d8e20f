import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GuideStep } from './migrate-guide.ts';

/** A step ended in an error; the message has the last of what it printed. */
class StepFailed extends Error {
  override readonly name = 'StepFailed';
}

const MARK = '=== that was the step ===';
const TIMEOUT_MS = 240_000;
/** Characters. */
const LAST = 4000;

/**
 * One shell that steps are given to in turn, as if a person pasted them: what one has set, the next one finds. The first
 * command that fails ends it.
 */
export class Session {
  readonly #folder: string;
  readonly #shell: ChildProcess;
  readonly #ended: Promise<unknown>;
  #printed = '';
  #count = 0;
  #hear: () => void = () => undefined;
  #failed: string | undefined;

  /** @param folder where it works, and where the steps are put */
  constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#shell = spawn('sh', ['-eu'], { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#ended = once(this.#shell, 'close');
    this.#shell.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text;
      this.#hear();
    });
    // Written to after its end: the step that ended it has told so.
    this.#shell.stdin?.on('error', () => undefined);
  }

  /** Returns what a terminal would show. */
  async run({ name, commands }: Pick<GuideStep, 'name' | 'commands'>): Promise<string> {
    if (this.#failed !== undefined)
      throw new StepFailed(`step ${name} comes after ${this.#failed}, which failed`);
    const file = join(this.#folder, `${++this.#count}-${name}.sh`);
    writeFileSync(file, commands);
    this.#printed = '';
    const { promise: done, resolve } = Promise.withResolvers<true>();
    this.#hear = () => {
      if (this.#printed.endsWith(`${MARK}\n`)) resolve(true);
    };
    // No command finds the next step on its standard input.
    this.#shell.stdin?.write(`. '${file}' </dev/null 2>&1\necho '${MARK}'\n`);
    const timer = AbortSignal.timeout(TIMEOUT_MS);
    const isLate = once(timer, 'abort').then(() => 'took too long');
    const end = await Promise.race([done, this.#ended.then(() => 'failed'), isLate]);
    if (end !== true) {
      this.#failed = name;
      throw new StepFailed(`step ${name} ${end}:\n${commands}\n${this.#printed.slice(-LAST)}`);
    }
    return this.#printed.slice(0, -MARK.length - 1);
  }

  /** A step that is to fail, in a shell of its own; the session goes on. */
  async fail({ name, commands }: Pick<GuideStep, 'name' | 'commands'>): Promise<string> {
    const file = join(this.#folder, `${++this.#count}-${name}.sh`);
    writeFileSync(file, commands);
    const printed = await this.run({ name, commands: `set +e; (set -e; . '${file}'); echo $?; set -e\n` });
    if (printed.endsWith('\n0\n')) throw new Error(`step ${name} was to fail, and printed ${printed}`);
    return printed;
  }

  async stop(): Promise<void> {
    this.#shell.kill('SIGKILL');
    await this.#ended;
  }
}
