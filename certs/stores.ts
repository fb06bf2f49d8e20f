import type { SecretData, SecretKey } from './state.ts';

/** Somebody else wrote in between, or the thing is there already, or gone: look again and decide anew. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

export interface StoredSecret {
  readonly data: SecretData;
  readonly resourceVersion: string;
}

/** `undefined` removes a key; keys that are not named stay as they are. */
export type SecretChange = Readonly<Record<SecretKey, string | undefined>>;

export interface SecretStore {
  /** Undefined where there is no such Secret. */
  read(): Promise<StoredSecret | undefined>;
  /** @throws {ConflictError} where it is there already */
  create(data: SecretChange): Promise<void>;
  /** @throws {ConflictError} where it is no longer at this version */
  update(data: SecretChange, resourceVersion: string): Promise<void>;
}

/** One webhook of a configuration. */
export interface BundleEntry {
  readonly webhook: string;
  /** PEM; empty where there is none. */
  readonly caBundle: string;
  /** By which name the API server calls, where the configuration says. */
  readonly host?: string;
}

/** One of the configurations that name our webhook; without entries it does not exist. */
export interface Configuration {
  readonly kind: string;
  readonly name: string;
  readonly entries?: readonly BundleEntry[];
}

export interface BundleStore {
  /** Both configurations, also those that do not exist. */
  read(): Promise<readonly Configuration[]>;
  /**
   * Gives every webhook of the configuration this caBundle and touches nothing else.
   * @throws {ConflictError} where its webhooks or bundles are no longer as they were read
   */
  write(seen: Configuration, caBundle: string): Promise<void>;
}
