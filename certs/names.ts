import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

export interface ServerNames {
  /** Of the Service that the API server calls. */
  readonly name: string;
  readonly namespace: string;
  /** More DNS names and IP addresses. */
  readonly extra?: readonly string[];
}

/** Every name that the server is called by, the name that the API server uses among them. */
export function serverNames({ name, namespace, extra = [] }: ServerNames): string[] {
  const service = [name, `${name}.${namespace}`, `${name}.${namespace}.svc`];
  return [...new Set([...service, `${name}.${namespace}.svc.cluster.local`, ...extra])];
}

/** Those of the names that a client would not accept this certificate for. */
export function missingNames(certificate: X509Certificate, names: readonly string[]): string[] {
  return names.filter((name) =>
    isIP(name) === 0
      ? certificate.checkHost(name, { subject: 'never', wildcards: false }) === undefined
      : certificate.checkIP(name) === undefined,
  );
}

/** The DNS names and IP addresses of a certificate. Other kinds of names are left out. */
export function namesOf({ subjectAltName }: X509Certificate): string[] {
  return [...(subjectAltName ?? '').matchAll(/(?:^|, )(?:DNS|IP Address):([^,"]+)/g)].map(
    ([, name]) => name ?? '',
  );
}
