import { Command, Option } from 'commander';
import { INSTALLED } from './installed.ts';
import type { ExitCode, Io } from './io.ts';
import { addLogOptions, type LogOptions } from './log-options.ts';
import { numberBetween } from './numbers.ts';
import { bindAddressOption, kubeconfigOption, metricsPortOption } from './server-options.ts';
import { addClassesOption, type SettingsOptions } from './settings-options.ts';

export interface SweepOptions extends LogOptions, Pick<SettingsOptions, 'classes'> {
  /** Seconds. */
  readonly delay: number;
  readonly namespace: string;
  readonly metricsPort: number;
  readonly bindAddress?: string;
  readonly kubeconfig?: string;
}

export function sweepCommand(io: Io, finish: (code: ExitCode) => void): Command {
  const command = new Command('sweep')
    .summary('do what is left to do for nodes and agents that are gone')
    .description(
      'For nodes and agents that have been gone for long enough: claims that were sent there and have no volume yet are ' +
        'sent elsewhere, capacity that nobody has any more is withdrawn, and volumes that nobody wants are let go. ' +
        'Data on disks is never touched. Several may run; one of them leads, by a Lease. SIGTERM ends it in good order.',
    );
  addSweepOptions(command);
  return addLogOptions(addClassesOption(command))
    .addHelpText('after', '\nExit code: 0 ended by a signal, 2 it cannot start.')
    .action(async (options: SweepOptions) => {
      // Loaded here only: the Kubernetes client takes as long to load as `tlv check` to run.
      const { serveSweep } = await import('./sweep-serve.ts');
      finish(await serveSweep(options, io));
    });
}

function addSweepOptions(command: Command): void {
  command
    .addOption(
      new Option('--delay <seconds>', 'how long a node must be gone, or its agent silent')
        .env('TLV_DELAY')
        .argParser(numberBetween(1, 604_800))
        .default(300),
    )
    .addOption(
      new Option('--namespace <name>', 'where its Lease is, and Leases and capacities of the agents are')
        .env('TLV_NAMESPACE')
        .default(INSTALLED.namespace),
    )
    .addOption(metricsPortOption('/metrics, /healthz and /readyz', 8081))
    .addOption(bindAddressOption())
    .addOption(kubeconfigOption());
}
