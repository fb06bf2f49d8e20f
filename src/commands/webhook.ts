import { Command } from 'commander';
import type { ExitCode, Io } from './io.ts';
import { addLogOptions } from './log-options.ts';
import { addSettingsOptions } from './settings-options.ts';
import { addCertificateOptions, addServerOptions, type WebhookOptions } from './webhook-options.ts';

export function webhookCommand(io: Io, finish: (code: ExitCode) => void): Command {
  const command = new Command('webhook')
    .summary('serve the admission webhook')
    .description(
      'Serve the admission webhook over HTTPS: POST /mutate and /validate, GET /healthz and /readyz, ' +
        'and Prometheus metrics over HTTP on a port of their own. SIGTERM makes it unready, drains it and ends it.',
    );
  addServerOptions(command);
  addCertificateOptions(command);
  return addLogOptions(addSettingsOptions(command))
    .addHelpText('after', '\nExit code: 0 ended by a signal, 2 it cannot start.')
    .action(async (options: WebhookOptions) => {
      // What a server needs takes half a second to load, which the offline commands need not wait for.
      const { serveWebhook } = await import('./webhook-serve.ts');
      finish(await serveWebhook(options, io));
    });
}
