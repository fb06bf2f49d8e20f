import { Option, type Command } from 'commander';
import { INSTALLED } from './installed.ts';
import type { LogOptions } from './log-options.ts';
import { numberBetween } from './numbers.ts';
import { bindAddressOption, kubeconfigOption, metricsPortOption, portNumber } from './server-options.ts';
import type { SettingsOptions } from './settings-options.ts';

export interface WebhookOptions extends LogOptions, SettingsOptions {
  readonly port: number;
  readonly metricsPort: number;
  readonly bindAddress?: string;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  readonly selfManagedCerts: boolean;
  readonly namespace: string;
  readonly serviceName: string;
  readonly secretName: string;
  readonly configurationName: string;
  readonly extraName: readonly string[];
  readonly kubeconfig?: string;
  /** Seconds. */
  readonly shutdownDelay: number;
}

/** Where it listens, and how it ends. */
export function addServerOptions(command: Command): void {
  command
    .addOption(
      new Option('--port <port>', 'HTTPS port; 0 takes a free one')
        .env('TLV_PORT')
        .argParser(portNumber)
        .default(8443),
    )
    .addOption(metricsPortOption('/metrics', 8080))
    .addOption(bindAddressOption())
    .addOption(kubeconfigOption())
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

/** Given files, or a certificate that manages itself; where the product's own manifests put things by default. */
export function addCertificateOptions(command: Command): void {
  command
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
        '--self-managed-certs',
        'issue and renew the certificate here, share it in a Secret, and put its authority into both configurations',
      )
        .env('TLV_SELF_MANAGED_CERTS')
        .default(false)
        .conflicts(['tlsCertFile', 'tlsPrivateKeyFile']),
    )
    .addOption(
      new Option('--namespace <name>', 'of the Service and the Secret')
        .env('TLV_NAMESPACE')
        .default(INSTALLED.namespace),
    )
    .addOption(
      new Option('--service-name <name>', 'by which the API server calls')
        .env('TLV_SERVICE_NAME')
        .default(INSTALLED.serviceName),
    )
    .addOption(
      new Option('--secret-name <name>', 'where replicas share the certificate')
        .env('TLV_SECRET_NAME')
        .default(INSTALLED.secretName),
    )
    .addOption(
      new Option('--configuration-name <name>', 'of both webhook configurations')
        .env('TLV_CONFIGURATION_NAME')
        .default(INSTALLED.configuration),
    )
    .addOption(
      new Option('--extra-name <name...>', 'more DNS names and IP addresses for the certificate')
        .env('TLV_EXTRA_NAME')
        .default([], 'none'),
    );
}
