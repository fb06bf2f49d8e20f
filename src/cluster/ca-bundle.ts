import { AdmissionregistrationV1Api, type KubeConfig, PatchStrategy } from '@kubernetes/client-node';
import type { BundleEntry, BundleStore, Configuration } from '../../certs/stores.ts';
import { found, requestOptions, written } from './api-options.ts';

export interface ConfigurationNames {
  readonly mutating: string;
  readonly validating: string;
}

/** As much of a configuration as is read here. */
interface ConfigurationView {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly clientConfig: {
      readonly caBundle?: string;
      readonly service?: { readonly name: string; readonly namespace: string };
      readonly url?: string;
    };
  }[];
}

/** Names of field managers are what GitOps tools are told to ignore. */
const FIELD_MANAGER = 't-local-volume-certs';

/** The caBundles of our two configurations. Of anything else in them nothing is ever written. */
export class CaBundle implements BundleStore {
  readonly #api: AdmissionregistrationV1Api;
  readonly #names: ConfigurationNames;

  constructor(config: KubeConfig, names: ConfigurationNames) {
    this.#api = config.makeApiClient(AdmissionregistrationV1Api);
    this.#names = names;
  }

  async read(): Promise<readonly Configuration[]> {
    const { mutating, validating } = this.#names;
    return Promise.all([
      configuration(
        'MutatingWebhookConfiguration',
        mutating,
        this.#api.readMutatingWebhookConfiguration({ name: mutating }, requestOptions()),
      ),
      configuration(
        'ValidatingWebhookConfiguration',
        validating,
        this.#api.readValidatingWebhookConfiguration({ name: validating }, requestOptions()),
      ),
    ]);
  }

  async write(seen: Configuration, caBundle: string): Promise<void> {
    const request = { name: seen.name, body: patchOf(seen, caBundle), fieldManager: FIELD_MANAGER };
    const options = requestOptions(PatchStrategy.JsonPatch);
    await written(
      seen.kind === 'MutatingWebhookConfiguration'
        ? this.#api.patchMutatingWebhookConfiguration(request, options)
        : this.#api.patchValidatingWebhookConfiguration(request, options),
    );
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

async function configuration(
  kind: string,
  name: string,
  read: Promise<ConfigurationView>,
): Promise<Configuration> {
  const view = await found(read);
  if (!view) return { kind, name };
  return { kind, name, entries: (view.webhooks ?? []).map(entryOf) };
}

function entryOf({ name, clientConfig }: NonNullable<ConfigurationView['webhooks']>[number]): BundleEntry {
  const { caBundle = '', service, url } = clientConfig;
  const host = service ? `${service.name}.${service.namespace}.svc` : hostOf(url);
  return { webhook: name, caBundle: decoded(caBundle), ...(host === undefined ? {} : { host }) };
}

/** Without the brackets of an IPv6 address, as certificates have it. */
function hostOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, '$1');
}

// Byte for byte, or the condition of the next write would be another text.
const encoded = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const decoded = (text: string) => Buffer.from(text, 'base64').toString('latin1');
