import type { BundleEntry, BundleStore, Configuration } from '../../certs/stores.ts';
import { textAt, valueAt } from '../tars/json.ts';
import type { ApiWriter } from './api-writer.ts';
import { onCondition } from './conditional-write.ts';

export interface ConfigurationNames {
  readonly mutating: string;
  readonly validating: string;
}

/** Names of field managers are what GitOps tools are told to ignore. */
const FIELD_MANAGER = 't-local-volume-certs';

const pathOf = ({ kind, name }: Configuration): string =>
  `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s/${encodeURIComponent(name)}`;

/** The caBundles of our two configurations. Of anything else in them nothing is ever written. */
export class CaBundle implements BundleStore {
  readonly #writer: Pick<ApiWriter, 'get' | 'patch'>;
  readonly #names: ConfigurationNames;

  constructor(writer: Pick<ApiWriter, 'get' | 'patch'>, names: ConfigurationNames) {
    this.#writer = writer;
    this.#names = names;
  }

  read(): Promise<readonly Configuration[]> {
    const { mutating, validating } = this.#names;
    return Promise.all([
      this.#configuration({ kind: 'MutatingWebhookConfiguration', name: mutating }),
      this.#configuration({ kind: 'ValidatingWebhookConfiguration', name: validating }),
    ]);
  }

  async write(seen: Configuration, caBundle: string): Promise<void> {
    const path = `${pathOf(seen)}?fieldManager=${FIELD_MANAGER}`;
    await onCondition(this.#writer.patch(path, patchOf(seen, caBundle), 'json'));
  }

  async #configuration(address: Configuration): Promise<Configuration> {
    const json = await this.#writer.get(pathOf(address));
    if (!json) return address;
    const webhooks = valueAt(json, ['webhooks']);
    return { ...address, entries: Array.isArray(webhooks) ? webhooks.map(entryOf) : [] };
  }
}

/**
 * Every webhook's bundle, on condition that webhooks and bundles are as they were read. That, and not the resource
 * version, so that whoever writes other fields all the time does not keep us from it. Where there is no bundle yet it
 * is null that the API server finds there (tried).
 */
function patchOf({ entries = [] }: Configuration, caBundle: string): object[] {
  return entries.flatMap(({ webhook, caBundle: old }, index) => {
    const path = `/webhooks/${index}/clientConfig/caBundle`;
    return [
      { op: 'test', path: `/webhooks/${index}/name`, value: webhook },
      { op: 'test', path, value: old === '' ? null : encoded(old) },
      { op: 'add', path, value: encoded(caBundle) },
    ];
  });
}

function entryOf(webhook: unknown): BundleEntry {
  const at = (...path: string[]): string | undefined => textAt(webhook, 'clientConfig', ...path);
  const service = at('service', 'name');
  const host = service === undefined ? hostOf(at('url')) : `${service}.${at('service', 'namespace')}.svc`;
  return {
    webhook: textAt(webhook, 'name') ?? '',
    caBundle: decoded(at('caBundle') ?? ''),
    ...(host === undefined ? {} : { host }),
  };
}

/** Without the brackets of an IPv6 address, as certificates have it. */
function hostOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, '$1');
}

// Byte for byte, or the condition of the next write would be another text.
const encoded = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const decoded = (text: string) => Buffer.from(text, 'base64').toString('latin1');
