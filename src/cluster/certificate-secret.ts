import { CoreV1Api, type KubeConfig, PatchStrategy } from '@kubernetes/client-node';
import { SECRET_KEYS, type SecretData } from '../../certs/state.ts';
import type { SecretChange, SecretStore, StoredSecret } from '../../certs/stores.ts';
import { found, requestOptions, written } from './api-options.ts';

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
  readonly #api: CoreV1Api;
  readonly #address: SecretAddress;

  constructor(config: KubeConfig, address: SecretAddress) {
    this.#api = config.makeApiClient(CoreV1Api);
    this.#address = address;
  }

  async read(): Promise<StoredSecret | undefined> {
    const secret = await found(this.#api.readNamespacedSecret(this.#address, requestOptions()));
    if (!secret) return undefined;
    return { data: decoded(secret.data ?? {}), resourceVersion: secret.metadata?.resourceVersion ?? '' };
  }

  async create(change: SecretChange): Promise<void> {
    const { namespace, name } = this.#address;
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name, namespace, labels: LABELS },
      data: encoded(change),
    };
    await written(this.#api.createNamespacedSecret({ namespace, body }, requestOptions()));
  }

  async update(change: SecretChange, resourceVersion: string): Promise<void> {
    // Named in the body, the version is a condition; null takes a key away.
    const body = {
      metadata: { resourceVersion },
      data: Object.fromEntries(SECRET_KEYS.map((key) => [key, encoded(change)[key] ?? null])),
    };
    await written(
      this.#api.patchNamespacedSecret({ ...this.#address, body }, requestOptions(PatchStrategy.MergePatch)),
    );
  }
}

function encoded(change: SecretChange): Record<string, string> {
  return Object.fromEntries(
    Object.entries(change).flatMap(([key, text]) =>
      text === undefined ? [] : [[key, Buffer.from(text).toString('base64')]],
    ),
  );
}

function decoded(data: Readonly<Record<string, string>>): SecretData {
  return Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]),
  );
}
