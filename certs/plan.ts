import type { X509Certificate } from 'node:crypto';
import { renewalDue, second, timeFault } from './lifetime.ts';
import { missingNames, namesOf } from './names.ts';
import { unique } from './pem.ts';
import type { Fault, Pair, SecretState } from './state.ts';
import type { Bundle, Trust } from './trust.ts';

/**
 * One thing to do, and why.
 * - create: make the Secret, with a new authority and leaf
 * - replace: give it a new authority and leaf, for the old ones are of no use
 * - renew: a new leaf by the authority that signs
 * - announce: make the next authority, which signs nothing yet
 * - switch: the next authority signs from now on, beginning with a new leaf
 * - trust: rewrite the list of trusted authorities
 * - publish: write that list into the configurations
 */
export type Step<K extends keyof Payloads = keyof Payloads> = {
  [P in K]: { readonly kind: P; readonly reason: string } & Payloads[P];
}[K];

interface Payloads {
  readonly create: Naming & Keeping;
  readonly replace: Naming & Keeping;
  readonly renew: Naming;
  readonly announce: unknown;
  readonly switch: Naming;
  readonly trust: Keeping;
  readonly publish: { readonly bundle: readonly X509Certificate[] };
}

/** What a new leaf is for. */
interface Naming {
  readonly names: readonly string[];
}

/** Which authorities stay trusted beside those that sign. */
interface Keeping {
  readonly keep: readonly X509Certificate[];
}

/** A quarrel over the Secret (two clocks a year apart) must not make bundles grow without end. */
const MOST_TRUSTED = 16;

/**
 * What is to be done now, by whichever replica looks; there is no leader.
 *
 * 1. The Secret is the one truth: of what is served, and of what is to be trusted.
 * 2. At most one step writes the Secret, and only over the version that this plan was made from. Whoever loses looks
 *    again and plans anew.
 * 3. The next authority signs only once both configurations have trusted it for the settling time.
 * 4. Publishing never takes away an authority that signs, comes next, or did so within the grace: what any replica
 *    may still serve stays trusted, whatever became of the Secret. The idle time is the only ground for removal;
 *    clocks differ, so an expired authority goes by it like any other.
 * 5. Every plan that is carried out brings the next one nearer to empty.
 *
 * @param state the Secret; undefined where there is none
 * @param names what the server is called by
 */
export function plan(
  state: SecretState | undefined,
  trust: Trust,
  now: Date,
  names: readonly string[],
): Step[] {
  if (!state) {
    const keep = kept([], trust);
    return [{ kind: 'create', reason: 'there is no Secret', keep, names }];
  }
  return [publish(state, trust), secretStep(state, trust, now, names)].filter((step) => step !== undefined);
}

/** The most urgent of what the Secret needs. */
function secretStep(state: SecretState, trust: Trust, now: Date, names: readonly string[]): Step | undefined {
  const repair = mendAuthority(state, trust, now, names) ?? mendLeaf(state, now, names);
  const { authority, leaf, next } = state;
  if (repair || !authority || !leaf) return repair;
  return (
    switchAuthority(next, trust, now, names) ??
    renewLeaf(leaf, authority, now, names) ??
    announce(state, authority, now) ??
    tidy(state, trust)
  );
}

function mendAuthority(
  state: SecretState,
  trust: Trust,
  now: Date,
  names: readonly string[],
): Step | undefined {
  const fault = faultOf(state, 'authority') ?? describe('the authority', state.authority, now);
  if (fault === undefined) return undefined;
  return { kind: 'replace', reason: fault, keep: kept(state.trusted, trust), names };
}

function mendLeaf(state: SecretState, now: Date, names: readonly string[]): Step | undefined {
  const fault = faultOf(state, 'leaf') ?? describe('tls.crt', state.leaf, now);
  if (fault !== undefined) return { kind: 'renew', reason: fault, names };
  const missing = state.leaf ? missingNames(state.leaf.certificate, names) : [];
  if (!state.leaf || missing.length === 0) return undefined;
  // With the names it has: two versions of the product that run side by side must not undo each other's work.
  const both = [...new Set([...names, ...namesOf(state.leaf.certificate)])];
  return { kind: 'renew', reason: `tls.crt is not good for ${missing.join(', ')}`, names: both };
}

