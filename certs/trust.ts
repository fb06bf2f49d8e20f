import type { X509Certificate } from 'node:crypto';
import { isIssuedBy, readCertificates, unique } from './pem.ts';
import type { SecretState } from './state.ts';
import type { Configuration } from './stores.ts';

/** What one webhook of a configuration trusts. */
export interface Bundle {
  /** Configuration and webhook, for people. */
  readonly where: string;
  readonly certificates: readonly X509Certificate[];
  /** What is wrong with its text; an empty one is nothing unusual. */
  readonly fault?: string;
}

/** What the API server trusts, as one replica has seen it until now. Certificates go by their fingerprints. */
export interface Trust {
  /** Configurations that do not exist. */
  readonly missing: readonly string[];
  readonly bundles: readonly Bundle[];
  /** Trusted everywhere long enough for every API server to know. */
  readonly settled: ReadonlySet<string>;
  /** Neither signing nor next for so long that no replica can still serve what they signed. */
  readonly idle: ReadonlySet<string>;
}

export interface Patience {
  /** From the write of a bundle until every API server has it. */
  readonly settleMs: number;
  /** How long an authority is trusted after it was last needed. */
  readonly graceMs: number;
}

/** Replicas look every half minute; one that could not look for a day is not there any more. */
export const PATIENCE: Patience = { settleMs: 30_000, graceMs: 24 * 3_600_000 };

export const labelOf = ({ kind, name }: Configuration): string => `${kind} ${name}`;

export function bundlesOf(configurations: readonly Configuration[]): Bundle[] {
  return configurations.flatMap((configuration) =>
    (configuration.entries ?? []).map(({ webhook, caBundle }) => ({
      where: `${labelOf(configuration)}, webhook ${webhook}`,
      ...readCertificates(caBundle),
    })),
  );
}

/** The authorities that every webhook of every configuration trusts; none while a configuration is missing. */
export function trustedEverywhere({
  missing,
  bundles,
}: Pick<Trust, 'missing' | 'bundles'>): X509Certificate[] {
  const [first, ...others] = bundles;
  if (missing.length > 0 || !first) return [];
  return first.certificates.filter(({ fingerprint256 }) =>
    others.every(({ certificates }) => certificates.some((other) => other.fingerprint256 === fingerprint256)),
  );
}

/** The first of the authorities that issued this certificate. */
export function issuerOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): X509Certificate | undefined {
  return authorities.find((authority) => isIssuedBy(certificate, authority));
}

/**
 * Remembers since when one replica has seen what it sees.
 *
 * - Counted by the replica's own monotonic clock: no wall clock, and no other replica's, can shorten a wait.
 * - Only looks in close succession count. After a gap (a pause, an API server that was away) the waits begin anew,
 *   for who knows what happened meanwhile.
 * - A restart forgets everything, which only makes the waits longer.
 */
export class Sightings {
  readonly #patience: Patience;
  #settling = new Map<string, number>();
  #idling = new Map<string, number>();
  #lastLook = -Infinity;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  look(state: SecretState | undefined, configurations: readonly Configuration[], at: number): Trust {
    const { settleMs, graceMs } = this.#patience;
    if (at - this.#lastLook > graceMs / 4) {
      this.#settling = new Map();
      this.#idling = new Map();
    }
    this.#lastLook = at;
    const missing = configurations.filter(({ entries }) => !entries).map(labelOf);
    const bundles = bundlesOf(configurations);
    this.#settling = since(this.#settling, trustedEverywhere({ missing, bundles }), at);
    this.#idling = since(this.#idling, idlers(state, bundles), at);
    return {
      missing,
      bundles,
      settled: olderThan(this.#settling, at - settleMs),
      idle: olderThan(this.#idling, at - graceMs),
    };
  }
}

/** Every authority that somebody trusts though nothing is, or will be, signed by it. */
function idlers(state: SecretState | undefined, bundles: readonly Bundle[]): X509Certificate[] {
  const needed = new Set([state?.authority, state?.next].map((pair) => pair?.certificate.fingerprint256));
  return unique([...(state?.trusted ?? []), ...bundles.flatMap(({ certificates }) => certificates)]).filter(
    ({ fingerprint256 }) => !needed.has(fingerprint256),
  );
}

function since(
  known: ReadonlyMap<string, number>,
  seen: readonly X509Certificate[],
  at: number,
): Map<string, number> {
  return new Map(seen.map(({ fingerprint256: name }) => [name, known.get(name) ?? at]));
}

function olderThan(map: ReadonlyMap<string, number>, limit: number): Set<string> {
  return new Set([...map].filter(([, at]) => at <= limit).map(([name]) => name));
}
