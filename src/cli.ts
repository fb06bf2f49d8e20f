import { Command, CommanderError } from 'commander';
import { checkCommand } from './commands/check.ts';
import { EXIT, type ExitCode, type Io } from './commands/io.ts';
import { renderCommand } from './commands/render.ts';
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
  for (const command of [renderCommand(io, finish), checkCommand(io, finish)]) {
    program.addCommand(command.exitOverride().showHelpAfterError('(--help shows the options)'));
  }
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.unusable;
    if (!(error instanceof UnusableInput)) throw error;
    io.stderr.write(`tlv: ${error.message}\n`);
    return EXIT.unusable;
  }
  return code;
}

// `tlv render | head` is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
process.exitCode = await main(process);
