import { Command, Option } from 'commander';
import { addRootOptions, toolsPathOption } from './agent-options.ts';
import type { ExitCode, Io } from './io.ts';
import type { OrphansOptions } from './orphans-run.ts';
import { addSettingsOptions } from './settings-options.ts';

/** `tlv orphans list|adopt|purge`: data on a node that belongs to no volume, which only people decide on. */
export function orphansCommand(io: Io, finish: (code: ExitCode) => void): Command {
  const group = new Command('orphans')
    .summary('list, adopt or purge data that belongs to no volume')
    .description(
      'Data on a node that belongs to no volume: kept by policy, left by another agent, or put there by hand. No agent ' +
        'removes it or serves it by itself. Run it on the node, or in the pod of its agent.',
    );
  group.addCommand(
    shared('list', 'show what is there')
      .addOption(
        new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'),
      )
      .addHelpText(
        'after',
        '\nExit code: 0 there are none, 1 there are some, 2 the node cannot be looked at.',
      )
      .action(async (options: OrphansOptions & { readonly output: 'text' | 'json' }) => {
        const { listOrphans } = await import('./orphans-run.ts');
        finish(await listOrphans(options, io));
      }),
  );
  group.addCommand(
    shared('adopt', 'let a claim have the data at its path as it is')
      .argument('<path>', 'as list shows it, such as default/tars.tarslog/remote-log-dir')
      .requiredOption('--claim <namespace/name>', 'the claim that waits for it')
      .addHelpText(
        'after',
        '\nAnnotates the claim with local.tars.io/adopt: "true", for which it takes the rights of a person, not of an agent.' +
          '\nExit code: 0 done, 2 refused; the reason is said.',
      )
      .action(async (path: string, options: OrphansOptions & { readonly claim: string }) => {
        const { adoptOrphan } = await import('./orphans-run.ts');
        finish(await adoptOrphan(path, options, io));
      }),
  );
  group.addCommand(
    shared('purge', 'have the data removed')
      .argument('<paths...>', 'as list shows them')
      .addOption(toolsPathOption())
      .option('--yes', 'really do it; without it, only what would be done is said', false)
      .addHelpText(
        'after',
        '\nThe directory is moved into the trash, and its data removed by the agent in the background.' +
          '\nExit code: 0 done (or would be), 2 refused; the reason is said.',
      )
      .action(
        async (
          paths: string[],
          options: OrphansOptions & { readonly yes: boolean; readonly toolsPath: string },
        ) => {
          const { purgeOrphans } = await import('./orphans-run.ts');
          finish(await purgeOrphans(paths, options, io));
        },
      ),
  );
  return group;
}

function shared(name: string, summary: string): Command {
  const command = new Command(name)
    .summary(summary)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`);
  addRootOptions(command);
  return addSettingsOptions(command).exitOverride().showHelpAfterError('(--help shows the options)');
}
