import type { Command } from 'commander';
import { DNS_LABEL_MAX, DNS_LABEL_PATTERN, PORT_RANGE } from '../../src/tars/patterns.ts';

/*
 * What a value of the chart may be, in JSON Schema draft 7, which Helm has checked since version 3. Patterns are
 * written in what RE2 and JavaScript read alike.
 */

export type Schema = Readonly<Record<string, unknown>>;

/** An amount as Kubernetes writes it; the agent and the API server read every one of these. */
export const QUANTITY_PATTERN = '^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$';

/** A share such as `10%`, or an amount. */
export const RESERVE_PATTERN = `^[0-9]{1,2}(\\.[0-9]+)?%$|${QUANTITY_PATTERN}`;

/** Absolute, not `/` itself, without `.` and `..`, empty parts, and the colon that container runtimes split on. */
const PATH_PART = '/([^/:.][^/:]*|\\.[^/:.][^/:]*|\\.\\.[^/:]+)';
export const ROOT_PATTERN = `^(${PATH_PART})+$`;

/** A map that has these keys and no others. */
export function closed(
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    properties,
    ...(required.length > 0 ? { required } : {}),
  };
}

export const text = (pattern: string, more: Schema = {}): Schema => ({ type: 'string', pattern, ...more });
export const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });
export const list = (of: Schema): Schema => ({ type: 'array', items: of });
/** Where an empty list would mean: everything. */
export const someOf = (of: Schema): Schema => ({ ...list(of), minItems: 1 });
export const BOOLEAN: Schema = { type: 'boolean' };

export const NAMESPACES = list(text(DNS_LABEL_PATTERN, { maxLength: DNS_LABEL_MAX }));

const AMOUNTS: Schema = {
  type: 'object',
  additionalProperties: { type: ['string', 'number'], pattern: QUANTITY_PATTERN, minimum: 0 },
};
export const RESOURCES = closed({ requests: AMOUNTS, limits: AMOUNTS });

export const NODE_SELECTOR: Schema = { type: 'object', additionalProperties: { type: 'string' } };

export const TOLERATIONS = list(
  closed({
    key: { type: 'string' },
    operator: oneOf('Exists', 'Equal'),
    value: { type: 'string' },
    effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
    tolerationSeconds: { type: 'integer' },
  }),
);

/** What is in them the API server checks. */
const TERMS: Schema = { type: 'object' };
export const AFFINITY = closed({ nodeAffinity: TERMS, podAffinity: TERMS, podAntiAffinity: TERMS });

export const PORT: Schema = { type: 'integer', minimum: PORT_RANGE.min, maximum: PORT_RANGE.max };
export const PEER = closed({ namespaceSelector: TERMS, podSelector: TERMS, ipBlock: TERMS });

const COUNT_OR_SHARE: Schema = { type: ['integer', 'string'], minimum: 0, pattern: '^[0-9]+%$' };
export const UPDATE_STRATEGY = closed({
  type: oneOf('RollingUpdate', 'OnDelete'),
  rollingUpdate: closed({ maxUnavailable: COUNT_OR_SHARE, maxSurge: COUNT_OR_SHARE }),
});

/** Flags of a command: those that neither the manifests nor values of their own set, nor anybody in a pod should. */
export function flags(command: Command, taken: ReadonlySet<string>): Schema {
  const free = command.options.filter(
    ({ long, envVar }) => long && !taken.has(long) && !taken.has(envVar ?? '') && !NOT_IN_A_POD.has(long),
  );
  const patterns = [
    [free.filter((option) => option.required), '=.+'] as const,
    [free.filter((option) => option.isBoolean()), ''] as const,
  ];
  const alternatives = patterns
    .filter(([options]) => options.length > 0)
    .map(([options, end]) => `--(${options.map(({ long }) => long!.slice(2)).join('|')})${end}`);
  return list(text(`^(${alternatives.join('|')})$`));
}

const NOT_IN_A_POD = new Set([
  // It is in the cluster.
  '--kubeconfig',
  // It ends when it is done.
  '--init-pool',
  // Names are what the manifests say.
  '--service-name',
  '--secret-name',
  '--configuration-name',
  // Certificates are what `certificates` says, which changes more than flags.
  '--self-managed-certs',
  '--tls-cert-file',
  '--tls-private-key-file',
  // So is `relaxedHostname`.
  '--allow-other-hostname',
]);