function switchAuthority(
  next: Pair | undefined,
  trust: Trust,
  now: Date,
  names: readonly string[],
): Step | undefined {
  if (!next || !trust.settled.has(next.certificate.fingerprint256)) return undefined;
  if (timeFault(next.certificate, now) !== undefined) return undefined;
  return { kind: 'switch', reason: 'both configurations trust the next authority', names };
}

function renewLeaf(
  { certificate }: Pair,
  authority: Pair,
  now: Date,
  names: readonly string[],
): Step | undefined {
  const due = renewalDue(certificate);
  // At the end of an authority's life a new leaf would end no later than this one.
  const isCapped = certificate.validToDate >= authority.certificate.validToDate;
  if (now < due || isCapped) return undefined;
  return { kind: 'renew', reason: `renewal of tls.crt was due on ${second(due)}`, names };
}

function announce(state: SecretState, { certificate }: Pair, now: Date): Step | undefined {
  const fault = faultOf(state, 'next') ?? describe('the next authority', state.next, now);
  if (fault !== undefined) return { kind: 'announce', reason: fault };
  const due = renewalDue(certificate);
  if (state.next || now < due) return undefined;
  return { kind: 'announce', reason: `renewal of the authority was due on ${second(due)}` };
}

/** The list in the Secret: without what is idle, without what cannot be read. */
function tidy(state: SecretState, { idle }: Trust): Step | undefined {
  const keep = state.trusted.filter(({ fingerprint256 }) => !idle.has(fingerprint256));
  const fault = faultOf(state, 'trusted');
  if (fault !== undefined) return { kind: 'trust', reason: fault, keep };
  const gone = state.trusted.length - keep.length;
  if (gone === 0) return undefined;
  const what = gone === 1 ? 'an authority' : `${gone} authorities`;
  return { kind: 'trust', reason: `nothing signed by ${what} can be served any more`, keep };
}

function publish(state: SecretState, trust: Trust): Step | undefined {
  const bundle = kept(state.trusted, trust);
  if (bundle.length === 0) return undefined;
  for (const entry of trust.bundles) {
    const reason = difference(entry, bundle);
    if (reason !== undefined) return { kind: 'publish', reason: `${entry.where}: ${reason}`, bundle };
  }
  return undefined;
}

/** What the Secret trusts, and of what the configurations trust beyond that everything which is not idle. */
function kept(trusted: readonly X509Certificate[], { bundles, idle }: Trust): X509Certificate[] {
  const others = bundles
    .flatMap(({ certificates }) => certificates)
    .filter(({ fingerprint256 }) => !idle.has(fingerprint256))
    .sort((a, b) => b.validFromDate.getTime() - a.validFromDate.getTime());
  return unique([...trusted, ...others]).slice(0, MOST_TRUSTED);
}

/** How many of the one list are not in the other. */
function lacking(from: readonly X509Certificate[], wanted: readonly X509Certificate[]): number {
  const there = new Set(from.map(({ fingerprint256 }) => fingerprint256));
  return wanted.filter(({ fingerprint256 }) => !there.has(fingerprint256)).length;
}

/** How one webhook's bundle is not what it should be; undefined where it is. */
function difference({ certificates, fault }: Bundle, wanted: readonly X509Certificate[]): string | undefined {
  const missing = lacking(certificates, wanted);
  const idle = lacking(wanted, certificates);
  const parts = [
    ...(fault === undefined ? [] : [fault]),
    ...(missing > 0 ? [`lacks ${missing} of ${wanted.length}`] : []),
    ...(idle > 0 ? [`has ${idle} too many`] : []),
  ];
  return parts.length === 0 ? undefined : `caBundle ${parts.join(', ')}`;
}

function faultOf({ faults }: SecretState, part: Fault['part']): string | undefined {
  return faults.find((fault) => fault.part === part)?.message;
}

function describe(what: string, pair: Pair | undefined, now: Date): string | undefined {
  const fault = pair && timeFault(pair.certificate, now);
  return fault === undefined ? undefined : `${what} ${fault}`;
}
