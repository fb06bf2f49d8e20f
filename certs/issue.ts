// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509's dependency injection needs the polyfill.
import 'reflect-metadata';
import { createPrivateKey, generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import * as x509 from '@peculiar/x509';
import type { Lifetimes } from './lifetime.ts';
import type { Pair } from './state.ts';

const EC = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
const CRITICAL = true;
/** RFC 5280: at most this many characters in a common name. */
const LONGEST_COMMON_NAME = 64;

const makeKeys = promisify(generateKeyPair);

/** A self-signed authority that may issue leaves and no further authority. */
export async function issueAuthority(now: Date, { authorityMs, backdateMs }: Lifetimes): Promise<Pair> {
  const { publicKey, privateKey } = await makeKeys('ec', { namedCurve: 'P-256' });
  const spki = derOf(publicKey);
  const identifier = await x509.SubjectKeyIdentifierExtension.create(spki);
  // Named by its key: two authorities in one bundle are never mistaken for each other.
  const subject = `CN=t-local-volume CA ${identifier.keyId.slice(0, 16)}`;
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: subject,
    ...validity(now, authorityMs, backdateMs),
    signingAlgorithm: SIGNATURE,
    publicKey: spki,
    signingKey: await signing(privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, CRITICAL),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, CRITICAL),
      identifier,
      await x509.AuthorityKeyIdentifierExtension.create(spki),
    ],
  });
  return pair(certificate, privateKey);
}

/** A server certificate for these names. It never outlives its authority. */
export async function issueLeaf(
  authority: Pair,
  names: readonly string[],
  now: Date,
  { leafMs, backdateMs }: Lifetimes,
): Promise<Pair> {
  const { publicKey, privateKey } = await makeKeys('ec', { namedCurve: 'P-256' });
  const issuer = new x509.X509Certificate(authority.certificate.raw);
  const { notBefore, notAfter } = validity(now, leafMs, backdateMs);
  const commonName = names.find((name) => name.length <= LONGEST_COMMON_NAME) ?? 'server';
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: issuer.subjectName,
    notBefore,
    notAfter: notAfter < issuer.notAfter ? notAfter : issuer.notAfter,
    signingAlgorithm: SIGNATURE,
    publicKey: derOf(publicKey),
    signingKey: await signing(createPrivateKey(authority.key)),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, CRITICAL),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, CRITICAL),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(derOf(publicKey)),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return pair(certificate, privateKey);
}

/** Whole seconds: a certificate knows no others. */
function validity(now: Date, lifeMs: number, backdateMs: number) {
  const start = Math.floor(now.getTime() / 1000) * 1000;
  return { notBefore: new Date(start - backdateMs), notAfter: new Date(start + lifeMs) };
}

const derOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });

const signing = async (key: KeyObject) => key.toCryptoKey(EC, false, ['sign']);

function pair(certificate: x509.X509Certificate, key: KeyObject): Pair {
  return {
    certificate: new X509Certificate(Buffer.from(certificate.rawData)),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
