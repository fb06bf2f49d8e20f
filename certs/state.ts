import type { KeyObject, X509Certificate } from 'node:crypto';
import { bundleText, isIssuedBy, readCertificates, readKey, unique } from './pem.ts';

/** A certificate and its private key (PEM). */
export interface Pair {
  readonly certificate: X509Certificate;
  readonly key: string;
}

/**
 * What the Secret holds. `ca.crt` is every authority that clients shall trust; the one that signs is the one that
 * `ca.key` fits, and while it is being replaced `next-ca.key` fits its successor.
 */
export const SECRET_KEYS = ['ca.crt', 'ca.key', 'next-ca.key', 'tls.crt', 'tls.key'] as const;
export type SecretKey = (typeof SECRET_KEYS)[number];

/** The content of a Secret, decoded. Keys that are not ours may be there, and stay. */
export type SecretData = Readonly<Record<string, string>>;

type Part = 'trusted' | 'authority' | 'next' | 'leaf';

/** Something that is wrong with one part of the Secret whatever the time. The message begins with the key. */
export interface Fault {
  readonly part: Part;
  readonly message: string;
}

export interface SecretState {
  readonly trusted: readonly X509Certificate[];
  readonly authority?: Pair;
  readonly next?: Pair;
  /** Its certificate and key fit each other; the faults say whether it is signed by the authority. */
  readonly leaf?: Pair;
  readonly faults: readonly Fault[];
}

type Reading = { readonly pair: Pair; readonly fault?: string } | { readonly fault: string };

/** Reads the Secret's content. What is wrong with it is part of the answer, never an exception. */
export function parseState(data: SecretData): SecretState {
  const list = has(data, 'ca.crt')
    ? readCertificates(data['ca.crt'] ?? '')
    : { certificates: [], fault: 'is missing' };
  const authority = readAuthority(data, 'ca.key', list.certificates);
  const next = has(data, 'next-ca.key') ? readAuthority(data, 'next-ca.key', list.certificates) : undefined;
  const leaf = readLeaf(data, 'pair' in authority ? authority.pair : undefined);
  return {
    trusted: list.certificates,
    ...('pair' in authority ? { authority: authority.pair } : {}),
    ...(next && 'pair' in next ? { next: next.pair } : {}),
    ...('pair' in leaf ? { leaf: leaf.pair } : {}),
    faults: [
      ...(list.fault === undefined ? [] : [{ part: 'trusted', message: `ca.crt ${list.fault}` } as const]),
      ...faultOf('authority', authority),
      ...faultOf('next', next),
      ...faultOf('leaf', leaf),
    ],
  };
}

/** What is to be written: every key of ours, `undefined` where it shall go. */
export function secretData(
  authority: Pair,
  leaf: Pair,
  others: readonly X509Certificate[],
  next?: Pair,
): Readonly<Record<SecretKey, string | undefined>> {
  const successor = next ? [next.certificate] : [];
  return {
    'ca.crt': bundleText(unique([authority.certificate, ...successor, ...others])),
    'ca.key': authority.key,
    'next-ca.key': next?.key,
    'tls.crt': leaf.certificate.toString(),
    'tls.key': leaf.key,
  };
}

/** An empty key is a missing one: that is how a Secret of type kubernetes.io/tls is prepared by hand. */
const has = (data: SecretData, key: SecretKey) => Object.hasOwn(data, key) && data[key] !== '';

function readAuthority(
  data: SecretData,
  name: 'ca.key' | 'next-ca.key',
  trusted: readonly X509Certificate[],
): Reading {
  if (!has(data, name)) return { fault: `${name} is missing` };
  const text = data[name] ?? '';
  const key = readKey(text);
  if (typeof key === 'string') return { fault: `${name} ${key}` };
  if (!isOurKind(key)) return { fault: `${name} is not a key of ours (EC, P-256)` };
  const certificate = trusted.find((candidate) => candidate.checkPrivateKey(key));
  if (!certificate) return { fault: `${name} fits no certificate of ca.crt` };
  if (!certificate.ca) return { fault: `${name} belongs to a certificate that is no authority` };
  return { pair: { certificate, key: text } };
}

function readLeaf(data: SecretData, authority: Pair | undefined): Reading {
  for (const name of ['tls.crt', 'tls.key'] as const) {
    if (!has(data, name)) return { fault: `${name} is missing` };
  }
  const { certificates, fault } = readCertificates(data['tls.crt'] ?? '');
  const [certificate] = certificates;
  if (fault !== undefined || !certificate) return { fault: `tls.crt ${fault}` };
  const text = data['tls.key'] ?? '';
  const key = readKey(text);
  if (typeof key === 'string') return { fault: `tls.key ${key}` };
  if (!certificate.checkPrivateKey(key)) return { fault: 'tls.key does not fit tls.crt' };
  const pair = { certificate, key: text };
  if (!authority) return { pair };
  return isIssuedBy(certificate, authority.certificate)
    ? { pair }
    : { pair, fault: 'tls.crt is not signed by the authority of ca.key' };
}

/** Another kind of key is a foreign one, and we would not know how to sign with it. */
function isOurKind(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

function faultOf(part: Part, reading: Reading | undefined): Fault[] {
  return reading?.fault === undefined ? [] : [{ part, message: reading.fault }];
}
