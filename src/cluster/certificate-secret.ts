import { SECRET_KEYS, type SecretData } from '../../certs/state.ts';
import type { SecretChange, SecretStore, StoredSecret } from '../../certs/stores.ts';
import { isRecord, textAt } from '../tars/json.ts';
import type { ApiWriter } from './api-writer.ts';
import { onCondition } from './conditional-write.ts';

export interface SecretAddress {
  readonly namespace: string;
  readonly name: string;
}

const LABELS = { 'app.kubernetes.io/name': 't-local-volume' };

/**
 * The Secret that replicas share. Only the keys of ours are ever written: labels, annotations, other keys and the type
 * of a Secret that was made by somebody else stay as they are.
 */
export class CertificateSecret implements SecretStore {
  readonly #writer: Pick<ApiWriter, 'create' | 'get' | 'patch'>;
  readonly #address: SecretAddress;
  readonly #collection: string;
  readonly #path: string;

  constructor(writer: Pick<ApiWriter, 'create' | 'get' | 'patch'>, address: SecretAddress) {
    this.#writer = writer;
    this.#address = address;
    this.#collection = `/api/v1/namespaces/${encodeURIComponent(address.namespace)}/secrets`;
    this.#path = `${this.#collection}/${encodeURIComponent(address.name)}`;
  }

  async read(): Promise<StoredSecret | undefined> {
    const secret = await this.#writer.get(this.#path);
    if (!secret) return undefined;
    return {
      data: decoded(secret.data),
      resourceVersion: textAt(secret, 'metadata', 'resourceVersion') ?? '',
    };
  }

  async create(change: SecretChange): Promise<void> {
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { ...this.#address, labels: LABELS },
      data: encoded(change),
    };
    await onCondition(this.#writer.create(this.#collection, body));
  }

  async update(change: SecretChange, resourceVersion: string): Promise<void> {
    // Named in the body, the version is a condition; null takes a key away.
    const body = {
      metadata: { resourceVersion },
      data: Object.fromEntries(SECRET_KEYS.map((key) => [key, encoded(change)[key] ?? null])),
    };
    await onCondition(this.#writer.patch(this.#path, body, 'merge'));
  }
}

function encoded(change: SecretChange): Record<string, string> {
  return Object.fromEntries(
    Object.entries(change).flatMap(([key, text]) =>
      text === undefined ? [] : [[key, Buffer.from(text).toString('base64')]],
    ),
  );
}

function decoded(data: unknown): SecretData {
  return Object.fromEntries(
    Object.entries(isRecord(data) ? data : {}).flatMap(([key, text]) =>
      typeof text === 'string' ? [[key, Buffer.from(text, 'base64').toString('utf8')]] : [],
    ),
  );
}
