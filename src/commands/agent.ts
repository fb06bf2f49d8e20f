import { Command } from 'commander';
import { addAgentOptions, type AgentCommandOptions } from './agent-options.ts';
import type { ExitCode, Io } from './io.ts';
import { addLogOptions } from './log-options.ts';
import { addSettingsOptions } from './settings-options.ts';

export function agentCommand(io: Io, finish: (code: ExitCode) => void): Command {
  const command = new Command('agent')
    .summary("make this node's volumes")
    .description(
      'Fulfil the claims of one node with local PersistentVolumes: directories below the root, with owner and mode as ' +
        'asked. Released volumes of ours with policy Delete are moved aside and removed in the background; no other ' +
        'data is ever removed. Needs to be root, and the node to be in the cluster. SIGTERM ends it in good order.',
    );
  addAgentOptions(command);
  return addLogOptions(addSettingsOptions(command))
    .addHelpText('after', '\nExit code: 0 ended by a signal (or --init-pool is done), 2 it cannot start.')
    .action(async (options: AgentCommandOptions) => {
      // Loaded here only: the Kubernetes client takes as long to load as `tlv check` to run.
      const { serveAgent } = await import('./agent-serve.ts');
      finish(await serveAgent(options, io));
    });
}
