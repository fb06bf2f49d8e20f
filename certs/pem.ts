import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

export interface CertificateList {
  /** Every certificate that can be read, each once, in the order of the text. */
  readonly certificates: readonly X509Certificate[];
  /** What is wrong with the rest of the text; undefined where nothing is. */
  readonly fault?: string;
}

/** Reads what can be read: one bad certificate hides none of its neighbours. */
export function readCertificates(text: string): CertificateList {
  const blocks = (text.match(BLOCK) ?? []).map(readCertificate);
  const certificates = unique(blocks.filter((block) => block instanceof X509Certificate));
  const fault = blocks.find((block) => typeof block === 'string') ?? restFault(text);
  return fault === undefined ? { certificates } : { certificates, fault };
}

/** A private key, or what is wrong with it. */
export function readKey(text: string): KeyObject | string {
  try {
    return createPrivateKey(text);
  } catch {
    // OpenSSL's own words ("DECODER routines::unsupported") help nobody.
    return restFault(text) ?? 'is no private key in PEM form';
  }
}

/** Each certificate once, by fingerprint; the first of its kind stays. */
export function unique(certificates: readonly X509Certificate[]): X509Certificate[] {
  const byFingerprint = new Map<string, X509Certificate>();
  for (const certificate of certificates) {
    if (!byFingerprint.has(certificate.fingerprint256)) {
      byFingerprint.set(certificate.fingerprint256, certificate);
    }
  }
  return [...byFingerprint.values()];
}

export const bundleText = (certificates: readonly X509Certificate[]): string =>
  certificates.map(String).join('');

/** True where this authority, by name and by signature, issued that certificate. */
export function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function readCertificate(block: string): X509Certificate | string {
  if (!block.startsWith('-----BEGIN CERTIFICATE-----')) return 'holds something that is no certificate';
  try {
    return new X509Certificate(block);
  } catch {
    return 'holds a certificate that is damaged';
  }
}

/** What is left of a text beside its whole blocks. Text between blocks is a comment and allowed. */
function restFault(text: string): string | undefined {
  if (text.trim() === '') return 'is empty';
  const rest = text.replaceAll(BLOCK, '');
  if (/-----(?:BEGIN|END)/.test(rest)) return 'is cut off';
  return rest === text ? 'is not PEM' : undefined;
}
