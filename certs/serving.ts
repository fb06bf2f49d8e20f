import { timeFault } from './lifetime.ts';
import { missingNames } from './names.ts';
import { type Log, Listeners, type ServedPair, type Time } from './source.ts';
import type { Pair } from './state.ts';
import { issuerOf, type Trust, trustedEverywhere } from './trust.ts';

/**
 * What one replica serves.
 *
 * - It gives way only to something that clients trust, and have trusted for the settling time.
 * - Where it is not trusted itself, it gives way to anything that is.
 * - With nothing to lose, anything is served: a server that can answer "not ready, because …" is of more use than none.
 */
export class Serving {
  readonly #time: Time;
  readonly #listeners: Listeners<ServedPair>;
  readonly #names: readonly string[];
  #pair: Pair | undefined;
  #trust: Trust | undefined;

  /** @param names what clients call this server by: a certificate that lacks one of them is of no use */
  constructor(time: Time, log: Log, names: readonly string[]) {
    this.#time = time;
    this.#names = names;
    this.#listeners = new Listeners(log);
  }

  current(): ServedPair {
    if (!this.#pair) throw new Error('there is no certificate yet; wait for start()');
    return { cert: this.#pair.certificate.toString(), key: this.#pair.key };
  }

  onChange(listener: (pair: ServedPair) => void): () => void {
    return this.#listeners.add(listener);
  }

  get pair(): Pair | undefined {
    return this.#pair;
  }

  /** Why clients do not trust what is served; undefined where they do. */
  get distrust(): string | undefined {
    return this.#distrustOf(this.#pair);
  }

  /** A new look at what clients trust, and at what the Secret has to serve. @returns whether that is now served */
  offer(leaf: Pair | undefined, trust: Trust): boolean {
    this.#trust = trust;
    return leaf !== undefined && this.#isBetter(leaf) && this.#serve(leaf);
  }

  /** To be called when all else has been tried. @returns whether the leaf is now served */
  offerWithoutTrust(leaf: Pair | undefined): boolean {
    return leaf !== undefined && this.#hasNothingToLose() && this.#isFresh(leaf) && this.#serve(leaf);
  }

  #isBetter(leaf: Pair): boolean {
    if (!this.#isFresh(leaf) || this.#distrustOf(leaf) !== undefined) return false;
    if (this.distrust !== undefined) return true;
    const issuer = this.#trust && issuerOf(leaf.certificate, trustedEverywhere(this.#trust));
    return issuer !== undefined && this.#trust?.settled.has(issuer.fingerprint256) === true;
  }

  #hasNothingToLose(): boolean {
    const isMissing = (this.#trust?.missing.length ?? 0) > 0;
    return !this.#pair || isMissing || timeFault(this.#pair.certificate, this.#time.now()) !== undefined;
  }

  /** Not what is served already, and good at this time. */
  #isFresh({ certificate }: Pair): boolean {
    if (this.#pair?.certificate.fingerprint256 === certificate.fingerprint256) return false;
    return timeFault(certificate, this.#time.now()) === undefined;
  }

  #distrustOf(pair: Pair | undefined): string | undefined {
    if (!pair) return 'there is no certificate to serve yet';
    const fault = timeFault(pair.certificate, this.#time.now());
    if (fault !== undefined) return `the served certificate ${fault}`;
    const [stray] = missingNames(pair.certificate, this.#names);
    if (stray !== undefined) return `the served certificate is not good for ${stray}`;
    if (!this.#trust) return 'nobody has looked yet whether the served certificate is trusted';
    const { missing, bundles } = this.#trust;
    if (missing.length > 0) return `${missing.join(' and ')} not found`;
    const stranger = bundles.find(({ certificates }) => !issuerOf(pair.certificate, certificates));
    return stranger && `${stranger.where}: caBundle lacks the authority of the served certificate`;
  }

  #serve(pair: Pair): true {
    this.#pair = pair;
    this.#listeners.tell(this.current());
    return true;
  }
}
