import { Command, CommanderError } from 'commander';
import { agentCommand } from './commands/agent.ts';
import { certsCommand } from './commands/certs.ts';
import { checkCommand } from './commands/check.ts';
import { EXIT, type ExitCode, type Io } from './commands/io.ts';
import { loopmountCommand } from './commands/loopmount.ts';
import { orphansCommand } from './commands/orphans.ts';
import { renderCommand } from './commands/render.ts';
import { sweepCommand } from './commands/sweep.ts';
import { webhookCommand } from './commands/webhook.ts';
import { UnusableInput } from './offline/unusable-input.ts';
import manifest from '../package.json' with { type: 'json' };

/** The command line: one subcommand, one file under src/commands. Errors become words and exit codes here. */
async function main(io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const finish = (result: ExitCode) => {
    code = result;
  };
  const program = new Command('tlv')
    .description('Local volumes for stateful servers on bare-metal Kubernetes.')
    .version(manifest.version)
    .exitOverride()
    .showHelpAfterError('(tlv --help, tlv COMMAND --help)');
  for (const command of [
    renderCommand(io, finish),
    checkCommand(io, finish),
    webhookCommand(io, finish),
    agentCommand(io, finish),
    orphansCommand(io, finish),
    loopmountCommand(io, finish),
    sweepCommand(io, finish),
    certsCommand(io, finish),
  ]) {
    program.addCommand(command.exitOverride().showHelpAfterError('(--help shows the options)'));
  }
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.unusable;
    io.stderr.write(`tlv: ${wordsFor(error)}\n`);
    return EXIT.unusable;
  }
  return code;
}

/** What went wrong, for people. A fault of ours comes with its stack, and is no 1: that means violations. */
function wordsFor(error: unknown): string {
  if (error instanceof UnusableInput) return error.message;
  if (!(error instanceof Error)) return String(error);
  const isOutput = 'syscall' in error && error.syscall === 'write';
  return isOutput
    ? `cannot write the output: ${error.message}`
    : `internal error, please report it: ${error.stack ?? error.message}`;
}

// `tlv render | head` is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`tlv: ${wordsFor(error)}\n`);
  process.exitCode = EXIT.unusable;
});
process.exitCode = await main(process);
