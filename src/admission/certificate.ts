import type { SecureContextOptions } from 'node:tls';
import type { ReadyCheck } from './readiness.ts';

/** Where certificate and key come from: given files, or a Secret that replicas share. */
export interface CertificateSource {
  /** What is to be served now. */
  current(): SecureContextOptions;
  /** Calls the listener each time that this changes; what it returns ends that. */
  onChange(listener: () => void): () => void;
  /** When what is served ends. */
  readonly notAfter: Date | undefined;
  /** Clients trust it: it has not ended, and its authority is in caBundle where that is known. */
  readonly isTrusted: boolean;
  /** Why it is not trusted. */
  readonly problem: string | undefined;
}

/** Readiness: a certificate that the API server trusts is served. */
export function certificateCheck(source: CertificateSource): ReadyCheck {
  return {
    name: 'certificate',
    missing: () => (source.isTrusted ? undefined : (source.problem ?? 'it is not trusted yet')),
  };
}
