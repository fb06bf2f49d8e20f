import { Command, InvalidArgumentError, Option } from 'commander';
import { MODE_PATTERNS, type ModePattern } from '../tars/patterns.ts';
import { DEFAULT_CLASSES, parseClasses, type ClassSetting } from '../tars/settings.ts';
import type { ExitCode, Io } from './io.ts';
import { addLogOptions, type LogOptions } from './log-options.ts';
import { numberBetween } from './numbers.ts';

export interface WebhookOptions extends LogOptions {
  readonly port: number;
  readonly metricsPort: number;
  readonly bindAddress?: string;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  readonly kubeconfig?: string;
  readonly classes: ReadonlyMap<string, ClassSetting>;
  readonly modePattern: ModePattern;
  /** Seconds. */
  readonly shutdownDelay: number;
}

const port = numberBetween(0, 65535, { whole: true });

export function webhookCommand(io: Io, finish: (code: ExitCode) => void): Command {
  const command = new Command('webhook')
    .summary('serve the admission webhook')
    .description(
      'Serve the admission webhook over HTTPS: POST /mutate and /validate, GET /healthz and /readyz, ' +
        'and Prometheus metrics over HTTP on a port of their own. SIGTERM makes it unready, drains it and ends it.',
    );
  addServerOptions(command);
  addSettingsOptions(command);
  return addLogOptions(command)
    .addHelpText('after', '\nExit code: 0 ended by a signal, 2 it cannot start.')
    .action(async (options: WebhookOptions) => {
      // What a server needs takes half a second to load, which the offline commands need not wait for.
      const { serveWebhook } = await import('./webhook-serve.ts');
      finish(await serveWebhook(options, io));
    });
}

function addServerOptions(command: Command): void {
  command
    .addOption(
      new Option('--port <port>', 'HTTPS port; 0 takes a free one')
        .env('TLV_PORT')
        .argParser(port)
        .default(8443),
    )
    .addOption(
      new Option('--metrics-port <port>', 'HTTP port of /metrics; 0 takes a free one')
        .env('TLV_METRICS_PORT')
        .argParser(port)
        .default(8080),
    )
    .addOption(
      new Option('--bind-address <address>', 'address to listen on (default: all, IPv4 and IPv6)').env(
        'TLV_BIND_ADDRESS',
      ),
    )
    .addOption(
      new Option('--tls-cert-file <file>', 'certificate in PEM, read again when it changes').env(
        'TLV_TLS_CERT_FILE',
      ),
    )
    .addOption(
      new Option('--tls-private-key-file <file>', 'its private key in PEM').env('TLV_TLS_PRIVATE_KEY_FILE'),
    )
    .addOption(
      new Option(
        '--kubeconfig <file>',
        'how to reach the API server (default: the usual places, then the pod)',
      ).env('TLV_KUBECONFIG'),
    )
    .addOption(
      new Option(
        '--shutdown-delay <seconds>',
        'how long to go on after SIGTERM, until no request is sent here',
      )
        .env('TLV_SHUTDOWN_DELAY')
        .argParser(numberBetween(0, 600))
        .default(5),
    );
}

function addSettingsOptions(command: Command): void {
  command
    .addOption(
      new Option('--classes <list>', 'served storage classes: NAME=on-demand|per-node|discovery[:enforced],…')
        .env('TLV_CLASSES')
        .argParser(classes)
        .default(parseClasses(DEFAULT_CLASSES), DEFAULT_CLASSES),
    )
    .addOption(
      new Option('--mode-pattern <name>', `seed (${MODE_PATTERNS.seed}) or posix (${MODE_PATTERNS.posix})`)
        .env('TLV_MODE_PATTERN')
        .choices(Object.keys(MODE_PATTERNS))
        .default('seed'),
    );
}

function classes(text: string): ReadonlyMap<string, ClassSetting> {
  try {
    return parseClasses(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
