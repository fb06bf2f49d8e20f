import type { X509Certificate } from 'node:crypto';
import { renewalDue, second, timeFault } from './lifetime.ts';
import { missingNames, namesOf } from './names.ts';
import { unique } from './pem.ts';
import { parseState, type SecretState } from './state.ts';
import type { Configuration, StoredSecret } from './stores.ts';
import { bundlesOf, issuerOf, labelOf, type Bundle } from './trust.ts';

interface Problem {
  readonly message: string;
  readonly remedy: string;
}

/** What is served, who is trusted, and what is wrong with it, for people and scripts. */
export interface CertificateReport {
  /** The product renews these itself; else cert-manager or somebody's hands do. */
  readonly selfManaged: boolean;
  readonly served?: {
    readonly subject: string;
    readonly issuer: string;
    readonly names: readonly string[];
    readonly fingerprint: string;
    readonly notBefore: string;
    readonly notAfter: string;
    readonly renewalDue: string;
  };
  readonly trusted: readonly {
    readonly subject: string;
    readonly fingerprint: string;
    readonly notAfter: string;
    /** What it is to the Secret. */
    readonly role: 'signing' | 'next' | 'old' | 'unknown';
    /** Configurations of which every webhook trusts it. */
    readonly trustedBy: readonly string[];
  }[];
  readonly problems: readonly Problem[];
}

const RESTART = 'look into the logs of the webhook: it mends this by itself within a minute while it runs';

export function reportOf(
  secretLabel: string,
  secret: StoredSecret | undefined,
  configurations: readonly Configuration[],
  now: Date,
): CertificateReport {
  const state = secret && parseState(secret.data);
  const bundles = bundlesOf(configurations);
  const selfManaged = Object.hasOwn(secret?.data ?? {}, 'ca.key');
  return {
    selfManaged,
    ...(state?.leaf ? { served: servedOf(state.leaf.certificate) } : {}),
    trusted: trustedOf(state, configurations, bundles),
    problems: [
      ...(state ? secretProblems(state, selfManaged) : [noSecret(secretLabel)]),
      ...(state?.leaf ? leafProblems(state.leaf.certificate, selfManaged, now) : []),
      ...configurations.flatMap((each) => configurationProblems(each, state?.leaf?.certificate, now)),
    ],
  };
}

function servedOf(certificate: X509Certificate): NonNullable<CertificateReport['served']> {
  return {
    subject: inOneLine(certificate.subject),
    issuer: inOneLine(certificate.issuer),
    names: namesOf(certificate),
    fingerprint: certificate.fingerprint256,
    notBefore: second(certificate.validFromDate),
    notAfter: second(certificate.validToDate),
    renewalDue: second(renewalDue(certificate)),
  };
}

function trustedOf(
  state: SecretState | undefined,
  configurations: readonly Configuration[],
  bundles: readonly Bundle[],
): CertificateReport['trusted'] {
  const all = unique([...(state?.trusted ?? []), ...bundles.flatMap(({ certificates }) => certificates)]);
  return all.map((certificate) => ({
    subject: inOneLine(certificate.subject),
    fingerprint: certificate.fingerprint256,
    notAfter: second(certificate.validToDate),
    role: roleOf(certificate, state),
    trustedBy: configurations.filter((each) => isTrustedBy(each, certificate)).map(labelOf),
  }));
}

function isTrustedBy(configuration: Configuration, { fingerprint256 }: X509Certificate): boolean {
  const bundles = bundlesOf([configuration]);
  const has = ({ certificates }: Bundle) =>
    certificates.some((each) => each.fingerprint256 === fingerprint256);
  return bundles.length > 0 && bundles.every(has);
}

function roleOf({ fingerprint256 }: X509Certificate, state: SecretState | undefined) {
  const isIt = (certificate: X509Certificate | undefined) => certificate?.fingerprint256 === fingerprint256;
  if (isIt(state?.authority?.certificate)) return 'signing';
  if (isIt(state?.next?.certificate)) return 'next';
  return state?.trusted.some(isIt) ? 'old' : 'unknown';
}

const noSecret = (label: string): Problem => ({
  message: `Secret ${label} does not exist`,
  remedy:
    'check --namespace and --secret-name; the manifests bring it, empty: apply them (or upgrade the Helm release) again, and a webhook with --self-managed-certs fills it',
});

/** Who keeps the Secret by other means has no key of an authority in it, and need not. */
function secretProblems({ faults }: SecretState, selfManaged: boolean): Problem[] {
  const remedy = selfManaged ? RESTART : 'mend or delete the Secret, by way of whoever made it';
  return faults
    .filter(({ part }) => selfManaged || part === 'leaf')
    .map(({ message }) => ({ message, remedy }));
}

function leafProblems(leaf: X509Certificate, selfManaged: boolean, now: Date): Problem[] {
  const remedy = selfManaged ? RESTART : 'renew it; cert-manager does with `cmctl renew`';
  const fault = timeFault(leaf, now);
  if (fault !== undefined) return [{ message: `the served certificate ${fault}`, remedy }];
  if (now < renewalDue(leaf)) return [];
  const message = `the served certificate ends on ${second(leaf.validToDate)}, its renewal was due on ${second(renewalDue(leaf))}`;
  return [{ message, remedy }];
}

function configurationProblems(
  configuration: Configuration,
  leaf: X509Certificate | undefined,
  now: Date,
): Problem[] {
  const label = labelOf(configuration);
  if (!configuration.entries) {
    return [
      {
        message: `${label} does not exist`,
        remedy: 'apply it; until then the API server does not call the webhook',
      },
    ];
  }
  if (!leaf) return [];
  const strangers = bundlesOf([configuration]).filter(
    ({ certificates }) =>
      !issuerOf(
        leaf,
        certificates.filter((each) => timeFault(each, now) === undefined),
      ),
  );
  const misnamed = configuration.entries.filter(
    ({ host }) => host !== undefined && missingNames(leaf, [host]).length > 0,
  );
  return [
    ...strangers.map(({ where }) => ({
      message: `${where}: caBundle has no valid authority that signed the served certificate`,
      remedy:
        'if it comes back, keep GitOps tools from writing caBundle; else see that the webhook may patch the configuration',
    })),
    ...misnamed.map(({ webhook, host = '' }) => ({
      message: `${label}, webhook ${webhook}: the API server calls ${host}, which the served certificate is not for`,
      remedy: 'give the webhook the name and namespace of its Service',
    })),
  ];
}

/** Node puts each part of a distinguished name on a line of its own. */
const inOneLine = (name: string | undefined): string => (name ?? '').replaceAll('\n', ', ');
