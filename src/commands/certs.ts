import { Command, Option } from 'commander';
import { reportOf, type CertificateReport } from '../../certs/report.ts';
import { messageOf } from '../tars/message-of.ts';
import { UnusableInput } from '../offline/unusable-input.ts';
import { INSTALLED } from './installed.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';

interface CertsOptions {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly secretName: string;
  readonly mutatingConfiguration: string;
  readonly validatingConfiguration: string;
  readonly output: 'text' | 'json';
}

export function certsCommand(io: Io, finish: (code: ExitCode) => void): Command {
  return new Command('certs')
    .summary('show what the webhook serves, who trusts it, and when it ends')
    .description(
      'Show the certificate that the webhook serves, the authorities that the API server trusts, and what is wrong ' +
        'with either. Reads the Secret and both webhook configurations, and changes nothing.',
    )
    .addOption(
      new Option('--kubeconfig <file>', 'default: KUBECONFIG, ~/.kube/config, the service account').env(
        'TLV_KUBECONFIG',
      ),
    )
    .addOption(
      new Option('-n, --namespace <name>', 'of the Secret').env('TLV_NAMESPACE').default(INSTALLED.namespace),
    )
    .addOption(
      new Option(
        '--secret-name <name>',
        'what the webhook serves (of cert-manager: t-local-volume-webhook-tls)',
      )
        .env('TLV_SECRET_NAME')
        .default(INSTALLED.secretName),
    )
    .addOption(
      new Option('--mutating-configuration <name>', 'MutatingWebhookConfiguration')
        .env('TLV_MUTATING_CONFIGURATION')
        .default(INSTALLED.configuration),
    )
    .addOption(
      new Option('--validating-configuration <name>', 'ValidatingWebhookConfiguration')
        .env('TLV_VALIDATING_CONFIGURATION')
        .default(INSTALLED.configuration),
    )
    .addOption(
      new Option('-o, --output <format>', 'text or json')
        .env('TLV_OUTPUT')
        .choices(['text', 'json'])
        .default('text'),
    )
    .addHelpText(
      'after',
      '\nExit code: 0 all is well, 1 there are problems (each with its remedy), 2 the cluster cannot be looked at.',
    )
    .action(async (options: CertsOptions) => finish(await certs(options, io)));
}

async function certs(options: CertsOptions, io: Io): Promise<ExitCode> {
  const report = await look(options);
  io.stdout.write(options.output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : textOf(report));
  return report.problems.length > 0 ? EXIT.violations : EXIT.ok;
}

async function look(options: CertsOptions): Promise<CertificateReport> {
  const { namespace, secretName: name } = options;
  // Loaded here only: the Kubernetes client takes as long to load as `tlv check` to run.
  const [{ ApiWriter }, { CaBundle }, { CertificateSecret }, { loadKubeConfig }] = await Promise.all([
    import('../cluster/api-writer.ts'),
    import('../cluster/ca-bundle.ts'),
    import('../cluster/certificate-secret.ts'),
    import('../cluster/kube-config.ts'),
  ]);
  try {
    const writer = new ApiWriter(loadKubeConfig(options.kubeconfig));
    const names = { mutating: options.mutatingConfiguration, validating: options.validatingConfiguration };
    const configurations = await new CaBundle(writer, names).read();
    const secret = await new CertificateSecret(writer, { namespace, name }).read();
    return reportOf(`${namespace}/${name}`, secret, configurations, new Date());
  } catch (error) {
    throw new UnusableInput('certs', messageOf(error), { cause: error });
  }
}

function textOf({ served, trusted, problems, selfManaged }: CertificateReport): string {
  const lines = [
    'SERVED',
    ...(served
      ? [
          `  subject       ${served.subject}`,
          `  issuer        ${served.issuer}`,
          `  names         ${served.names.join('\n                ')}`,
          `  fingerprint   ${served.fingerprint}`,
          `  not before    ${served.notBefore}`,
          `  not after     ${served.notAfter}`,
          `  renewal due   ${served.renewalDue}${selfManaged ? '' : ' (not by the webhook itself)'}`,
        ]
      : ['  nothing']),
    'TRUSTED',
    ...(trusted.length === 0 ? ['  nobody'] : []),
    ...trusted.flatMap(({ subject, role, fingerprint, notAfter, trustedBy }) => [
      `  ${subject} (${role})`,
      `    fingerprint ${fingerprint}`,
      `    not after   ${notAfter}`,
      `    trusted by  ${trustedBy.length === 0 ? 'nobody' : trustedBy.join('\n                ')}`,
    ]),
    problems.length === 0 ? 'PROBLEMS none' : 'PROBLEMS',
    ...problems.flatMap(({ message, remedy }) => [`  ${message}`, `    remedy: ${remedy}`]),
  ];
  return `${lines.join('\n')}\n`;
}
