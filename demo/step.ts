import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
// The test control plane has what a demo on a real one needs.
import { type Outcome, run } from '../test/controlplane/run.ts';
import { waitFor } from '../test/controlplane/wait.ts';

/** Commands are typed in the root of the repository. */
export const ROOT = fileURLToPath(new URL('../', import.meta.url));
const PATIENCE_MS = 180_000;

interface Command {
  /** As typed into a shell. */
  readonly line: string;
  /** What has to be in its output, else the demo fails. */
  readonly shows: readonly (string | RegExp)[];
  readonly exit?: number;
  /** It reads what controllers have yet to write: it is run until it shows what it should. */
  readonly waits?: true;
}

export interface Step {
  readonly heading: string;
  readonly commands: readonly Command[];
  /** How the output is to be read. */
  readonly note?: string;
}

/** A command did not do what its step promises. */
class StepError extends Error {
  override readonly name = 'StepError';
}

/** Runs a step and prints it: heading, each command as typed, and all that it printed. */
export async function play(number: number, step: Step, env: NodeJS.ProcessEnv): Promise<void> {
  heading(`${number}. ${step.heading}`);
  for (const command of step.commands) {
    print(`${styleText('cyan', `$ ${command.line}`)}\n`);
    const { outcome, fault } = await perform(command, env);
    print(outcome.stdout);
    if (fault !== undefined) {
      throw new StepError(`step ${number}, "${step.heading}": \`${command.line}\` ${fault}`);
    }
  }
  if (step.note !== undefined) print(`${styleText('dim', `# ${step.note}`)}\n`);
}

export function heading(text: string): void {
  print(`\n${styleText('bold', text)}\n`);
}

export function print(text: string): void {
  process.stdout.write(text);
}

interface Performance {
  readonly outcome: Outcome;
  readonly fault: string | undefined;
}

async function perform(command: Command, env: NodeJS.ProcessEnv): Promise<Performance> {
  let last = await once(command, env);
  if (last.fault === undefined || !command.waits) return last;
  try {
    await waitFor(
      command.line,
      async () => {
        last = await once(command, env);
        return last.fault === undefined;
      },
      { timeoutMs: PATIENCE_MS },
    );
  } catch {
    // The fault of the last attempt tells more than that it was waited for.
  }
  return last;
}

async function once(command: Command, env: NodeJS.ProcessEnv): Promise<Performance> {
  // What a terminal shows: both streams, in their order.
  const script = `cd "$0" && { ${command.line}\n} 2>&1`;
  const outcome = await run('sh', ['-c', script, ROOT], { env });
  return { outcome, fault: faultOf(command, outcome) };
}

function faultOf({ shows, exit = 0 }: Command, { code, stdout }: Outcome): string | undefined {
  if (code !== exit) return `ended with exit code ${code} instead of ${exit}`;
  const missing = shows.find((wanted) =>
    typeof wanted === 'string' ? !stdout.includes(wanted) : !wanted.test(stdout),
  );
  return missing === undefined ? undefined : `did not show ${String(missing)}`;
}
